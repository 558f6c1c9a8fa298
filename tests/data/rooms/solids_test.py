"""Solids: normals against the analytic surfaces."""

import numpy as np

from vision_banana.data.rooms import solids


def test_sphere_normals_point_away_from_the_centre():
  ball = solids.ellipsoid((2, 2, 2), (0, 0, 5))
  np.testing.assert_allclose(np.linalg.norm(ball.vertices - (0, 0, 5), axis=1), 1,
                             atol=1e-6)
  # The caps' rings carry normals of their neighbours: within half a segment.
  cosine = ((ball.vertices - (0, 0, 5)) * ball.normals).sum(1)
  assert cosine.min() > np.cos(np.radians(180 / 16 / 2 + 0.1))


def test_ellipsoid_normals_follow_the_gradient():
  size = np.array([2.0, 1.0, 0.5])
  shape = solids.ellipsoid(size, (0, 0, 0))
  gradient = shape.vertices / size**2
  gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
  assert (gradient * shape.normals).sum(1).min() > 0.95


def test_cylinder_has_crisp_rims():
  rod = solids.rod(0.5, 2.0)
  upright = np.abs(rod.normals[:, 2])
  assert np.all((upright < 1e-6) | (upright > 1 - 1e-6))
  assert {0.0, 2.0} == set(np.unique(rod.vertices[:, 2]).tolist())


def test_box_sides_show_the_whole_texture_upright():
  box = solids.box((1, 2, 3))
  side = np.abs(box.normals[:, 2]) < 0.5
  np.testing.assert_allclose(box.uvs[side, 1], 1 - box.vertices[side, 2] / 3)
  for axis in range(3):
    for sign in (-1, 1):
      corners = box.uvs[box.normals[:, axis] == sign]
      assert sorted(map(tuple, corners)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
  front = box.normals[:, 1] == -1  # Seen from -y, x runs to the right.
  np.testing.assert_allclose(box.uvs[front, 0], box.vertices[front, 0] + 0.5)


def test_lay_down_turns_up_to_the_front():
  cone = solids.lay_down(solids.lathe([(0, 0), (0.5, 0), (0, 1)]))
  tip = cone.vertices[np.argmin(cone.vertices[:, 1])]
  np.testing.assert_allclose(tip, (0, -1, 0), atol=1e-6)
  base = cone.normals[:, 1] > 0.99
  np.testing.assert_allclose(cone.vertices[base, 1], 0, atol=1e-6)
