"""What a run says and keeps while it trains: progress lines, metrics, pictures."""

import collections
import contextlib
import math
import pathlib
import time
from collections.abc import Iterator

import jax
import numpy as np

from vision_banana.errors import UserError
from vision_banana.train import metrics_writer, optim
from vision_banana.train.checkpoint import Checkpointer
from vision_banana.train.config import Experiment

# Steps handed to the device ahead of time: enough to hide the host's work, few
# enough that a stop is near.
IN_FLIGHT = 2


class Progress:
  """The log of a run, and its guard against numbers that are not finite.

  Metrics stay on the device until a line is due, so that logging never makes
  the device wait for the host.
  """

  def __init__(self, config: Experiment, workdir: pathlib.Path, step: int,
               tasks: tuple[str, ...], saved: Checkpointer):
    self._config, self._workdir, self._tasks = config, workdir, tasks
    self._saved = saved
    self._writer = None
    if jax.process_index() == 0:
      self._writer = metrics_writer.MetricsWriter(workdir, step)
    self._schedule = optim.schedule(config.optim, config.train.steps)
    self._pending: collections.deque = collections.deque()
    self._clock = self._window_start = time.monotonic()
    self._reset()

  def _reset(self) -> None:
    self._seen: list[dict[str, np.ndarray]] = []
    # Steps before the window of time, and seconds of waiting in it.
    self._untimed, self._waited = 0, 0.0

  @contextlib.contextmanager
  def waiting(self) -> Iterator[None]:
    """Counts the time inside as waiting for data."""
    start = time.monotonic()
    yield
    self._waited += time.monotonic() - start

  def start_clock(self) -> None:
    """Starts the budget and the throughput after the step is compiled."""
    self.check()
    self._clock = self._window_start = time.monotonic()
    self._untimed, self._waited = len(self._seen), 0.0

  def minutes(self) -> float:
    """Since `start_clock`."""
    return (time.monotonic() - self._clock) / 60

  def add(self, step: int, metrics: dict[str, jax.Array]) -> None:
    """Takes the metrics of a step; waits for the device only when far ahead."""
    self._pending.append((step, metrics))
    if len(self._pending) > IN_FLIGHT:
      jax.block_until_ready(self._pending[-1 - IN_FLIGHT][1])

  def check(self) -> None:
    """Waits for all steps.

    Raises:
      UserError: a loss or gradient was not finite.
    """
    for step, metrics in jax.device_get(list(self._pending)):
      for name in ("loss", "grad_norm"):
        if not math.isfinite(metrics[name]):
          self._saved.wait()
          last = self._saved.latest()
          where = (f"last good checkpoint: {self._saved.path(last)}"
                   if last is not None else "there is no checkpoint yet")
          raise UserError(f"{name} is {metrics[name]} at step {step}; {where}. "
                          "Lower config.optim.lr or config.optim.clip_norm.")
      self._seen.append(metrics)
    self._pending.clear()

  def write(self, step: int) -> None:
    """Writes the means since the last line, and says them."""
    self.check()
    now = time.monotonic()
    seconds = max(now - self._window_start, 1e-9)
    mean = lambda name: float(np.mean([m[name] for m in self._seen]))
    sums, counts = (np.sum([m[n] for m in self._seen], 0)
                    for n in ("task_loss", "task_count"))
    by_task = {t: float(s / n) for t, s, n in zip(self._tasks, sums, counts) if n}
    timed = self._seen[self._untimed:]
    rate = float(np.sum([m["task_count"] for m in timed])) / seconds
    values = {"loss": mean("loss"), "grad_norm": mean("grad_norm")}
    if "auxiliary" in self._seen[0]:
      values["auxiliary"] = mean("auxiliary")
    values |= {f"loss/{task}": loss for task, loss in by_task.items()}
    values |= {"lr": float(self._schedule(step - 1)), "samples_per_second": rate,
               "data_wait": self._waited / seconds}
    if self._writer:
      self._writer.scalars(step, values)
    total = self._config.train.steps
    left = (total - step) * seconds / len(self._seen)
    if self._config.train.minutes:
      left = min(left, (self._config.train.minutes - self.minutes()) * 60)
    tasks = "  ".join(f"{t} {v:.4f}" for t, v in by_task.items())
    say(f"step {step}/{total}  loss {values['loss']:.4f}  [{tasks}]  "
         f"{rate:.1f} samples/s  data wait {values['data_wait']:.0%}  "
         f"ETA {_duration(left)}")
    self._reset()
    self._window_start = now

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Keeps a sample grid, uint8 [H, W, 3], as PNG and in TensorBoard."""
    if self._writer:
      self._writer.image(step, "samples", grid)

  def close(self) -> None:
    if self._writer:
      self._writer.close()


def _duration(seconds: float) -> str:
  minutes, seconds = divmod(max(round(seconds), 0), 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s"


def say(line: str) -> None:
  """Prints a line, once on a pod."""
  if jax.process_index() == 0:
    print(line, flush=True)
