"""Polygons to masks, pixel for pixel as pycocotools fills them."""

from collections.abc import Sequence

import numpy as np

from vision_banana.errors import UserError

_SCALE = 5.0  # Outlines are followed on a grid this much finer than the pixels.


def fill(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> np.ndarray:
  """The union of polygons, as pycocotools' `frPyObjects` and `merge`.

  Args:
    polygons: each [x0, y0, x1, y1, …] in pixels, at least three corners.
    size: (height, width).

  Returns:
    bool [H,W].

  Raises:
    UserError: a polygon has fewer than three corners, or an odd number of values.
  """
  out = np.zeros(size, bool)
  for polygon in polygons:
    if len(polygon) < 6 or len(polygon) % 2:
      raise UserError(f"a polygon of {len(polygon)} numbers; x and y of at least three "
                      "corners are needed.")
    out |= _fill(np.asarray(polygon, np.float64).reshape(-1, 2), *size)
  return out


def _fill(corners: np.ndarray, height: int, width: int) -> np.ndarray:
  """One polygon [K,2]: rleFrPoly of maskApi.c."""
  points = np.trunc(_SCALE * corners + 0.5).astype(np.int64)
  u, v = _outline(points, np.roll(points, -1, 0))
  # Where the outline goes from one fine column to the next it may cross the middle of
  # a pixel column: there the mask changes, from the first pixel below.
  step = np.flatnonzero(u[1:] != u[:-1])
  left, right = u[step], u[step + 1]
  x = (np.where(right < left, right, right - 1) + 0.5) / _SCALE - 0.5
  y = (np.minimum(v[step], v[step + 1]) + 0.5) / _SCALE - 0.5
  keep = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
  y = np.ceil(np.clip(y[keep], 0, height)).astype(np.int64)
  # A pixel is inside after an odd number of changes, counted down the columns.
  at = x[keep].astype(np.int64) * height + y
  changes = np.bincount(at, minlength=height * width)[:height * width]
  return (np.cumsum(changes) % 2 == 1).reshape(height, width, order="F")


def _outline(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Points one step apart on the edges [K,2], in order."""
  size = np.abs(end - start)
  flat = size[:, 0] >= size[:, 1]
  along = np.where(flat, 0, 1)
  edge = np.arange(len(start))
  flip = start[edge, along] > end[edge, along]  # Always walked towards larger values,
  low, high = np.where(flip[:, None], end, start), np.where(flip[:, None], start, end)
  length = size[edge, along]
  across = 1 - along
  with np.errstate(invalid="ignore"):
    slope = (high[edge, across] - low[edge, across]) / length
  slope = np.where(length > 0, slope, 0.0)  # A corner given twice.
  of = np.repeat(edge, length + 1)
  t = np.arange(len(of)) - np.repeat(np.cumsum(length + 1) - length - 1, length + 1)
  t = np.where(flip[of], length[of] - t, t)  # … and handed out in order.
  major = low[of, along[of]] + t
  minor = np.trunc(low[of, across[of]] + slope[of] * t + 0.5).astype(np.int64)
  return np.where(flat[of], major, minor), np.where(flat[of], minor, major)
