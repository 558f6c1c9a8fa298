"""Signs that this machine will be taken away: SIGTERM, and Google Cloud's notice."""

import contextlib
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator

import jax

_POLL = 5.0  # Seconds; the notice comes a minute ahead, for spot machines 30 s.
# What means that the machine stays.
# https://cloud.google.com/compute/docs/metadata/getting-live-migration-notice
_STAYS = {"instance/maintenance-event": "NONE", "instance/preempted": "FALSE"}


@contextlib.contextmanager
def notice() -> Iterator[Callable[[], bool]]:
  """Inside, SIGTERM only sets a flag, as does Google's notice; yields how to read it.

  The notice is asked for on TPUs, and where GCE_METADATA_HOST names a server.
  """
  flag, over = threading.Event(), threading.Event()
  restore = lambda: None
  if threading.current_thread() is threading.main_thread():
    # Python delivers signals to the main thread only.
    before = signal.signal(signal.SIGTERM, lambda *_: flag.set())
    restore = lambda: signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
  server = os.environ.get("GCE_METADATA_HOST")
  if server is None and jax.default_backend() == "tpu":
    server = "metadata.google.internal"
  if server is not None:
    threading.Thread(target=_ask, args=(server, flag, over), daemon=True).start()
  try:
    yield flag.is_set
  finally:
    over.set()
    restore()


def _ask(server: str, flag: threading.Event, over: threading.Event) -> None:
  while not over.is_set() and not flag.is_set():
    for key, stays in _STAYS.items():
      value = _read(f"http://{server}/computeMetadata/v1/{key}")
      if value not in (stays, None):
        print(f"{key} of this machine is {value}: stopping.", file=sys.stderr,
              flush=True)
        flag.set()
        return
    over.wait(_POLL)


def _read(url: str) -> str | None:
  """The value, or None while the server does not answer or does not know the key."""
  request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
  try:
    with urllib.request.urlopen(request, timeout=_POLL) as answer:
      return answer.read().decode().strip()
  except (OSError, UnicodeError):
    return None
