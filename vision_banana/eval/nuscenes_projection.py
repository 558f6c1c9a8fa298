"""nuScenes lidar onto a camera, with the car's motion in between.

The lidar sweep and the picture are taken up to 50 ms apart. Points go from the lidar
to the car when it swept, to the world, to the car when the picture was taken, and to
the camera. Equal to `NuScenesExplorer.map_pointcloud_to_image` of nuscenes-devkit
1.2.0, down to its single precision, from the rows of the v1.0 tables.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Row = Mapping[str, Any]


def read_sweep(data: bytes) -> np.ndarray:
  """Points of a LIDAR_TOP `.pcd.bin` file: float32 [3,N], metres, lidar frame.

  Raises:
    ValueError: the file does not hold whole points (5 float32 each).
  """
  return np.frombuffer(data, np.float32).reshape(-1, 5)[:, :3].T.copy()


def rotation(quaternion: np.ndarray) -> np.ndarray:
  """float64 [3,3] of a quaternion (w, x, y, z), of any length but zero."""
  w, x, y, z = np.asarray(quaternion, np.float64) / np.linalg.norm(quaternion)
  return np.array([
      [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
      [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
      [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])


def project(points: np.ndarray, lidar: Row, lidar_pose: Row, camera_pose: Row,
            camera: Row, size: tuple[int, int], min_dist: float = 1.0
            ) -> tuple[np.ndarray, np.ndarray]:
  """Points that fall on the picture.

  Args:
    points: float32 [3,N], metres, lidar frame.
    lidar: row of `calibrated_sensor` of the sweep (rotation, translation).
    lidar_pose: row of `ego_pose` of the sweep.
    camera_pose: row of `ego_pose` of the picture.
    camera: row of `calibrated_sensor` of the picture (and camera_intrinsic).
    size: (height, width) of the picture.
    min_dist: metres; points not farther along the optical axis are left out, and so
      are those within one pixel of the picture's edge.

  Returns:
    float64 [2,M], x and y in pixels, and float32 [M], metres along the optical axis.
  """
  points = np.array(points, np.float32)
  for row in (lidar, lidar_pose):
    points = _rotate(rotation(row["rotation"]), points)
    points += np.asarray(row["translation"], np.float32)[:, None]
  for row in (camera_pose, camera):
    points -= np.asarray(row["translation"], np.float32)[:, None]
    points = _rotate(rotation(row["rotation"]).T, points)
  depth = points[2]
  with np.errstate(divide="ignore", invalid="ignore"):  # Behind or beside the camera.
    pixels = np.asarray(camera["camera_intrinsic"], np.float64) @ points
    pixels = pixels[:2] / pixels[2]
  (x, y), (height, width) = pixels, size
  inside = ((depth > min_dist) & (x > 1) & (x < width - 1) & (y > 1)
            & (y < height - 1))
  return pixels[:, inside], depth[inside]


def depth_map(pixels: np.ndarray, depth: np.ndarray, size: tuple[int, int]
              ) -> np.ndarray:
  """Sparse depth: float32 [H,W], metres, NaN where no point falls.

  Args:
    pixels: float [2,M], x and y; a point belongs to the pixel it truncates to.
    depth: float32 [M]; of several points on a pixel the nearest counts.
    size: (height, width).
  """
  out = np.full(size, np.inf, np.float32)
  x, y = pixels.astype(int)
  np.minimum.at(out, (y, x), depth)
  out[np.isinf(out)] = np.nan
  return out


def _rotate(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
  return (matrix @ points).astype(np.float32)
