"""One pure training step over plain dicts, the same for every task."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vision_banana.models import sharding
from vision_banana.train import optim, partitioning

State = dict[str, Any]
Batch = dict[str, jax.Array]

# Folded into a step's key for what is not noise of the loss: 'ema' as a number.
_AVERAGE = 0x656D61


def init_state(
    params: Any, tx: optax.GradientTransformation, ema: str = "float32") -> State:
  """A fresh state around `params`: {params, opt_state, ema, step}.

  Args:
    params: nested dict of float arrays; kept in float32.
    tx: the optimiser.
    ema: dtype of the averaged weights, or 'off' for a state without `ema`.
  """
  # Copies, not aliases: the step donates both.
  copy = lambda dtype: jax.tree.map(
      lambda x: jnp.array(x, dtype, copy=True), params)
  params = copy(jnp.float32)
  state = {"params": params, "opt_state": tx.init(params),
           "step": jnp.zeros([], jnp.int32)}
  return state if ema == "off" else state | {"ema": copy(ema)}


def averaged(state: State) -> Any:
  """The weights to use: averaged, or as they are where no average is kept."""
  return state.get("ema", state["params"])


def cast(params: Any, dtype: Any) -> Any:
  """Weight matrices in another dtype; scales, biases and statistics as they are."""
  dtype = jnp.dtype(dtype)
  return jax.tree_util.tree_map_with_path(
      lambda p, x: x.astype(dtype) if optim.is_matrix(optim.path_of(p), x.ndim)
      else x, params)


def make_step(
    generator: Any, tx: optax.GradientTransformation, *, ema_decay: float,
    seed: int, tasks: Sequence[str],
    combine: Callable[[Any, Any], Any] = lambda params, fixed: params,
    accumulate: int = 1, grad_dtype: str = "float32",
    auxiliary: Callable[[Any, Batch], jax.Array] | None = None,
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
    accumulate: pieces a batch is taken in, one after the other; B is a multiple.
      Noise is that of the whole batch, and gradients are summed in float32, so
      that only rounding tells a batch in pieces from one.
    grad_dtype: dtype in which weights are gathered, and gradients of matrices are
      made and summed over devices.
    auxiliary: (aux of the loss, batch) → what each sample adds to the loss, [B]; see
      `auxiliary.make`. None adds nothing, not even to the graph.

  Returns:
    The step. Its metrics are float32: `loss`, `grad_norm` (before clipping),
    and `task_loss`, `task_count` [T]: sums over the batch's samples of each
    task, so that a window's mean per task is the ratio of two sums. Task losses are
    the generator's own; what `auxiliary` adds on the mean is `auxiliary`.
  """
  def step(state: State, batch: Batch, fixed: Any = None
           ) -> tuple[State, dict[str, jax.Array]]:
    key = jax.random.fold_in(jax.random.key(seed), state["step"])

    def gradients(params, batch, drawn=None):
      """((loss, (loss per sample, {'auxiliary': …} or {})), gradients).

      Gradients are laid out as the parameters.
      """
      def loss_of(params):
        loss, aux = generator.loss(combine(params, fixed), batch, key, drawn)
        if auxiliary is None:
          return loss, (aux["loss_per_sample"], {})
        added = auxiliary(aux, batch).mean()
        return loss + added, (aux["loss_per_sample"], {"auxiliary": added})
      loss, grads = jax.value_and_grad(loss_of, has_aux=True)(params)
      return loss, partitioning.constrain(grads)

    # Before the gradient is taken, so that it comes in this dtype.
    params = cast(state["params"], grad_dtype)
    if accumulate == 1:
      (loss, (per_sample, extra)), grads = gradients(params, batch)
      task = batch["task"]
    else:
      pieces = jax.tree.map(
          lambda x: _pieces(x, accumulate), (batch, generator.draw(batch, key)))

      def add(total, piece):
        (loss, (per_sample, extra)), grads = gradients(params, *piece)
        total = jax.tree.map(lambda t, g: t + g.astype(jnp.float32), total, grads)
        return partitioning.constrain(total), (loss, per_sample, extra)

      zeros = partitioning.constrain(jax.tree.map(jnp.zeros_like, state["params"]))
      total, (losses, per_sample, extra) = jax.lax.scan(add, zeros, pieces)
      grads = jax.tree.map(lambda t: t / accumulate, total)
      loss, per_sample = losses.mean(), per_sample.reshape(-1)
      extra = jax.tree.map(jnp.mean, extra)
      task = pieces[0]["task"].reshape(-1)
    grads = jax.tree.map(lambda g: g.astype(jnp.float32), grads)
    updates, opt_state = tx.update(grads, state["opt_state"], state["params"])
    params = optax.apply_updates(state["params"], updates)
    new_state = {"params": params, "opt_state": opt_state, "step": state["step"] + 1}
    if "ema" in state:
      count = state["step"].astype(jnp.float32)
      decay = jnp.minimum(ema_decay, (1.0 + count) / (10.0 + count))
      new_state["ema"] = _average(
          state["ema"], params, decay, jax.random.fold_in(key, _AVERAGE))
    per_task = lambda x: jax.ops.segment_sum(
        x.astype(jnp.float32), task, num_segments=len(tasks))
    metrics = {
        "loss": loss.astype(jnp.float32),
        "grad_norm": optax.tree.norm(grads),
        "task_loss": per_task(per_sample),
        "task_count": per_task(jnp.ones_like(per_sample)),
        **extra,
    }
    return new_state, metrics
  return step


def _pieces(x: jax.Array, num: int) -> jax.Array:
  """[B, …] to [num, B / num, …]: every num-th sample, so that none changes device."""
  x = x.reshape(-1, num, *x.shape[1:]).swapaxes(0, 1)
  return sharding.constrain(x, None, sharding.BATCH)


def _average(ema: Any, params: Any, decay: jax.Array, key: jax.Array) -> Any:
  """The next averaged weights, in the dtype of `ema`."""
  def next_of(i, e, p):
    new = e.astype(jnp.float32)
    new = new + (1.0 - decay) * (p - new)
    if e.dtype == jnp.float32:
      return new
    return _round_randomly(new, e.dtype, jax.random.fold_in(key, i))

  leaves, tree = jax.tree.flatten(ema)
  return tree.unflatten(
      next_of(i, e, p) for i, (e, p) in enumerate(zip(leaves, jax.tree.leaves(params))))


def _round_randomly(x: jax.Array, dtype: Any, key: jax.Array) -> jax.Array:
  """float32 to bfloat16, up or down with the odds of how near either is.

  A step of an average is far below bfloat16's last bit, and would be lost to
  rounding to the nearest; so it is kept on the whole.
  """
  assert dtype == jnp.bfloat16, dtype
  noise = jax.random.bits(key, x.shape, jnp.uint16).astype(jnp.uint32)
  raw = jax.lax.bitcast_convert_type(x, jnp.uint32) + noise
  top = jax.lax.bitcast_convert_type(raw & jnp.uint32(0xFFFF0000), jnp.float32)
  return top.astype(dtype)
