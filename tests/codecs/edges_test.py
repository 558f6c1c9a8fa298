import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from vision_banana.codecs import edges
from vision_banana.errors import UserError


def _plane(slope_x, slope_y, size=32):
  """z-depth of a plane through a pinhole: inverse depth is linear."""
  y, x = np.mgrid[:size, :size] / size
  return 1 / (0.02 + slope_x * x + slope_y * y)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_plane_has_no_depth_edge_however_slanted(slope_x, slope_y):
  assert not edges.detect(depth=_plane(slope_x, slope_y)).any()


def test_a_step_between_two_slanted_planes_is_a_line_two_pixels_wide():
  depth = _plane(0.2, 0.3)
  depth[:, 12:] *= 1.2
  want = np.zeros(depth.shape, bool)
  want[:, 11:13] = True
  np.testing.assert_array_equal(edges.detect(depth=depth), want)
  np.testing.assert_array_equal(edges.detect(depth=depth.T), want.T)
  assert not edges.detect(depth=depth, depth_jump=0.3).any()


def test_sky_is_an_edge_and_unknown_depth_is_not():
  depth = np.full((8, 8), 5.0)
  depth[:, 4:] = np.inf
  want = np.zeros((8, 8), bool)
  want[:, 3:5] = True
  np.testing.assert_array_equal(edges.detect(depth=depth), want)
  depth[:, 4:] = np.nan
  assert not edges.detect(depth=depth).any()


def test_creases_by_angle_and_not_at_unknown_normals():
  normals = np.zeros((6, 9, 3))
  normals[:, :3] = [0, 0, 1]
  normals[:, 3:6] = [np.sin(np.radians(35)), 0, np.cos(np.radians(35))]
  # Columns 6.. stay zero: unknown.
  want = np.zeros((6, 9), bool)
  want[:, 2:4] = True
  np.testing.assert_array_equal(edges.detect(normals=normals), want)
  assert not edges.detect(normals=normals, crease_degrees=40).any()


def test_borders_of_instances_join_the_other_edges():
  instances = np.zeros((8, 8), np.int32)
  instances[2:4, 3:6] = 1
  got = edges.detect(depth=_plane(0, 0, 8), instances=instances)
  want = np.zeros((8, 8), bool)
  want[1:5, 3:6] = want[2:4, 2:7] = True
  np.testing.assert_array_equal(got, want)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_edges_mirror_with_the_scene(seed):
  rng = np.random.default_rng(seed)
  depth = rng.choice([1.0, 1.05, 2.0, np.inf, np.nan], (7, 9))
  instances = rng.integers(0, 2, (7, 9))
  got = edges.detect(depth=depth, instances=instances)
  for flip in (np.fliplr, np.flipud):
    np.testing.assert_array_equal(
        edges.detect(depth=flip(depth), instances=flip(instances)), flip(got))


def test_bad_input_is_named():
  with pytest.raises(UserError, match="at least one"):
    edges.detect()
  with pytest.raises(UserError, match="differ in size"):
    edges.detect(depth=np.ones((4, 4)), instances=np.ones((4, 5), np.int32))


def test_colours_round_trip_and_gradients_are_finite():
  rng = np.random.default_rng(0)
  truth = rng.random((2, 5, 6)) < 0.4
  back, front = np.array([[0.0, 0, 0], [1, 1, 0]]), np.array([[1.0, 1, 1], [0, 0, 1]])
  rgb = edges.encode(truth, back, front)
  np.testing.assert_array_equal(rgb[truth], np.repeat(front, truth.sum((1, 2)), 0))
  noisy = rgb + rng.uniform(-0.3, 0.3, rgb.shape)
  np.testing.assert_array_equal(edges.decode(noisy, back, front), truth)
  soft = lambda x: edges.soft_decode(x, back, front, 0.1)
  np.testing.assert_array_equal(soft(noisy) > 0.5, truth)
  assert np.isfinite(jax.grad(lambda x: jnp.sum(soft(x)))(noisy)).all()
