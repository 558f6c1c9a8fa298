"""One pure training step over plain dicts, the same for every task."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

State = dict[str, Any]
Batch = dict[str, jax.Array]


def init_state(params: Any, tx: optax.GradientTransformation) -> State:
  """A fresh state around `params`: {params, opt_state, ema, step}.

  Args:
    params: nested dict of float32 arrays.
    tx: the optimiser.
  """
  return {
      # Copies, not aliases: the step donates both.
      "params": jax.tree.map(jnp.copy, params),
      "opt_state": tx.init(params),
      "ema": jax.tree.map(jnp.copy, params),
      "step": jnp.zeros([], jnp.int32),
  }


def make_step(
    generator: Any, tx: optax.GradientTransformation, *, ema_decay: float,
    seed: int, tasks: Sequence[str],
    combine: Callable[[Any, Any], Any] = lambda params, fixed: params,
) -> Callable[[State, Batch, Any], tuple[State, dict[str, jax.Array]]]:
  """Makes `step(state, batch, fixed) -> (state, metrics)`, to be jitted by the caller.

  Randomness is a function of seed and step only, so that a resumed run repeats
  an uninterrupted one bit for bit. Targets are coloured inside
  `generator.loss`, on the device.

  Args:
    generator: see `vision_banana.generators.base.Generator`.
    tx: the optimiser.
    ema_decay: decay of the averaged weights per step. Early on it is
      (1 + step) / (10 + step), so that short runs are not stuck at the start.
    seed: the run's seed.
    tasks: names behind the batch's `task` indices [B].
    combine: (params of the state, `fixed`) → all parameters of the generator.

  Returns:
    The step. Its metrics are float32: `loss`, `grad_norm` (before clipping),
    and `task_loss`, `task_count` [T]: sums over the batch's samples of each
    task, so that a window's mean per task is the ratio of two sums.
  """
  def step(state: State, batch: Batch, fixed: Any = None
           ) -> tuple[State, dict[str, jax.Array]]:
    key = jax.random.fold_in(jax.random.key(seed), state["step"])
    loss_of = lambda params: generator.loss(combine(params, fixed), batch, key)
    (loss, aux), grads = jax.value_and_grad(loss_of, has_aux=True)(state["params"])
    updates, opt_state = tx.update(grads, state["opt_state"], state["params"])
    params = optax.apply_updates(state["params"], updates)
    count = state["step"].astype(jnp.float32)
    decay = jnp.minimum(ema_decay, (1.0 + count) / (10.0 + count))
    ema = jax.tree.map(
        lambda e, p: e + (1.0 - decay) * (p - e), state["ema"], params)
    per_task = lambda x: jax.ops.segment_sum(
        x.astype(jnp.float32), batch["task"], num_segments=len(tasks))
    metrics = {
        "loss": loss.astype(jnp.float32),
        "grad_norm": optax.tree.norm(grads),
        "task_loss": per_task(aux["loss_per_sample"]),
        "task_count": per_task(jnp.ones_like(aux["loss_per_sample"])),
    }
    new_state = {"params": params, "opt_state": opt_state, "ema": ema,
                 "step": state["step"] + 1}
    return new_state, metrics
  return step
