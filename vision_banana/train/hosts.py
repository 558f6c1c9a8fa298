"""What the processes of a run do together: agree, gather, and watch each other."""

import collections
import contextlib
import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from vision_banana.errors import UserError
from vision_banana.train import jax_private

SILENCE = 60.0  # Seconds after which a process that says nothing is held for dead.
_KEYS = "vision_banana/"
# Start, compilation and saving may take so many times as long as a step.
_SLOW = 4
_DONE = "done"
_AGAIN = "Start all processes again with the same command to go on."


class Agreement:
  """The highest number that any process gave, the same in all, without waiting."""

  def __init__(self, lag: int):
    """`lag`: calls after which an answer is there; none on a single process."""
    self._lag, self._pending = lag, collections.deque()
    if jax.process_count() > 1:
      mesh = Mesh(np.array(jax.devices()), ("all",))
      self._each = NamedSharding(mesh, PartitionSpec("all"))
      self._highest = jax.jit(
          lambda x: x.max(), out_shardings=NamedSharding(mesh, PartitionSpec()))

  def __call__(self, number: int) -> int:
    """Gives `number` ≥ 0, gets the highest of `lag` calls ago (0 before that).

    All processes must call it as often.
    """
    if jax.process_count() == 1:
      return number
    self._pending.append(self._highest(jax.make_array_from_callback(
        (jax.device_count(),), self._each, lambda _: np.array([number], np.int32))))
    if len(self._pending) <= self._lag:
      return 0
    return int(self._pending.popleft())


def gather(tree: Any) -> Any:
  """Arrays as numpy, whole, in process 0; None in place of each in the others.

  All processes must call it. One array at a time is whole on the devices.
  """
  def whole(x: jax.Array) -> np.ndarray | None:
    if not x.is_fully_addressable:
      everywhere = NamedSharding(x.sharding.mesh, PartitionSpec())
      x = jax.jit(_identity, out_shardings=everywhere)(x).addressable_data(0)
    if jax.process_index() == 0:
      return np.asarray(x)
    jax.block_until_ready(x)  # The next one is not sent before this one is here.
    return None
  return jax.tree.map(whole, tree)


def _identity(x: jax.Array) -> jax.Array:
  return x


def together(good: bool) -> bool:
  """Whether it is good in all processes; waits for all."""
  if jax.process_count() == 1:
    return good
  return bool(np.all(multihost_utils.process_allgather(np.array(good))))


class Watch:
  """Says who holds up a run, and ends the program, where it would hang in silence.

  Every process keeps a line about itself in the key-value store. Process 0 looks
  for those that have gone silent; each looks whether it is still getting on.
  """

  def __init__(self, timeout: float):
    """`timeout`: seconds without progress that are too long."""
    self._timeout, self._patience = timeout, timeout * _SLOW
    self._silence = min(SILENCE, timeout)
    self._poll = min(5.0, self._silence / 5)
    self._at, self._count, self._since = "starting", 0, time.monotonic()
    self._over = threading.Event()
    self._client = jax_private.store()
    self._this = jax.process_index()
    self._seen: dict[int, tuple[Any, float]] = {}  # process → last beat, and when
    self._beat(self._since)  # One that dies at once is known by its host as well.
    self._thread = threading.Thread(target=self._run, daemon=True)
    self._thread.start()

  def note(self, at: str, slow: bool = False) -> None:
    """Progress: what is done next, such as 'step 12'; `slow` things may take longer."""
    self._patience = self._timeout * (_SLOW if slow else 1)
    self._at, self._count, self._since = at, self._count + 1, time.monotonic()

  def fail(self, reason: str) -> NoReturn:
    """Ends this process and, a moment later, the others, with the reason.

    Not by an exception: at the end of Python, jax would wait for all of them.
    """
    self._over.set()
    print(f"vision-banana: error: {reason}", file=sys.stderr, flush=True)
    self._put(f"failed/{self._this}", f"{self._name(self._this)} stopped: {reason}")
    time.sleep(2 * self._poll)  # Process 0 keeps the store; let the others read it.
    os._exit(2)

  def lost(self, error: Exception) -> NoReturn:
    """A computation with the others failed: waits until it is known who is gone."""
    reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
    print(f"{self._name(self._this)}: lost contact ({reason}); looking who is gone …",
          file=sys.stderr, flush=True)
    time.sleep(self._silence + 3 * self._poll)
    self.fail(f"{reason}. {_AGAIN}")

  def _run(self) -> None:
    while not self._over.wait(self._poll):
      try:
        self._beat(time.monotonic())
        for _, reason in self._client.key_value_dir_get(_KEYS + "failed/"):
          self._end(reason)
        if time.monotonic() - self._since > self._patience:
          self._end(f"no progress for {self._patience:g} s at '{self._at}'; "
                    f"{self._behind()}. {_AGAIN}")
        if self._this == 0:
          self._find_silent()
      except jax.errors.JaxRuntimeError as e:
        if self._over.is_set():
          return
        self._end(f"process 0, which keeps the run together, is gone "
                  f"({str(e).splitlines()[0][:200]}). {_AGAIN}")

  def close(self) -> None:
    """Ends the watching; this process is done and may be silent."""
    self._over.set()
    self._thread.join()
    self._beat(_DONE)

  def _beat(self, beat: float | str) -> None:
    self._put(f"at/{self._this}", json.dumps(
        {"host": socket.gethostname(), "at": self._at, "count": self._count,
         "beat": beat}))

  def _find_silent(self) -> None:
    """Process 0: declares the run failed when a process has stopped talking."""
    now = time.monotonic()
    lines = self._lines()
    silent = []
    for process in range(1, jax.process_count()):
      beat = lines.get(process, {}).get("beat")
      if process not in self._seen or self._seen[process][0] != beat:
        self._seen[process] = beat, now
      elif beat != _DONE and now - self._seen[process][1] > self._silence:
        silent.append(process)
    if silent:
      reason = (f"{'; '.join(self._name(p, lines) for p in silent)}: not heard of for "
                f"{self._silence:g} s. {_AGAIN}")
      self._put("failed/0", reason)
      time.sleep(2 * self._poll)
      self._end(reason)

  def _behind(self) -> str:
    lines = self._lines()
    counts = [lines.get(p, {}).get("count", -1) for p in range(jax.process_count())]
    low = min(counts)
    if low == max(counts):
      return "all processes are at the same place, waiting for storage or devices"
    late = [p for p, count in enumerate(counts) if count == low]
    return "waiting for " + "; ".join(self._name(p, lines) for p in late[:8])

  def _lines(self) -> dict[int, dict[str, Any]]:
    return {int(key.rpartition("/")[2]): json.loads(value) for key, value in
            self._client.key_value_dir_get(_KEYS + "at/")}

  def _name(self, process: int, lines: dict[int, dict[str, Any]] | None = None) -> str:
    if process == self._this:
      return f"process {process} on {socket.gethostname()}"
    line = (lines or {}).get(process)
    if line is None:
      return f"process {process}, which never began"
    return f"process {process} on {line['host']}, last at '{line['at']}'"

  def _put(self, key: str, value: str) -> None:
    try:
      self._client.key_value_set(_KEYS + key, value, allow_overwrite=True)
    except jax.errors.JaxRuntimeError:
      if not key.startswith("failed"):
        raise  # Who has failed is on its way out anyhow.

  def _end(self, reason: str) -> NoReturn:
    print(f"vision-banana: error: {reason}", file=sys.stderr, flush=True)
    os._exit(2)


@contextlib.contextmanager
def watch(timeout: float) -> Iterator[Callable[..., None]]:
  """Inside, hosts that hang or die are named; yields `Watch.note`.

  With several processes an error in one ends all of them here, exit status 2.
  """
  if jax.process_count() == 1:
    yield lambda at, slow=False: None
    return
  watching = Watch(timeout)
  try:
    yield watching.note
  except UserError as e:
    watching.fail(" ".join(str(e).split()))
  except (Exception, KeyboardInterrupt) as e:
    traceback.print_exc()
    if isinstance(e, jax.errors.JaxRuntimeError):
      watching.lost(e)
    watching.fail(f"{type(e).__name__}: {e}")
  watching.close()
