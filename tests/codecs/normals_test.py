import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vision_banana.codecs import normals


@pytest.mark.parametrize("normal, rgb", [
    ((-1, 0, 0), (1, 0.5, 0.5)),  # Facing left: pinkish red.
    ((1, 0, 0), (0, 0.5, 0.5)),
    ((0, 1, 0), (0.5, 1, 0.5)),  # Up: light green.
    ((0, -1, 0), (0.5, 0, 0.5)),
    ((0, 0, 1), (0.5, 0.5, 1)),  # At the camera: light blue.
    ((0, 0, 0), (0.5, 0.5, 0.5)),  # No normal.
])
def test_the_colours_of_the_paper(normal, rgb):
  np.testing.assert_allclose(normals.encode(np.array(normal)), rgb, atol=1e-7)


def test_rounding_errors_do_not_leave_the_cube():
  rgb = np.asarray(normals.encode(1.0001 * np.concatenate([np.eye(3), -np.eye(3)])))
  assert rgb.min() >= 0 and rgb.max() <= 1


def test_round_trip_in_float_and_in_eight_bit():
  n = np.random.default_rng(0).normal(size=(10, 20, 3))
  n /= np.linalg.norm(n, axis=-1, keepdims=True)
  rgb = np.asarray(normals.encode(n))
  np.testing.assert_allclose(normals.decode(rgb), n, atol=1e-6)
  eight_bit = np.asarray(normals.decode(np.rint(rgb * 255) / 255))
  assert np.degrees(np.arccos(np.sum(n * eight_bit, -1).min())) < 0.5


def test_decode_is_unit_for_every_eight_bit_colour_and_zero_at_grey():
  rgb = np.random.default_rng(0).integers(0, 256, (1000, 3))
  rgb = np.concatenate([rgb, [[127, 128, 127], [127, 127, 127], [128, 128, 128]]]) / 255
  length = np.linalg.norm(normals.decode(rgb), axis=-1)
  np.testing.assert_allclose(length, 1, atol=1e-6)
  np.testing.assert_array_equal(normals.decode(np.full(3, 0.5)), [0, 0, 0])


def test_gradients_are_finite_in_the_whole_cube():
  grid = np.linspace(0, 1, 9)  # With all corners and mid grey.
  rgb = np.stack(np.meshgrid(grid, grid, grid), axis=-1).astype(np.float32)
  rgb = np.concatenate([rgb.reshape(-1, 3), 0.5 + 1e-5 * rgb.reshape(-1, 3)])
  gradient = jax.grad(lambda x: jnp.sum(normals.decode(x)**3))(rgb)
  assert np.isfinite(gradient).all() and np.abs(gradient).max() < 1e4
  back = jax.grad(lambda x: jnp.sum(normals.encode(x)**2))(2 * rgb - 1)
  assert np.isfinite(back).all()


def test_gradient_turns_the_normal_and_does_not_stretch_it():
  rgb = np.array([0.9, 0.3, 0.7], np.float32)
  jacobian = jax.jacrev(normals.decode)(rgb)
  np.testing.assert_allclose(jacobian @ (rgb - 0.5), 0, atol=1e-5)
  assert np.linalg.matrix_rank(jacobian, tol=1e-3) == 2
