"""The only training loop."""

import collections
import contextlib
import dataclasses
import math
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from PIL import Image

from vision_banana.errors import UserError
from vision_banana.train import checkpoint, metrics_writer, optim, partitioning
from vision_banana.train import step as step_lib
from vision_banana.train.config import Experiment

# Steps handed to the device ahead of time: enough to hide the host's work, few
# enough that a stop is near.
_IN_FLIGHT = 2


@dataclasses.dataclass(frozen=True)
class Result:
  """How a run ended.

  Attributes:
    step: steps done, over all processes of this workdir.
    reason: 'done', 'minutes' (the budget is spent) or 'SIGTERM'.
    compilations: of the train step in this process.
  """
  step: int
  reason: str
  compilations: int


def fit(
    config: Experiment, workdir: pathlib.Path | str, generator: Any, data: Any, *,
    tasks: tuple[str, ...], params: Any = None,
    draw: Callable[[Any], np.ndarray] | None = None,
    export: Callable[[Any, int], None] | None = None,
) -> Result:
  """Trains until the steps or the minutes of the config are spent.

  Starts from the newest readable checkpoint of `workdir`, else from `params`,
  else from `generator.init`.

  Args:
    config: the experiment.
    workdir: folder of the run; made if need be.
    generator: see `vision_banana.generators.base.Generator`.
    data: iterator of batches (dicts of numpy arrays, batch axis first) with
      `get_state` and `set_state`.
    tasks: names behind the batches' `task` indices.
    params: weights to start from.
    draw: averaged weights → sample grid, uint8 [H, W, 3].
    export: (averaged weights, step) → None; keeps the model for use.

  Raises:
    UserError: loss or gradient is not finite, the data ends, no checkpoint can
      be read, or the disk cannot be written.
  """
  workdir, c = pathlib.Path(workdir), config.train
  mesh = partitioning.make_mesh(config.mesh)
  tx = optim.make(config.optim, c.steps)
  saved = checkpoint.Checkpointer(workdir, c.keep)
  state = _start(config, generator, tx, mesh, saved, data, params)
  step = jax.jit(
      step_lib.make_step(
          generator, tx, ema_decay=c.ema_decay, seed=config.seed, tasks=tasks),
      donate_argnums=0,
      out_shardings=(partitioning.shardings(state, mesh),
                     partitioning.replicated(mesh)))
  done = first = int(state["step"])
  if done >= c.steps:
    _say(f"{workdir}: already trained to step {done} of {c.steps}.")
    return Result(done, "done", 0)
  log = _Log(config, workdir, done, tasks, saved)
  reason = ""
  with _sigterm() as terminated, contextlib.closing(log), contextlib.closing(saved):
    while not reason:
      with log.waiting():
        try:
          batch = next(data)
        except StopIteration:
          raise UserError(f"config.data: the data ended after step {done}; let it "
                          "repeat or lower config.train.steps.") from None
      state, metrics = step(state, partitioning.put_batch(batch, mesh))
      done += 1
      log.add(done, metrics, len(batch["task"]) * jax.process_count())
      if done == first + 1:
        log.start_clock()
      if terminated():
        reason = "SIGTERM"
      elif done == c.steps:
        reason = "done"
      elif c.minutes and log.minutes() >= c.minutes:
        reason = "minutes"
      if reason or done % c.log_every == 0:
        log.write(done)
      if reason or done % c.checkpoint_every == 0:
        log.check()
        saved.save(state, data.get_state())
        if export and reason != "SIGTERM":
          export(jax.device_get(state["ema"]), done)
      if draw and c.sample_every and reason != "SIGTERM" and (
          reason or done % c.sample_every == 0):
        log.picture(done, draw(state["ema"]))
  _say({"done": f"done: {done} steps, {saved.path(done)}",
        "minutes": f"stopped at step {done}: {c.minutes:g} minutes are spent, "
                   f"{saved.path(done)}",
        "SIGTERM": f"SIGTERM: saved step {done} to {saved.path(done)}; the same "
                   "command goes on from there."}[reason])
  return Result(done, reason, step._cache_size())


def _start(
    config: Experiment, generator: Any, tx: Any, mesh: Mesh,
    saved: checkpoint.Checkpointer, data: Any, params: Any,
) -> step_lib.State:
  """The state to begin with; also puts `data` where the checkpoint left it."""
  key = jax.random.key(config.seed)
  fresh = lambda key: step_lib.init_state(generator.init(key), tx)
  shapes = jax.eval_shape(fresh, key)
  restored = saved.restore(partitioning.targets(shapes, mesh))
  if restored is not None:
    state, position = restored
    data.set_state(position)
    _say(f"resuming from {saved.path(int(state['step']))}")
    return state
  placed = partitioning.shardings(shapes, mesh)
  if params is None:
    return jax.jit(fresh, out_shardings=placed)(key)
  return jax.jit(lambda p: step_lib.init_state(p, tx), out_shardings=placed)(params)


class _Log:
  """What the run says, and the guard against numbers that are not finite.

  Metrics stay on the device until a line is due, so that logging never makes
  the device wait for the host.
  """

  def __init__(self, config: Experiment, workdir: pathlib.Path, step: int,
               tasks: tuple[str, ...], saved: checkpoint.Checkpointer):
    self._config, self._workdir, self._tasks = config, workdir, tasks
    self._saved = saved
    self._writer = metrics_writer.MetricsWriter(workdir, step)
    self._schedule = optim.schedule(config.optim, config.train.steps)
    self._pending: collections.deque = collections.deque()
    self._clock = self._window_start = time.monotonic()
    self._reset()

  def _reset(self) -> None:
    self._seen: list[dict[str, np.ndarray]] = []
    self._samples, self._waited = 0, 0.0

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
    self._samples, self._waited = 0, 0.0

  def minutes(self) -> float:
    """Since `start_clock`."""
    return (time.monotonic() - self._clock) / 60

  def add(self, step: int, metrics: dict[str, jax.Array], samples: int) -> None:
    """Takes the metrics of a step; waits for the device only when far ahead."""
    self._samples += samples
    self._pending.append((step, metrics))
    if len(self._pending) > _IN_FLIGHT:
      jax.block_until_ready(self._pending[-1 - _IN_FLIGHT][1])

  def check(self) -> None:
    """Waits for all steps.

    Raises:
      UserError: a loss or gradient was not finite.
    """
    for step, metrics in jax.device_get(list(self._pending)):
      for name in ("loss", "grad_norm"):
        if not math.isfinite(metrics[name]):
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
    rate = self._samples / seconds
    values = {"loss": mean("loss"), "grad_norm": mean("grad_norm")}
    values |= {f"loss/{task}": loss for task, loss in by_task.items()}
    values |= {"lr": float(self._schedule(step - 1)), "samples_per_second": rate,
               "data_wait": self._waited / seconds}
    self._writer.scalars(step, values)
    total = self._config.train.steps
    left = (total - step) * seconds / len(self._seen)
    if self._config.train.minutes:
      left = min(left, (self._config.train.minutes - self.minutes()) * 60)
    tasks = "  ".join(f"{t} {v:.4f}" for t, v in by_task.items())
    _say(f"step {step}/{total}  loss {values['loss']:.4f}  [{tasks}]  "
         f"{rate:.1f} samples/s  data wait {values['data_wait']:.0%}  "
         f"ETA {_duration(left)}")
    self._reset()
    self._window_start = now

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Keeps a sample grid, uint8 [H, W, 3], as PNG and in TensorBoard."""
    folder = self._workdir / "samples"
    folder.mkdir(exist_ok=True)
    Image.fromarray(grid).save(folder / f"{step:07d}.png")
    self._writer.image(step, "samples", grid)

  def close(self) -> None:
    self._writer.close()


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], bool]]:
  """Inside, SIGTERM only sets a flag; yields how to read it."""
  flag = threading.Event()
  if threading.current_thread() is not threading.main_thread():
    yield flag.is_set  # Python delivers signals to the main thread only.
    return
  before = signal.signal(signal.SIGTERM, lambda *_: flag.set())
  try:
    yield flag.is_set
  finally:
    signal.signal(signal.SIGTERM, before)


def _duration(seconds: float) -> str:
  minutes, seconds = divmod(max(round(seconds), 0), 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s"


def _say(line: str) -> None:
  if jax.process_index() == 0:
    print(line, flush=True)
