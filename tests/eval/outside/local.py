"""A local HTTP server that plays an outside model, well or badly, as it is told."""

import contextlib
import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Behaviour = Callable[["Handler", dict[str, Any]], None]


class Handler(http.server.BaseHTTPRequestHandler):
  """Hands every POST to the server's behaviour."""
  protocol_version = "HTTP/1.1"

  def do_POST(self):  # pylint: disable=invalid-name
    body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
    with self.server.lock:
      self.server.seen.append((self.path, dict(self.headers), body))
    self.server.behaviour(self, body)

  def send(self, status: int, body: Any, **headers: str):
    """A whole answer; `body` is JSON, or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    self.send_response(status)
    for name, value in headers.items():
      self.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
      self.send_header("Content-Length", str(len(data)))
    self.end_headers()
    self.wfile.write(data)

  def say(self, text: str | None, tokens_in: int = 100, tokens_out: int = 5):
    """A good OpenAI answer."""
    self.send(200, {
        "choices": [{"message": {"role": "assistant", "content": text},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}})

  def cut(self):
    """Promises more than it sends."""
    self.send(200, b'{"choices": [{"mess', Content_Length="5000")
    self.close_connection = True

  def reset(self):
    """Ends the connection with no answer at all."""
    self.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    self.connection.close()
    self.close_connection = True

  def log_message(self, *args):
    del args


class Server(http.server.ThreadingHTTPServer):
  """127.0.0.1 on a free port.

  Attributes:
    seen: (path, headers, body) of every request.
    behaviour: what is done with a request; may be changed at any time.
  """
  daemon_threads = True

  def __init__(self, behaviour: Behaviour):
    super().__init__(("127.0.0.1", 0), Handler)
    self.behaviour, self.seen, self.lock = behaviour, [], threading.Lock()

  @property
  def url(self) -> str:
    return f"http://127.0.0.1:{self.server_port}/v1"

  def handle_error(self, request, client_address):
    """A client that gave up is what some tests are about."""


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[Server]:
  """Runs a server as long as the block does."""
  with Server(behaviour) as server:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
      yield server
    finally:
      server.shutdown()
      thread.join()


def first(bad: int, behaviour: Behaviour) -> Behaviour:
  """`behaviour` for the first `bad` requests, then the answer '(A) Yes'."""
  left = [bad]
  lock = threading.Lock()

  def behave(handler, body):
    with lock:
      left[0] -= 1
      again = left[0] >= 0
    return behaviour(handler, body) if again else handler.say("(A) Yes")
  return behave


def prompt_of(body: dict[str, Any]) -> str:
  """The words of an OpenAI request."""
  return body["messages"][0]["content"][-1]["text"]


def slowly(seconds: float, then: Behaviour) -> Behaviour:
  """Waits first."""
  def behave(handler, body):
    time.sleep(seconds)
    then(handler, body)
  return behave
