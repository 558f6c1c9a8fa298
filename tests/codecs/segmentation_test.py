import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from vision_banana.codecs import colors
from vision_banana.codecs import segmentation

H, W, K = 6, 7, 8


def _palettes(seed, batch):
  rng = np.random.default_rng(seed)
  palettes = [colors.distinct(rng, K) / 255 for _ in range(batch)]
  return rng, np.stack(palettes).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, K))
@settings(max_examples=30, deadline=None)
def test_noise_below_half_the_distance_never_changes_a_label(seed, num_labels):
  rng, palette = _palettes(seed, 2)
  palette[:, num_labels:] = 0.0  # Padding, here black.
  labels = rng.integers(0, num_labels, (2, H, W))
  rgb = np.asarray(segmentation.encode(labels, palette))
  noise = rng.normal(size=rgb.shape)
  noise *= 29 / 255 / np.linalg.norm(noise, axis=-1, keepdims=True)
  got = segmentation.decode(rgb + noise, palette, np.full(2, num_labels))
  assert got.dtype == jnp.int32
  np.testing.assert_array_equal(got, labels)


def test_decode_is_the_nearest_colour_by_brute_force():
  rng, palette = _palettes(0, 2)
  rgb = rng.random((2, H, W, 3)).astype(np.float32)
  square = np.sum((rgb[..., None, :] - palette[:, None, None])**2, -1)
  np.testing.assert_array_equal(segmentation.decode(rgb, palette), square.argmin(-1))
  few = segmentation.decode(rgb, palette, np.array([3, 5]))
  np.testing.assert_array_equal(few[0], square[0, ..., :3].argmin(-1))
  np.testing.assert_array_equal(few[1], square[1, ..., :5].argmin(-1))
  np.testing.assert_array_equal(
      segmentation.decode(rgb, palette, 3), square[..., :3].argmin(-1))


def test_one_palette_serves_any_leading_dimensions():
  rng, palette = _palettes(1, 1)
  labels = rng.integers(0, K, (2, 3, H, W))
  rgb = segmentation.encode(labels, palette[0])
  np.testing.assert_array_equal(rgb, palette[0][labels])
  np.testing.assert_array_equal(segmentation.decode(rgb, palette[0]), labels)


def test_a_label_without_a_colour_is_black():
  labels = np.array([[-1, 0], [K, 255]])
  palette = np.full((K, 3), 0.7, np.float32)
  rgb = np.asarray(segmentation.encode(labels, palette))
  np.testing.assert_array_equal(rgb[..., 0], np.float32([[0, 0.7], [0, 0]]))


@pytest.mark.parametrize("temperature", [1e-4, 1.0])
def test_soft_decode_is_a_distribution_over_the_labels_in_use(temperature):
  rng, palette = _palettes(2, 2)
  rgb = rng.random((2, H, W, 3)).astype(np.float32)
  counts = np.array([4, 1])
  p = np.asarray(segmentation.soft_decode(rgb, palette, temperature, counts))
  np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
  assert (p[0, ..., 4:] == 0).all() and (p[1, ..., 1:] == 0).all()
  np.testing.assert_array_equal(p.argmax(-1), segmentation.decode(rgb, palette, counts))
  if temperature == 1.0:
    assert p[0, ..., :4].min() > 0.01


def test_gradients_are_finite_in_the_whole_cube():
  _, palette = _palettes(3, 1)
  grid = np.linspace(0, 1, 6)
  rgb = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(1, 12, 18, 3)
  rgb[0, 0, :K] = palette[0]

  def loss(rgb, palette, temperature):
    p = segmentation.soft_decode(rgb, palette, temperature, np.array([5]))
    return jnp.sum(p[..., 1]**2)

  for temperature in (1e-5, 0.1):
    for gradient in jax.jit(jax.grad(loss, (0, 1, 2)))(rgb, palette, temperature):
      assert np.isfinite(gradient).all()
  paint = jax.grad(lambda q: jnp.sum(segmentation.encode(
      np.array([[[0, 0], [2, -1]]]), q)))(palette)
  np.testing.assert_array_equal(paint[0, :, 0], [2, 0, 1, 0, 0, 0, 0, 0])
