"""Rotary positions, timestep embedding, masks and norms against few-line formulas."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vision_banana.models import layers


def _normal(seed, shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_rope_is_a_rotation_of_interleaved_pairs():
  ids = np.array([[0, 0], [2, 5], [7, 1]])
  axes, theta = (4, 6), 2000.0
  x = _normal(0, (1, 3, 2, 10))
  out = np.asarray(layers.apply_rope(x, layers.rope_tables(ids, axes, theta)))
  for s in range(3):
    angles = np.concatenate([
        ids[s, a] * theta ** (-np.arange(0, d, 2) / d) for a, d in enumerate(axes)])
    turned = (x[0, s, :, 0::2] + 1j * x[0, s, :, 1::2]) * np.exp(1j * angles)
    np.testing.assert_allclose(out[0, s, :, 0::2], turned.real, atol=1e-5)
    np.testing.assert_allclose(out[0, s, :, 1::2], turned.imag, atol=1e-5)


def test_ropes_gradient_turns_back():
  tables = layers.rope_tables(np.array([[0, 0], [2, 5], [7, 1]]), (4, 6), 2000.0)
  x, g = _normal(0, (1, 3, 2, 10)), _normal(1, (1, 3, 2, 10))
  out, back = jax.vjp(lambda x: layers.apply_rope(x, tables), x)
  np.testing.assert_allclose(back(out)[0], x, atol=1e-5)
  # Of a linear function: <g, f(x)> is <gradient, x>.
  np.testing.assert_allclose(jnp.vdot(g, out), jnp.vdot(back(g)[0], x), rtol=1e-4)


def test_rope_scores_depend_on_position_differences_only():
  q, k = _normal(1, (1, 1, 1, 8)), _normal(2, (1, 1, 1, 8))

  def score(a, b):
    turn = lambda x, i: layers.apply_rope(
        x, layers.rope_tables(np.array([[i]]), (8,), 100.0))
    return float(jnp.sum(turn(q, a) * turn(k, b)))

  np.testing.assert_allclose(score(3, 10), score(20, 27), rtol=1e-4)
  assert abs(score(3, 10) - score(3, 11)) > 1e-3


def test_timestep_embedding_is_cosine_first_and_scaled_by_1000():
  out = np.asarray(layers.timestep_embedding(jnp.array([0.25]), 8))[0]
  frequencies = 10000.0 ** (-np.arange(4) / 4)
  np.testing.assert_allclose(out[:4], np.cos(250 * frequencies), atol=1e-4)
  np.testing.assert_allclose(out[4:], np.sin(250 * frequencies), atol=1e-4)


def test_masked_keys_change_nothing():
  q, k, v = (_normal(i, (2, 5, 2, 4)) for i in range(3))
  mask = np.array([[1, 1, 1, 0, 1], [1, 0, 1, 1, 1]], bool)
  out = layers.attention(q, k, v, mask)
  other = np.where(mask[..., None, None], 1, 100).astype(np.float32)
  np.testing.assert_allclose(
      out, layers.attention(q, k * other, v * other, mask), atol=1e-5)
  assert np.abs(out - layers.attention(q, k * other, v * other, None)).max() > 1


def test_layer_norm_has_zero_mean_and_unit_variance():
  x = layers.layer_norm(_normal(0, (3, 64)) * 5 + 2, 1e-6)
  np.testing.assert_allclose(np.mean(x, -1), 0, atol=1e-5)
  np.testing.assert_allclose(np.var(x, -1), 1, atol=1e-4)


def test_linear_equals_matmul_and_its_gradient():
  layer = layers.Linear(6, 4, nnx.Rngs(0))
  kernel = np.asarray(layer.kernel[...])
  x = _normal(0, (2, 3, 6))
  np.testing.assert_allclose(layer(x), x @ kernel, atol=1e-6)
  gradient = nnx.grad(lambda m: jnp.sum(m(x) ** 2))(layer)
  expected = 2 * np.einsum("bsi,bso->io", x, x @ kernel)
  np.testing.assert_allclose(
      jax.tree.leaves(gradient)[0], expected, rtol=1e-4, atol=1e-4)


def test_stacked_blocks_differ():
  blocks = layers.stacked(lambda r: layers.Linear(3, 3, r), 4, nnx.Rngs(0))
  kernel = np.asarray(blocks.kernel[...])
  assert kernel.shape == (4, 3, 3)
  assert np.abs(kernel[0] - kernel[1]).max() > 1e-3


def test_a_kernel_s_gradient_is_summed_in_its_own_dtype():
  """bfloat16 sums of many small terms would lose them."""
  layer = layers.Linear(1, 1, nnx.Rngs(0))
  x = jnp.full((4095, 1), 1 / 64 + 1 / 8192, jnp.bfloat16)
  gradient = nnx.grad(lambda m: m(x).astype(jnp.float32).sum())(layer)
  (found,) = jax.tree.leaves(gradient)
  assert found.dtype == jnp.float32 and layer(x).dtype == jnp.bfloat16
  exact = 4095 * float(x[0, 0].astype(jnp.float32))
  assert exact != float(jnp.bfloat16(exact))
  np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_parts_of_a_fused_layer():
  layer, x = layers.Linear(6, 9, nnx.Rngs(0)), _normal(0, (2, 3, 6))
  parts = layer.split(x, (2, 3, 4))
  assert [p.shape[-1] for p in parts] == [2, 3, 4]
  np.testing.assert_array_equal(np.concatenate(parts, -1), layer(x))
  np.testing.assert_array_equal(layer.joined([x[..., :2], x[..., 2:]]), layer(x))
