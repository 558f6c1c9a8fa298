"""Lidar on the picture, against the devkit's stored answers and by hand."""

import numpy as np
import pytest

from tests.eval.metrics import goldens
from tests.goldens import metrics_data
from vision_banana.eval import nuscenes_projection as nuscenes

IDENTITY = {"rotation": [1, 0, 0, 0], "translation": [0, 0, 0]}
CAMERA = {**IDENTITY, "camera_intrinsic": [[10, 0, 8], [0, 10, 6], [0, 0, 1]]}


def test_equals_the_devkit():
  sweep, golden = metrics_data.nuscenes(), goldens.load("nuscenes")
  points = nuscenes.read_sweep(sweep["points"].tobytes())
  pixels, depth = nuscenes.project(
      points, sweep["lidar"], sweep["lidar_pose"], sweep["camera_pose"],
      sweep["camera"], sweep["size"])
  assert len(depth) > 50
  np.testing.assert_allclose(depth, golden["depth"], atol=1e-9, rtol=0)
  np.testing.assert_allclose(pixels, golden["pixels"], atol=1e-9, rtol=0)


def test_the_car_moves_in_between():
  """A point 10 m ahead is 8 m ahead of a car that drove 2 m."""
  point = np.array([[0.0], [0.0], [10.0]])
  moved = {**IDENTITY, "translation": [0, 0, 2]}
  pixels, depth = nuscenes.project(point, IDENTITY, IDENTITY, moved, CAMERA, (12, 16))
  assert depth == pytest.approx([8.0])
  np.testing.assert_allclose(pixels, [[8], [6]])


def test_near_points_and_those_at_the_edge_are_left_out():
  x = np.array([0, 0, -0.7, -0.69, 0.0])
  z = np.array([1.0, 1.01, 1.0, 1.2, -5.0])
  points = np.stack([x * z, 0 * x, z])
  _, depth = nuscenes.project(points, IDENTITY, IDENTITY, IDENTITY, CAMERA, (12, 16))
  assert depth == pytest.approx([1.01, 1.2])
  _, depth = nuscenes.project(points, IDENTITY, IDENTITY, IDENTITY, CAMERA, (12, 16),
                              min_dist=1.1)
  assert depth == pytest.approx([1.2])


def test_the_nearest_point_of_a_pixel_counts():
  pixels = np.array([[1.2, 1.9, 3.0], [0.5, 0.1, 1.0]])
  got = nuscenes.depth_map(pixels, np.array([5, 4, 7], np.float32), (2, 4))
  assert got[0, 1] == 4 and got[1, 3] == 7 and np.isnan(got).sum() == 6


def test_rotation_is_one_and_ignores_length():
  q = np.random.default_rng(0).normal(size=4)
  matrix = nuscenes.rotation(q)
  np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
  assert np.linalg.det(matrix) == pytest.approx(1)
  np.testing.assert_allclose(nuscenes.rotation(3 * q), matrix, atol=1e-12)
  half = np.sqrt(0.5)
  turned = nuscenes.rotation([half, 0, 0, half]) @ [1, 0, 0]
  np.testing.assert_allclose(turned, [0, 1, 0], atol=1e-12)  # 90° about z.


def test_half_a_point_is_refused():
  with pytest.raises(ValueError):
    nuscenes.read_sweep(b"\0" * 24)
