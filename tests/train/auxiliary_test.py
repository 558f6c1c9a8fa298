"""Codec metrics as losses: right on exact pictures, selective, finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train import fakes
from vision_banana.codecs import depth, metrics, target
from vision_banana.train import auxiliary
from vision_banana.train import step as step_lib

SIZE, LABELS = 8, 6
ALL = auxiliary.AuxiliaryConfig(abs_rel=0.3, delta1=0.7, angle=0.5, iou=2.0,
                                absent=1.5)


def batch(n: int = 8) -> dict:
  """Two samples of each codec; the second depth map is Viridis."""
  rng = np.random.default_rng(0)
  codec = np.arange(n) % 4
  values = rng.random((n, 2, SIZE, SIZE, 3), np.float32)
  values[codec == 1] = 1 + 5 * values[codec == 1]
  values[codec == 2] -= 0.5
  values /= np.where((codec == 2)[:, None, None, None, None], np.linalg.norm(
      values, axis=-1, keepdims=True), 1)
  palette = rng.random((n, 2, LABELS, 3), np.float32)
  palette[:, :, 4:] = palette[:, :, :1]  # Padding.
  valid = rng.random((n, SIZE, SIZE)) > 0.2
  values[:, 0][~valid & (codec == 1)[:, None, None]] = np.nan
  return {"values": values.astype(np.float32), "palette": palette, "valid": valid,
          "labels": rng.integers(0, 4, (n, 2, SIZE, SIZE)).astype(np.int32),
          "codec": np.stack([codec] * 2, 1).astype(np.int32),
          "colormap": np.stack([2 * (np.arange(n) > 4)] * 2, 1).astype(np.int32)}


def painted(b, curve=depth.Curve()) -> jax.Array:
  return target.encode(*(b[k][:, 0] for k in (
      "values", "labels", "palette", "codec", "colormap")), curve)


def test_all_weights_zero_is_nothing_at_all():
  assert auxiliary.make(auxiliary.AuxiliaryConfig()) is None
  made = lambda **kw: jax.make_jaxpr(step_lib.make_step(
      fakes.LinearGenerator(), _Nothing, ema_decay=0.9, seed=0, tasks=fakes.TASKS,
      **kw))
  state = {"params": fakes.LinearGenerator().init(jax.random.key(0)), "opt_state": (),
           "step": jnp.zeros([], jnp.int32)}
  plain = made()(state, fakes.batch(0))
  assert str(made(auxiliary=auxiliary.make(auxiliary.AuxiliaryConfig()))(
      state, fakes.batch(0))) == str(plain)


class _Nothing:
  update = staticmethod(lambda grads, state, params: (grads, state))


def test_an_exact_picture_costs_nothing():
  b = batch()
  cost = auxiliary.make(ALL)({"rgb": painted(b)}, b)
  assert cost.shape == (8,)
  np.testing.assert_array_equal(cost[jnp.array([0, 4])], 0)  # Photos.
  np.testing.assert_array_equal(cost[5], 0)  # Viridis.
  # A smooth decoder at this temperature is near, not exact; normals are.
  sharp = auxiliary.AuxiliaryConfig(1.0, 1.0, 1.0, 1.0, 1.0, temperature=1e-5)
  cost = auxiliary.make(sharp)({"rgb": painted(b)}, b)
  np.testing.assert_allclose(cost, 0, atol=0.02)


def test_each_codec_pays_its_own_metrics():
  b = batch()
  rgb = jnp.clip(painted(b) + 0.1 * jax.random.normal(
      jax.random.key(1), (8, SIZE, SIZE, 3)), 0, 1)
  pay = lambda **weights: np.asarray(auxiliary.make(
      auxiliary.AuxiliaryConfig(**weights))({"rgb": rgb}, b))
  each = {"abs_rel": [1], "delta1": [1], "angle": [2, 6], "iou": [3, 7]}
  for name, rows in each.items():
    cost = pay(**{name: 1.0})
    assert np.flatnonzero(cost).tolist() == rows, name
    np.testing.assert_allclose(pay(**{name: 2.5}), 2.5 * cost, rtol=1e-5)
  metres = depth.soft_decode(rgb[1], 0.01)
  assert pay(abs_rel=1.0)[1] == pytest.approx(float(metrics.abs_rel(
      jnp.minimum(metres, 80), b["values"][1, 0, ..., 0], b["valid"][1])), rel=1e-5)


def test_labels_that_are_not_there_and_padding_do_not_count():
  b = batch()
  b["labels"][:, 0] = 2  # One label alone, painted exactly.
  cost = auxiliary.make(auxiliary.AuxiliaryConfig(iou=1.0, temperature=1e-5))(
      {"rgb": painted(b)}, b)
  np.testing.assert_allclose(cost, 0, atol=1e-3)
  b["labels"][:, 0] = 0  # The background, whose colour padding repeats.
  np.testing.assert_allclose(auxiliary.make(auxiliary.AuxiliaryConfig(
      iou=1.0, temperature=1e-5))({"rgb": painted(b)}, b), 0, atol=1e-3)


def test_what_is_absent_costs_by_the_part_that_is_painted_in_its_colour():
  b = batch()
  b["valid"][:] = True
  b["labels"][:, 0] = 2
  rgb = np.array(painted(b))
  absent = lambda: np.asarray(auxiliary.make(auxiliary.AuxiliaryConfig(
      absent=1.0, temperature=1e-5))({"rgb": jnp.asarray(rgb)}, b))
  np.testing.assert_allclose(absent(), 0, atol=1e-6)
  rgb[3, :2] = b["palette"][3, 0, 1]  # A quarter, of one of the two that are not there.
  rgb[7, :2] = b["palette"][7, 0, 0]  # The background is not asked for.
  cost = absent()
  assert cost[3] == pytest.approx(0.25 / 0.26 / 2, rel=1e-4)
  np.testing.assert_allclose(np.delete(cost, 3), 0, atol=1e-6)
  b["valid"][3, :2] = False  # What nobody knows is free.
  np.testing.assert_allclose(absent(), 0, atol=1e-6)
  b["labels"][3, 0, 4:6], b["labels"][3, 0, 6:] = 1, 3
  np.testing.assert_allclose(absent(), 0, atol=1e-6)  # All that was asked for is there.


def test_a_pixel_near_white_cannot_outweigh_the_picture():
  b = batch()
  cost = auxiliary.make(auxiliary.AuxiliaryConfig(abs_rel=1.0))(
      {"rgb": jnp.ones((8, SIZE, SIZE, 3))}, b)
  assert float(cost.max()) <= 80


def test_gradients_are_finite_and_point_towards_the_picture():
  b = batch()
  cost = auxiliary.make(ALL)
  goal = painted(b)
  start = jnp.clip(goal + 0.05 * jax.random.normal(jax.random.key(1), goal.shape), 0, 1)
  total = lambda rgb: cost({"rgb": rgb}, b).sum()
  rgb = start
  for _ in range(20):
    gradient = jax.grad(total)(rgb)
    assert np.isfinite(gradient).all()
    rgb = rgb - 0.02 * gradient / jnp.abs(gradient).max()
  assert float(total(rgb)) < float(total(start))
  for strange in (jnp.zeros_like(goal), jnp.ones_like(goal), 3 * goal - 1):
    assert np.isfinite(jax.grad(total)(strange)).all()


def test_a_label_nearly_impossible_everywhere_has_a_finite_gradient():
  b = batch()
  b["labels"][:, 0] = 0
  b["palette"][:, 0] = [[0.0, 0, 0], [0.45, 0.45, 0.45], *[[0.0, 0, 0]] * (LABELS - 2)]
  # Probabilities of about exp(-60): none is 0, their squares are.
  rgb = jnp.zeros((8, SIZE, SIZE, 3))
  cost = auxiliary.make(auxiliary.AuxiliaryConfig(iou=1.0))
  assert np.isfinite(jax.grad(lambda rgb: cost({"rgb": rgb}, b).sum())(rgb)).all()


def test_depth_is_read_by_the_curve_it_was_painted_by():
  curve = depth.Curve(-1.0, 1.0, 20.0)
  b = batch()
  rgb = painted(b, curve)
  exact = auxiliary.AuxiliaryConfig(abs_rel=1.0, temperature=1e-5)
  assert float(auxiliary.make(exact, curve)({"rgb": rgb}, b)[1]) < 0.01
  assert float(auxiliary.make(exact)({"rgb": rgb}, b)[1]) > 0.1


@pytest.mark.parametrize("keys", [{"iou": -1.0}, {"absent": -1.0}, {"temperature": 0.0}])
def test_what_cannot_be_is_refused(keys):
  with pytest.raises(ValueError, match="must"):
    auxiliary.AuxiliaryConfig(**keys)
