"""The page's server in a thread, for tests."""

import contextlib
import pathlib
import threading
from collections.abc import Callable, Iterator

from tests.eval.compare import folders
from vision_banana.eval.compare import server as server_lib
from vision_banana.eval.compare.votes import Votes


@contextlib.contextmanager
def serving(root: pathlib.Path) -> Iterator[Callable[..., server_lib.Server]]:
  """A function that serves `folders.two` of its arguments; all end with the block."""
  running = []

  def start(**arguments):
    found = folders.two(root, **arguments)
    votes = Votes(root / "votes.jsonl", found.items)
    server = server_lib.Server(found.items, votes, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    running.append((server, thread))
    return server

  try:
    yield start
  finally:
    for server, thread in running:
      server.shutdown()
      thread.join()
      server.server_close()
