"""Points from depth: where they lie, and that they agree with rendered normals."""

import numpy as np
import pytest

from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import point_cloud


def test_corners_of_a_right_angle_of_view():
  depth = np.full((2, 4), 2.0)
  points = point_cloud.unproject(depth, 90)
  # At 90 degrees the picture is 4 m wide in 2 m distance, a pixel 1 m.
  np.testing.assert_allclose(points[0, 0], (-1.5, 0.5, -2), atol=1e-6)
  np.testing.assert_allclose(points[1, 3], (1.5, -0.5, -2), atol=1e-6)
  assert points.dtype == np.float32


def test_unknown_depth_has_no_point():
  depth = np.array([[1.0, np.nan], [np.inf, 0.0]])
  known = np.isfinite(point_cloud.unproject(depth, 60)).all(-1)
  np.testing.assert_array_equal(known, [[True, False], [False, False]])


def test_surfaces_face_where_the_rendered_normals_say():
  scene = sources.open_source("rooms", "test")[1]
  # Cameras of the rooms have 45 to 70 degrees; what is stored does not say which.
  errors = {}
  for fov in (45, 50, 55, 60, 65, 70, 120):
    points = point_cloud.unproject(scene["depth"], fov)
    right, down = points[:-1, 1:] - points[:-1, :-1], points[1:, :-1] - points[:-1, :-1]
    made = np.cross(down, right)
    made /= np.linalg.norm(made, axis=-1, keepdims=True)
    cosine = (made * scene["normals"][:-1, :-1]).sum(-1)
    errors[fov] = np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
  best = min(errors, key=errors.get)
  assert 45 <= best <= 70 and errors[best] < 4, errors


@pytest.mark.parametrize("depth, fov, message", [
    (np.ones((2, 2, 1)), 60, r"shape \(2, 2, 1\)"), (np.ones((2, 2)), 180, "between")])
def test_bad_input_is_named(depth, fov, message):
  with pytest.raises(UserError, match=message):
    point_cloud.unproject(depth, fov)
