"""Signs that the machine will be taken away."""

import contextlib
import http.server
import os
import signal
import threading
import time

import pytest

from vision_banana.train import preemption


@contextlib.contextmanager
def metadata(values):
  """A server like Google's; yields its address."""
  class Handler(http.server.BaseHTTPRequestHandler):

    def do_GET(self):  # pylint: disable=invalid-name
      key = self.path.removeprefix("/computeMetadata/v1/")
      known = key in values and self.headers["Metadata-Flavor"] == "Google"
      self.send_response(200 if known else 404)
      self.end_headers()
      if known:
        self.wfile.write(values[key].encode())

    def log_message(self, *_):
      pass

  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def wait_for(condition) -> bool:
  end = time.monotonic() + 30
  while not condition() and time.monotonic() < end:
    time.sleep(0.01)
  return condition()


def test_sigterm_sets_the_flag_and_is_given_back_after():
  before = signal.getsignal(signal.SIGTERM)
  with preemption.notice() as noticed:
    assert not noticed()
    os.kill(os.getpid(), signal.SIGTERM)
    assert wait_for(noticed)
  assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("key, value", [
    ("instance/maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE"),
    ("instance/preempted", "TRUE"),
])
def test_googles_notice_sets_it(monkeypatch, capsys, key, value):
  monkeypatch.setattr(preemption, "_POLL", 0.01)
  values = {"instance/maintenance-event": "NONE", "instance/preempted": "FALSE"}
  with metadata(values) as server:
    monkeypatch.setenv("GCE_METADATA_HOST", server)
    with preemption.notice() as noticed:
      time.sleep(0.1)
      assert not noticed()
      values[key] = value
      assert wait_for(noticed)
  assert f"{key} of this machine is {value}" in capsys.readouterr().err


def test_a_server_that_is_not_there_or_knows_nothing_means_nothing(monkeypatch):
  monkeypatch.setattr(preemption, "_POLL", 0.01)
  with metadata({}) as server:
    for address in (server, "127.0.0.1:1"):
      monkeypatch.setenv("GCE_METADATA_HOST", address)
      with preemption.notice() as noticed:
        time.sleep(0.1)
        assert not noticed()
