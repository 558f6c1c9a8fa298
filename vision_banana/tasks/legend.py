"""Random legends: colours, and the text that names each of them in a prompt.

A fixed legend does not transfer to classes or colours it never held, so every
sample draws its own, in any of the syntaxes a prompt may use (paper, section on
segmentation prompts).
"""

import dataclasses
import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from vision_banana.codecs import colors

RGB = tuple[int, int, int]

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)

# Chance that each colour of a prompt picks its own syntax, as in the paper's
# first example, which writes both "red" and yellow.
_P_MIXED_STYLES = 0.1
# A word is the easiest syntax to learn and the one people type.
_P_NAME = 0.4
# The words people type first; the other names share the rest.
_P_COMMON = 0.75
_COMMON = ("red", "green", "blue", "yellow", "cyan", "magenta", "orange", "purple",
           "white", "black", "pink", "brown", "gray", "lime", "navy", "teal", "olive",
           "maroon", "turquoise", "gold", "light blue", "light green", "dark green",
           "light purple")
_STANDARD = _COMMON[:9]
# By `fixed`, 51 apart.
_FIXED: list[RGB] = list(itertools.product(range(0, 256, 51), repeat=3))[1:]
# More colours than this are not told apart by words.
_MAX_NAMED = 8


@dataclasses.dataclass(frozen=True)
class Paint:
  """A colour and how the prompt writes it.

  Attributes:
    rgb: 0..255 each.
    text: for example 'light purple', '#80C000' or 'RGB(88, 50, 82)'.
  """
  rgb: RGB
  text: str


def parse(text: str) -> Paint:
  """A colour as the user wrote it; the prompt repeats the text as it is.

  Raises:
    UserError: when the text is no colour.
  """
  return Paint(colors.parse(text), text)


def draw(rng: np.random.Generator, n: int, avoid: Sequence[RGB] = ()) -> list[Paint]:
  """Draws `n` colours that differ from each other and from those in `avoid`."""
  named = n <= _MAX_NAMED
  styles = [_style(rng, named)] * n
  if rng.random() < _P_MIXED_STYLES:
    styles = [_style(rng, named) for _ in range(n)]
  taken = list(avoid)
  paints = []
  for style in dict.fromkeys(styles):
    pool = _pool(rng) if style == "name" else None
    for rgb in distinct(rng, styles.count(style), taken, pool):
      paints.append(Paint(rgb, colors.format(rgb, style)))
      taken.append(rgb)
  return [paints[i] for i in rng.permutation(n)]


def standard(n: int, avoid: Sequence[RGB] = ()) -> list[Paint]:
  """The same `n` well separated colours every time, words as far as they go.

  All keep clear of those in `avoid`, which a prompt may have from its user.
  """
  paints = [parse(name) for name in _STANDARD
            if colors.apart(colors.NAMES[name], avoid)][:n]
  taken = [*avoid, *(p.rgb for p in paints)]
  rest = distinct(np.random.default_rng(0), n - len(paints), taken)
  return paints + [Paint(rgb, colors.format(rgb, "tuple")) for rgb in rest]


def fixed(names: Sequence[str]) -> list[Paint]:
  """The colour that each name has in every prompt, as a benchmark's palette has it.

  For comparison with random legends. A name's hash picks one of 215 evenly spaced
  colours, black left out; of two names of one legend that share it, one in a hundred
  pairs or fewer, the later takes the next that is free.
  """
  taken: list[int] = []
  for name in names:
    place = zlib.crc32(name.encode()) % len(_FIXED)
    while place in taken:
      place = (place + 1) % len(_FIXED)
    taken.append(place)
  return [Paint(_FIXED[i], colors.format(_FIXED[i], "hex")) for i in taken]


def distinct(rng: np.random.Generator, n: int, avoid: Sequence[RGB],
             pool: Sequence[RGB] | None = None) -> list[RGB]:
  """`colors.distinct` as tuples of int."""
  drawn = colors.distinct(rng, n, avoid, pool=pool) if n else ()
  return [tuple(int(c) for c in rgb) for rgb in drawn]


def _style(rng: np.random.Generator, named: bool) -> str:
  if named and rng.random() < _P_NAME:
    return "name"
  return str(rng.choice([s for s in colors.STYLES if s != "name"]))


def _pool(rng: np.random.Generator) -> list[RGB]:
  names = _COMMON if rng.random() < _P_COMMON else colors.NAMES
  return [colors.NAMES[name] for name in names]
