"""Tries again what may pass: waits that double, with jitter; Retry-After honoured."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from vision_banana.eval.outside.endpoint import Busy, Unusable

T = TypeVar("T")


class Stopped(Exception):
  """Another question's failure ended the run while this one waited."""


class Retry:
  """The waits of all threads that ask one endpoint.

  When the endpoint names a time to wait, every thread waits it out, not only the
  one that was told.
  """

  def __init__(self, attempts: int = 6, first: float = 1.0, longest: float = 60.0,
               patience: float = 600.0, seed: int | None = None):
    """Sets the waits.

    Args:
      attempts: how often one question is asked at most.
      first: seconds before the second try; doubled for each further one.
      longest: seconds where the doubling ends.
      patience: a Retry-After of more seconds ends the run.
      seed: of the jitter; None = of the clock, so that machines differ.
    """
    self.attempts = attempts
    self._first, self._longest, self._patience = first, longest, patience
    self._random = random.Random(seed)
    self._stop = threading.Event()
    self._lock = threading.Lock()
    self._not_before = 0.0  # time.monotonic()

  def start(self) -> None:
    """Forgets a stop, for a new run."""
    self._stop.clear()

  def stop(self) -> None:
    """Ends all waits; who waits raises `Stopped`."""
    self._stop.set()

  @property
  def stopped(self) -> bool:
    """Whether `stop` was called since `start`."""
    return self._stop.is_set()

  def call(self, function: Callable[[], T]) -> T:
    """Calls until it does not raise `Busy`.

    Raises:
      Busy: the last one, after all attempts.
      Unusable: the endpoint asks for more patience than there is.
      Stopped: `stop` was called.
      Exception: any other of `function`, at once.
    """
    attempt = 0
    while True:
      # The wait may have grown meanwhile.
      while (left := self._not_before - time.monotonic()) > 0:
        self._wait(left)
      if self.stopped:
        raise Stopped
      attempt += 1
      try:
        return function()
      except Busy as e:
        if attempt >= self.attempts:
          raise
        with self._lock:
          jitter = self._random.uniform(0.5, 1)
        if e.after is None:
          self._wait(jitter * min(self._longest, self._first * 2 ** (attempt - 1)))
        elif e.after > self._patience:
          raise Unusable(f"{e}; it asks to wait {e.after:.0f} s") from e
        else:
          with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + e.after)
          # Not all at the same moment when it is over.
          self._wait(e.after + jitter * min(self._first, self._longest))

  def _wait(self, seconds: float) -> None:
    if self._stop.wait(seconds):
      raise Stopped
