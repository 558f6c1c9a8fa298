"""A depth map as points in space, for figures."""

import math

import numpy as np

from vision_banana.errors import UserError


def unproject(depth: np.ndarray, fov_degrees: float) -> np.ndarray:
  """Points of a pinhole camera that looks through the middle of the picture.

  Depth alone does not fix them: the angle of view must be known or assumed, and a
  wrong one makes rooms too wide or too narrow.

  Args:
    depth: [H,W], metres along the optical axis.
    fov_degrees: horizontal angle of view, between 0 and 180.

  Returns:
    float32 [H,W,3], metres, camera frame of the normals: +x right, +y up, +z towards
    the camera, so that what is seen has a negative z. NaN where depth is NaN,
    infinite or 0.

  Raises:
    UserError: a depth that is no map, or an angle out of range.
  """
  if np.ndim(depth) != 2:
    raise UserError(f"depth of shape {np.shape(depth)}: give [height, width].")
  if not 0 < fov_degrees < 180:
    raise UserError(f"fov_degrees {fov_degrees:g}: give an angle between 0 and 180.")
  depth = np.asarray(depth, np.float32)
  known = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
  height, width = depth.shape
  pixel = 2 * math.tan(math.radians(fov_degrees) / 2) / width  # At one metre.
  x = (np.arange(width) + 0.5 - width / 2) * pixel
  y = (height / 2 - 0.5 - np.arange(height)) * pixel
  return np.stack([known * x, known * y[:, None], -known], -1).astype(np.float32)
