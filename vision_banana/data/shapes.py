"""Pictures of flat shapes, with exact edits and labels, drawn from their number alone.

What a legend asks for, a colour for each thing it names, is learned here before it
is learned on rooms: repainting several named shapes is an edit, and the same words
name classes. Nothing is stored.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.tasks import legend

_NUM = 1_000_000
_SIZE = 64
_CELL = _SIZE // 2  # A shape a cell, so that none hides another.
_KINDS = ("circle", "square", "triangle", "diamond", "cross", "ring")
_NUM_EDITS = 2
_P_BACKGROUND = 0.4  # An edit repaints the background too.

_REPAINT = ("paint {0} {1}", "make {0} {1}", "color {0} {1}", "turn {0} to {1}")
_LISTS = ("new colors: {0}", "repaint: {0}", "recolor it by this list: {0}")


class Shapes:
  """A source of scenes, 64×64 pixels.

  Each has `image`, uint8 [64, 64, 3]; `instances`, int32 [64, 64] of ids from 1,
  0 where the background is; `categories`, the names behind the ids; `phrases`, pairs
  of text and ids, without ids where it fits nothing; and `edits`, pairs of an
  instruction and the picture after it.
  """

  generated = True

  def __len__(self) -> int:
    return _NUM

  def __getitem__(self, index: int) -> dict[str, Any]:
    rng = np.random.default_rng([29, index])
    kinds = rng.choice(_KINDS, rng.integers(1, 4), replace=False)
    names = [str(rng.choice(kinds)) for _ in range(rng.integers(2, 5))]
    instances = np.zeros((_SIZE, _SIZE), np.int32)
    cells = rng.permutation(4)[:len(names)]
    for i, (name, cell) in enumerate(zip(names, cells), 1):
      instances[_mask(name, int(cell), rng)] = i
    paints = legend.draw(rng, len(names) + 1)  # Of the background, then of each.
    colors = np.array([p.rgb for p in paints], np.uint8)
    return {
        "image": colors[instances], "instances": instances, "categories": names,
        "phrases": _phrases(names, cells, paints),
        "edits": [_edit(rng, names, instances, colors) for _ in range(_NUM_EDITS)]}


def _mask(name: str, cell: int, rng: np.random.Generator) -> np.ndarray:
  """bool [64, 64], a shape somewhere in one of the four cells, in rows from top left."""
  radius = rng.uniform(8, _CELL / 2 - 1)
  x0, y0 = rng.uniform(radius, _CELL - radius, 2)
  y, x = np.mgrid[:_SIZE, :_SIZE] + 0.5
  u = (x - x0 - _CELL * (cell % 2)) / radius
  v = (y - y0 - _CELL * (cell // 2)) / radius
  far, along = np.hypot(u, v), np.minimum(abs(u), abs(v))
  most = np.maximum(abs(u), abs(v))
  return {"circle": far < 1, "square": most < 0.85, "diamond": abs(u) + abs(v) < 1,
          "triangle": (abs(u) < (v + 1) / 2) & (v < 1),
          "cross": (along < 0.35) & (most < 1), "ring": (far < 1) & (far > 0.5)}[name]


def _phrases(names: Sequence[str], cells: np.ndarray, paints: Sequence[legend.Paint]
             ) -> list[tuple[str, tuple[int, ...]]]:
  """By name, by name and colour, by name and side; and as many that fit nothing."""
  kinds = sorted(set(names))
  seen = {p.text for p in paints[1:] if p.text[0].isalpha() and "(" not in p.text}
  found: list[tuple[str, tuple[int, ...]]] = []
  ids_of = lambda fits: tuple(i for i in range(1, len(names) + 1) if fits(i - 1))
  for kind in kinds:
    ids = ids_of(lambda i: names[i] == kind)
    found.append((f"the {kind}" if len(ids) == 1 else f"every {kind}", ids))
    for word in sorted(seen):
      found.append((f"the {word} {kind}", ids_of(
          lambda i: names[i] == kind and paints[i + 1].text == word)))
    for side, fits in (("left", cells % 2 == 0), ("right", cells % 2 == 1),
                       ("top", cells // 2 == 0), ("bottom", cells // 2 == 1)):
      where = f"on the {side}" if side in ("left", "right") else f"at the {side}"
      ids = ids_of(lambda i: names[i] == kind and fits[i])
      found.append((f"{'every' if len(ids) > 1 else 'the'} {kind} {where}", ids))
  found += [(f"the {kind}", ()) for kind in _KINDS if kind not in kinds]
  return found


def _edit(rng: np.random.Generator, names: Sequence[str], instances: np.ndarray,
          colors: np.ndarray) -> tuple[str, np.ndarray]:
  """Repaints one to all of the kinds in view."""
  kinds = [str(k) for k in rng.permutation(sorted(set(names)))]
  kinds = kinds[:rng.integers(1, len(kinds) + 1)]
  parts = kinds + ["background"] * (rng.random() < _P_BACKGROUND)
  paints = legend.draw(rng, len(parts))
  after = colors.copy()
  for part, paint in zip(parts, paints):
    ids = [0] if part == "background" else [
        i for i, name in enumerate(names, 1) if name == part]
    after[ids] = paint.rgb
  if rng.random() < 0.5:
    pairs = [f"{part}: {paint.text}" for part, paint in zip(parts, paints)]
    text = str(rng.choice(_LISTS)).format("; ".join(pairs))
  else:
    said = ["the background" if part == "background" else
            f"{'every' if names.count(part) > 1 else 'the'} {part}" for part in parts]
    first, *rest = (str(rng.choice(_REPAINT)).format(s, p.text) if not i else
                    f"{s} {p.text}" for i, (s, p) in enumerate(zip(said, paints)))
    text = " and ".join([first, *rest])
  return text, after[instances]
