"""Skies for environment maps: plain ones, and a sun in any.

Maps are float32 [h, 2 h, 3], linear, the zenith in the first row. The column of a
direction is its angle from +y towards +x, in turns of the width.
"""

import numpy as np

SHAPE = (64, 128)
_ZENITH, _HORIZON, _BELOW = (.3, .5, .95), (.85, .92, 1.), (.3, .28, .25)


def plain(shape: tuple[int, int], outdoors: bool) -> np.ndarray:
  """A map of ones, or outdoors a clear sky, which is paler towards the horizon."""
  image = np.ones(shape + (3,), np.float32)
  if outdoors:
    up = np.cos((np.arange(shape[0]) + .5) / shape[0] * np.pi)[:, None, None]
    blend = np.clip(up, 0, 1) ** .5
    image *= np.where(up < 0, _BELOW, _HORIZON + blend * np.subtract(_ZENITH, _HORIZON))
  return image


def with_sun(image: np.ndarray, power: float,
             direction: tuple[float, float, float]) -> np.ndarray:
  """The map with a sun of one pixel that adds `power` W/m² to what faces it."""
  if not power:
    return image
  height, width = image.shape[:2]
  x, y, z = np.array(direction) / np.linalg.norm(direction)
  row = min(int(np.arccos(z) / np.pi * height), height - 1)
  column = int(np.arctan2(x, y) / (2 * np.pi) % 1 * width) % width
  angle = 2 * np.pi / width * (np.cos(row / height * np.pi)
                               - np.cos((row + 1) / height * np.pi))
  image = image.copy()
  image[row, column] += power / angle
  return image
