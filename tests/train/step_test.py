"""The step: one function of state and batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train import fakes
from vision_banana.train import step as step_lib

RATE = 0.5


def make(ema_decay: float = 0.9, seed: int = 0, ema: str = "float32", **kwargs):
  tx = optax.sgd(RATE)
  generator = fakes.LinearGenerator()
  made = step_lib.make_step(
      generator, tx, ema_decay=ema_decay, seed=seed, tasks=fakes.TASKS, **kwargs)
  state = step_lib.init_state(generator.init(jax.random.key(1)), tx, ema)
  return generator, jax.jit(made), state


def kernel(tree) -> np.ndarray:
  return np.asarray(tree["net"]["image_out"]["kernel"])


def test_one_step_is_gradient_descent_with_the_key_of_that_step():
  generator, step, state = make(seed=7)
  state = {**state, "step": jnp.asarray(41, jnp.int32)}
  batch = fakes.batch(0)
  key = jax.random.fold_in(jax.random.key(7), 41)
  (loss, _), grads = jax.value_and_grad(generator.loss, has_aux=True)(
      state["params"], batch, key)
  after, metrics = step(state, batch)
  assert int(after["step"]) == 42
  np.testing.assert_allclose(
      kernel(after["params"]),
      kernel(state["params"]) - RATE * kernel(grads), rtol=1e-4, atol=1e-6)
  assert float(metrics["loss"]) == pytest.approx(float(loss), rel=1e-5)
  assert float(metrics["grad_norm"]) == pytest.approx(
      float(optax.tree.norm(grads)), rel=1e-4)


@pytest.mark.parametrize("pieces", [1, 2])
def test_an_auxiliary_loss_joins_the_loss_and_its_gradient(pieces):
  generator, step, state = make(
      auxiliary=lambda aux, batch: 3.0 * aux["rgb"].mean((1, 2, 3)) * (
          batch["task"] >= 0), accumulate=pieces)
  batch, key = fakes.batch(0), jax.random.fold_in(jax.random.key(0), 0)

  def whole(params):
    loss, aux = generator.loss(params, batch, key)
    return loss + 3.0 * aux["rgb"].mean(), loss

  state["params"]["net"]["image_out"]["kernel"] = jnp.eye(48)
  (total, alone), grads = jax.value_and_grad(whole, has_aux=True)(state["params"])
  after, metrics = step(state, batch)
  np.testing.assert_allclose(
      kernel(after["params"]), kernel(state["params"]) - RATE * kernel(grads),
      rtol=1e-4, atol=1e-6)
  assert float(metrics["loss"]) == pytest.approx(float(total), rel=1e-5)
  assert float(metrics["auxiliary"]) == pytest.approx(float(total - alone), rel=1e-4)
  assert float(metrics["task_loss"].sum()) == pytest.approx(
      fakes.BATCH * float(alone), rel=1e-5)


def test_noise_differs_by_step_and_seed_only():
  losses = {}
  for seed in (0, 1):
    _, step, state = make(seed=seed)
    # A network whose output is not zero, so that the noise shows in the loss.
    state["params"]["net"]["image_out"]["kernel"] = jnp.eye(48)
    for at in (0, 0, 1):
      _, metrics = step({**state, "step": jnp.asarray(at)}, fakes.batch(0))
      losses.setdefault((seed, at), set()).add(float(metrics["loss"]))
  assert all(len(seen) == 1 for seen in losses.values())
  assert len(set.union(*losses.values())) == 4


def test_average_warms_up_then_decays():
  _, step, state = make(ema_decay=0.9)
  expected = kernel(state["ema"])
  for i, decay in ((0, 0.1), (1, 2 / 11), (2, 3 / 12)):
    state, _ = step(state, fakes.batch(i))
    expected = decay * expected + (1 - decay) * kernel(state["params"])
    np.testing.assert_allclose(kernel(state["ema"]), expected, rtol=1e-4, atol=1e-7)
  before = kernel(state["ema"])
  state, _ = step({**state, "step": jnp.asarray(10_000)}, fakes.batch(3))
  np.testing.assert_allclose(
      kernel(state["ema"]), 0.9 * before + 0.1 * kernel(state["params"]),
      rtol=1e-4, atol=1e-7)


def test_losses_per_task_are_sums_and_counts():
  generator, step, state = make()
  batch = {**fakes.batch(0), "task": np.array([2, 0, 2, 2], np.int32)}
  _, metrics = step(state, batch)
  _, aux = generator.loss(
      state["params"], batch, jax.random.fold_in(jax.random.key(0), 0))
  per_sample = np.asarray(aux["loss_per_sample"])
  np.testing.assert_array_equal(metrics["task_count"], [1, 0, 3])
  np.testing.assert_allclose(
      metrics["task_loss"], [per_sample[1], 0, per_sample[[0, 2, 3]].sum()],
      rtol=1e-5)


@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_state_owns_its_arrays(wrap):
  """Params and average are both donated: neither may alias the other or the input."""
  params = fakes.LinearGenerator().init(jax.random.key(0))
  state = wrap(lambda p: step_lib.init_state(p, optax.sgd(1.0)))(params)
  pointers = {x.unsafe_buffer_pointer() for tree in (params, state["params"],
                                                     state["ema"])
              for x in jax.tree.leaves(tree)}
  assert len(pointers) == 3 * len(jax.tree.leaves(params))


@pytest.mark.parametrize("pieces", [2, 4])
def test_a_batch_in_pieces_is_the_batch(pieces):
  _, whole, state = make()
  # An output that is not zero, so that gradients reach every layer.
  state["params"]["net"]["image_out"]["kernel"] = jnp.eye(48)
  expected, wanted = whole(state, fakes.batch(0))
  found, metrics = make(accumulate=pieces)[1](state, fakes.batch(0))
  for name, value in wanted.items():
    np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)
  for a, b, before in zip(*map(jax.tree.leaves, (
      found["params"], expected["params"], state["params"])), strict=True):
    step = np.abs(b - before).max()
    assert step > 0
    np.testing.assert_allclose(a - before, b - before, atol=1e-4 * step)


def test_gradients_come_in_the_dtype_asked_for_and_weights_stay_exact():
  seen = []

  class Spy(fakes.LinearGenerator):
    def loss(self, params, *args):
      seen.append(jax.tree.map(lambda x: x.dtype.name, params))
      return super().loss(params, *args)

  tx = optax.sgd(RATE)
  step = jax.jit(step_lib.make_step(
      Spy(), tx, ema_decay=0.9, seed=0, tasks=fakes.TASKS, grad_dtype="bfloat16"))
  start = step_lib.init_state(Spy().init(jax.random.key(1)), tx)
  state, _ = step(start, fakes.batch(0))
  assert seen == [{"net": {"hidden": {"kernel": "bfloat16"},
                           "image_out": {"kernel": "bfloat16"},
                           "norm": {"scale": "float32"}}}]
  assert {x.dtype.name for x in jax.tree.leaves(state["params"])} == {"float32"}
  # As good as the whole gradient to the three digits of bfloat16.
  exact, _ = make()[1](start, fakes.batch(0))
  moved = kernel(exact["params"]) - kernel(start["params"])
  found = kernel(state["params"]) - kernel(start["params"])
  assert np.abs(found).max() > 0
  np.testing.assert_allclose(found, moved, atol=2e-2 * np.abs(moved).max())


def test_master_weights_are_float32_whatever_they_start_from():
  params = jax.tree.map(
      lambda x: x.astype(jnp.bfloat16), fakes.LinearGenerator().init(jax.random.key(0)))
  state = step_lib.init_state(params, optax.trace(0.9))
  assert {x.dtype.name for x in jax.tree.leaves(
      (state["params"], state["opt_state"], state["ema"]))} == {"float32"}


def test_no_average_where_it_is_off():
  _, step, state = make(ema="off")
  assert "ema" not in state
  state, _ = step(state, fakes.batch(0))
  assert "ema" not in state and step_lib.averaged(state) is state["params"]


def test_an_average_in_bfloat16_follows_though_its_steps_are_tiny():
  _, step, state = make(ema_decay=0.999, ema="bfloat16")
  still = {**state, "params": jax.tree.map(jnp.zeros_like, state["params"]),
           "ema": jax.tree.map(jnp.ones_like, state["ema"])}
  # Nothing is learned: the step of a zero gradient is zero.
  batch = {**fakes.batch(0), "values": np.zeros_like(fakes.batch(0)["values"])}
  now = {**still, "step": jnp.asarray(100_000)}
  for _ in range(100):
    now, _ = step(now, batch)
  ema = now["ema"]["net"]["hidden"]["kernel"]
  assert ema.dtype == jnp.bfloat16
  # To the nearest, 1 − 0.001 is 1 again, for ever.
  assert float(ema.astype(jnp.float32).mean()) == pytest.approx(0.999**100, abs=2e-3)
  assert step_lib.averaged(now) is now["ema"]
