"""The only training loop."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from vision_banana.errors import UserError
from vision_banana.train import auxiliary, checkpoint, hosts, optim, partitioning
from vision_banana.train import preemption, progress, trained
from vision_banana.train import step as step_lib
from vision_banana.train.config import Experiment
from vision_banana.train.progress import Progress, say

# Why a run stops early; of several processes' reasons the last named one counts.
_REASONS = ("", "minutes", "SIGTERM")


@dataclasses.dataclass(frozen=True)
class Result:
  """How a run ended.

  Attributes:
    step: steps done, over all processes of this workdir.
    reason: 'done', 'minutes' (the budget is spent) or 'SIGTERM', also when the
      machine is announced to be taken away.
    compilations: of the train step in this process.
  """
  step: int
  reason: str
  compilations: int


def fit(
    config: Experiment, workdir: pathlib.Path | str, generator: Any, data: Any, *,
    tasks: tuple[str, ...], params: Any = None, part: trained.Trained | None = None,
    draw: Callable[[Any], np.ndarray] | None = None,
    export: Callable[[Any, int], None] | None = None,
    note: Callable[..., None] = lambda at, slow=False: None,
    started: Callable[[], None] = lambda: None,
) -> Result:
  """Trains until the steps or the minutes of the config are spent.

  Starts from the newest readable checkpoint of `workdir`, else from `params`,
  else from `generator.init`.

  Args:
    config: the experiment.
    workdir: folder of the run; made if need be.
    generator: see `vision_banana.generators.base.Generator`.
    data: iterator of this process's rows of batches (dicts of numpy arrays, batch
      axis first; `partitioning.rows`) with `get_state` and `set_state`.
    tasks: names behind the batches' `task` indices.
    params: weights to start from, of those that are trained.
    part: which are; None trains all. `params` and `part.fixed` are emptied when they
      lie on the devices, so that nothing holds them twice.
    draw: averaged weights, all of them → sample grid, uint8 [H, W, 3].
    export: (averaged weights that are trained, step) → None; keeps them for use.
      Called in process 0 only, and again when there is nothing left to train.
    note: told what is done next, see `hosts.Watch.note`.
    started: called when the state is there, so that `workdir` is this run's.

  Raises:
    UserError: loss or gradient is not finite, the data ends, no checkpoint can
      be read, or the disk cannot be written.
  """
  workdir, c = pathlib.Path(workdir), config.train
  mesh = partitioning.make_mesh(config.mesh)
  partitioning.check_batch(config.data.batch_size, c.accumulate, mesh)
  tx = optim.make(config.optim, c.steps)
  part = part or trained.Trained(generator.init)
  fixed = partitioning.place(part.fixed, partitioning.shardings(part.fixed, mesh))
  part.fixed.clear()
  with contextlib.ExitStack() as stack:
    stack.enter_context(jax.set_mesh(mesh))
    saved = stack.enter_context(checkpoint.Checkpointer(workdir, c.keep))
    state = start(config, part, tx, mesh, saved, data, params)
    if params:
      params.clear()
    started()
    step = jit_step(config, generator, part, tx, mesh, state, tasks)
    done = first = int(state["step"])
    if done >= c.steps:
      say(f"{workdir}: already trained to step {done} of {c.steps}.")
      if export:  # The end may have come between the checkpoint and the model.
        note(f"writing the model of step {done}", slow=True)
        _export(export, state, done)
      return Result(done, "done", 0)
    terminated = stack.enter_context(preemption.notice())
    agreed = hosts.Agreement(progress.IN_FLIGHT)
    log = stack.enter_context(
        contextlib.closing(Progress(config, workdir, done, tasks, saved)))
    reason, shapes = "", set()
    while not reason:
      note(f"data of step {done + 1}", slow=done == first)
      with log.waiting():
        try:
          batch = next(data)
        except StopIteration:
          raise UserError(f"config.data: the data ended after step {done}; let it "
                          "repeat or lower config.train.steps.") from None
      batch.pop("prompt", None)  # For people; devices take numbers.
      shape = tuple(x.shape for x in batch.values())
      note(f"step {done + 1}", slow=shape not in shapes)  # A new one is compiled.
      shapes.add(shape)
      state, metrics = step(
          state, partitioning.put_batch(batch, mesh), fixed)
      done += 1
      log.add(done, metrics)
      if done == first + 1:
        log.start_clock()
      spent = bool(c.minutes) and log.minutes() >= c.minutes
      reason = _REASONS[agreed(2 if terminated() else int(spent))]
      if done == c.steps and reason != "SIGTERM":
        reason = "done"
      if reason or done % c.log_every == 0:
        log.write(done)
      if reason or done % c.checkpoint_every == 0:
        note(f"saving step {done}", slow=True)
        log.check()
        saved.save(state, data.get_state())
        if export and reason != "SIGTERM":
          _export(export, state, done)
      if draw and c.sample_every and reason != "SIGTERM" and (
          reason or done % c.sample_every == 0):
        note(f"pictures of step {done}", slow=True)
        log.picture(done, draw(part.combine(step_lib.averaged(state), fixed)))
  say({"done": f"done: {done} steps, {saved.path(done)}",
       "minutes": f"stopped at step {done}: {c.minutes:g} minutes are spent, "
                  f"{saved.path(done)}",
       "SIGTERM": f"SIGTERM: saved step {done} to {saved.path(done)}; the same "
                  "command goes on from there."}[reason])
  return Result(done, reason, step._cache_size())


def _export(export: Callable[[Any, int], None], state: Any, step: int) -> None:
  """Has process 0 export the averaged weights; returns in all when it has.

  A slow disk would else let the others run into the next step, which may not take long.
  """
  averaged = hosts.gather(step_lib.averaged(state))
  if jax.process_index() == 0:
    export(averaged, step)
  hosts.together(True)


def jit_step(
    config: Experiment, generator: Any, part: trained.Trained, tx: Any, mesh: Mesh,
    state: Any, tasks: tuple[str, ...],
) -> Any:
  """The train step, (state, batch, fixed) → (state, metrics), to run or to lower.

  Args:
    config, generator, part, tasks: as in `fit`.
    tx: the optimiser.
    mesh: of the devices.
    state: arrays or shapes; donated when it runs.
  """
  c = config.train
  step = step_lib.make_step(
      generator, tx, ema_decay=c.ema_decay, seed=config.seed, tasks=tasks,
      combine=part.combine, accumulate=c.accumulate, grad_dtype=c.grad_dtype,
      auxiliary=auxiliary.make(config.auxiliary, config.flow.depth))
  return jax.jit(step, donate_argnums=0, out_shardings=(
      partitioning.shardings(state, mesh), partitioning.replicated(mesh)))


def start(
    config: Experiment, part: trained.Trained, tx: Any, mesh: Mesh,
    saved: checkpoint.Checkpointer, data: Any, params: Any,
) -> step_lib.State:
  """The state to begin with, sharded; `data` is put where a checkpoint left it.

  Args and errors: as in `fit`; only `init` of `part` is used.
  """
  key = jax.random.key(config.seed)
  ema = config.train.ema
  fresh = lambda key: step_lib.init_state(part.init(key), tx, ema)
  shapes = jax.eval_shape(fresh, key)
  restored = saved.restore(partitioning.targets(shapes, mesh))
  if restored is not None:
    state, position = restored
    data.set_state(position)
    say(f"resuming from {saved.path(int(state['step']))}")
    return state
  placed = partitioning.shardings(shapes, mesh)
  if params is None:
    return jax.jit(fresh, out_shardings=placed)(key)
  params = partitioning.place(params, placed["params"])
  return jax.jit(
      lambda p: step_lib.init_state(p, tx, ema), out_shardings=placed)(params)
