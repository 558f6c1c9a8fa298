"""Textures of the ground outdoors, made of noise: they need no assets."""

import functools

import numpy as np
from scipy import ndimage

EDGE = 128  # Pixels.
# Name → colours of the lowest and the highest places (sRGB), and the sizes of the
# noise in pixels with their weights.
TEXTURES = {
    "grass": ((44, 74, 22), (126, 158, 62), ((.8, 1.), (6, .5))),
    "sand": ((190, 164, 116), (226, 204, 158), ((.7, .6), (9, 1.))),
    "gravel": ((70, 68, 66), (186, 182, 176), ((1.8, 1.), (5, .3))),
    "soil": ((58, 40, 26), (122, 92, 66), ((1.2, 1.), (8, .8))),
    "snow": ((214, 220, 230), (246, 248, 252), ((2, .5), (12, 1.))),
    "gray-pavement": ((120, 118, 114), (168, 164, 158), ((.7, 1.), (10, .6))),
    "red-pavement": ((118, 62, 50), (172, 104, 86), ((.7, 1.), (10, .6)))}
_SLABS = 4  # Slabs of a pavement along one edge.


@functools.cache
def texture(name: str) -> np.ndarray:
  """A texture that repeats without seams, uint8 [128, 128, 3] sRGB."""
  low, high, scales = TEXTURES[name]
  rng = np.random.default_rng(list(TEXTURES).index(name))
  height = np.zeros((EDGE, EDGE))
  for sigma, weight in scales:
    noise = ndimage.gaussian_filter(rng.normal(size=(EDGE, EDGE)), sigma, mode="wrap")
    height += weight * noise / noise.std()
  height = np.clip(.5 + height / (4 * np.linalg.norm([w for _, w in scales])), 0, 1)
  if name.endswith("pavement"):
    slab = EDGE // _SLABS
    rows, columns = np.arange(EDGE) // slab, np.arange(EDGE)
    shift = columns + (rows % 2)[:, None] * slab // 2  # Every other row by a half.
    tone = rng.uniform(-.2, .2, (_SLABS, 2 * _SLABS))
    height = np.clip(height * .6 + .2 + tone[rows[:, None], shift % EDGE // slab], 0, 1)
    joint = (np.arange(EDGE) % slab < 2)[:, None] | (shift % slab < 2)
    height = np.where(joint, -.6, height)
  rgb = np.array(low) + height[..., None] * np.subtract(high, low)
  return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
