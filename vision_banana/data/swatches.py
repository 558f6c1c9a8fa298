"""Pictures of plain colours whose captions name them, in every syntax of a prompt.

Generation data for a model that starts from nothing: a published generator knows
what 'navy' and '#80C000' look like, nano has to be taught before it can follow a
legend. Made from their number alone; nothing is stored.
"""

from typing import Any

import numpy as np

from vision_banana.codecs import colors

_NUM = 1_000_000
_SIZE = 64
_P_NAME = 0.3  # A word; each of the other syntaxes has the same share of the rest.

_LAYOUTS = (
    ("a picture of plain {0}", "everything is {0}", "{0} all over"),
    ("the left half is {0}, the right half is {1}", "{0} on the left, {1} on the right"),
    ("the top half is {0}, the bottom half is {1}", "{0} above {1}"),
    ("a {0} square on {1}", "the background is {1}, the square in the middle is {0}"),
    ("three stripes from left to right: {0}, {1} and {2}",),
    ("three stripes from top to bottom: {0}, {1} and {2}",),
    ("top left {0}, top right {1}, bottom left {2}, bottom right {3}",),
)
_REGIONS = (1, 2, 2, 2, 3, 3, 4)


class Swatches:
  """A source of scenes with `image`, uint8 [64, 64, 3], and `caption`."""

  generated = True

  def __len__(self) -> int:
    return _NUM

  def __getitem__(self, index: int) -> dict[str, Any]:
    rng = np.random.default_rng([17, index])
    layout = rng.integers(len(_LAYOUTS))
    names, painted = zip(*(_color(rng) for _ in range(_REGIONS[layout])), strict=True)
    caption = _LAYOUTS[layout][rng.integers(len(_LAYOUTS[layout]))].format(*names)
    return {"image": np.array(painted, np.uint8)[_regions(layout)], "caption": caption}


def _color(rng: np.random.Generator) -> tuple[str, tuple[int, int, int]]:
  """What the caption says, and RGB."""
  if rng.random() < _P_NAME:
    name = str(rng.choice(list(colors.NAMES)))
    return name, colors.NAMES[name]
  rgb = tuple(int(v) for v in rng.integers(0, 256, 3))
  return colors.format(rgb, str(rng.choice(
      [s for s in colors.STYLES if s != "name"]))), rgb


def _regions(layout: int) -> np.ndarray:
  """int [64, 64], which colour of the caption each pixel has."""
  y, x = np.mgrid[:_SIZE, :_SIZE]
  half, third = _SIZE // 2, -(-_SIZE // 3)
  near = np.maximum(abs(x - half + 0.5), abs(y - half + 0.5)) < _SIZE // 4
  return (np.zeros_like(x), x // half, y // half, 1 - near, x // third, y // third,
          2 * (y // half) + x // half)[layout]
