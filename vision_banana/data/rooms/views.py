"""What a picture of a room shows, and how the things in it relate.

Relations are judged as a viewer of the picture would: True and False only where
nobody would argue, None in between. Phrases use a relation only when it is True of
one thing and False of all others.
"""

import dataclasses

import numpy as np

from vision_banana.data.rooms import layout
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary
from vision_banana.data.rooms.geometry import CEILING, FIRST_ITEM, FLOOR, WALL

# Part of the picture a thing must cover to be named (16 pixels of 64 x 64).
CLEAR = .004
SURFACE = .03  # the same for floor, wall and ceiling
_SIDEWAYS = .1  # of the picture's width: surely left or right
_NEARER = .2  # metres of depth: surely in front or behind


@dataclasses.dataclass(frozen=True)
class Seen:
  """An item of which at least one pixel is visible.

  Attributes:
    id: its instance id.
    item: the item.
    share: part of the picture it covers.
    x: mean column of its pixels, 0 (left) to 1.
    left, right: extreme columns, 0 to 1.
    depth: of its centre along the optical axis, metres.
  """
  id: int
  item: scene.Item
  share: float
  x: float
  left: float
  right: float
  depth: float

  @property
  def clear(self) -> bool:
    """Whether enough of it is visible to name it."""
    return self.share >= CLEAR


def seen(room: scene.Room, instances: np.ndarray) -> list[Seen]:
  """The visible items of a room in a picture with these ids, int32 [H, W]."""
  result = []
  columns = (np.arange(instances.shape[1]) + .5) / instances.shape[1]
  for index, item in enumerate(room.items):
    per_column = (instances == index + FIRST_ITEM).sum(0)
    total = int(per_column.sum())
    if total:
      where = columns[per_column > 0]
      result.append(Seen(
          index + FIRST_ITEM, item, total / instances.size,
          float(columns @ per_column / total), float(where[0]), float(where[-1]),
          layout.project(room.camera, layout.centre(item))[2]))
  return result


def on(a: Seen, b: Seen) -> bool:
  """Whether a stands on b."""
  return a.item.support == str(b.id - FIRST_ITEM)


def _unrelated(a: Seen, b: Seen) -> bool:
  """Whether no side can be told: one carries the other, or one is a rug."""
  return (a.id == b.id or on(a, b) or on(b, a)
          or "rug" in (a.item.shape, b.item.shape))


def left_of(a: Seen, b: Seen) -> bool | None:
  """Whether a is to the left of b in the picture."""
  if _unrelated(a, b):
    return None
  if b.x - a.x > _SIDEWAYS:
    return True
  return False if b.x < a.x else None


def in_front_of(a: Seen, b: Seen) -> bool | None:
  """Whether a is nearer to the camera than b and in line with it."""
  if _unrelated(a, b):
    return None
  if b.depth < a.depth:
    return False
  in_line = a.left < b.right and b.left < a.right
  return True if in_line and b.depth - a.depth > _NEARER else None


def reach(item: scene.Item) -> float:
  """Metres within which things on the item's support are next to it."""
  return .08 if item.support.isdigit() else .25


def next_to(a: Seen, b: Seen) -> bool | None:
  """Whether a is close to b on the same support."""
  if _unrelated(a, b):
    return None
  gap = layout.distance(a.item, b.item)
  near = reach(a.item)
  if a.item.support == b.item.support and gap < near:
    return True
  return False if gap > 4 * near else None


RELATIONS = {
    "to the left of": left_of,
    "to the right of": lambda a, b: left_of(b, a),
    "in front of": in_front_of,
    "behind": lambda a, b: in_front_of(b, a),
    "next to": next_to,
    "on": on,
}


def _first(things: list[Seen], key, margin: float) -> Seen | None:
  """The thing with the smallest key if the next is at least `margin` larger."""
  ranked = sorted(things, key=key)
  return ranked[0] if key(ranked[1]) - key(ranked[0]) >= margin else None


def _biggest(things: list[Seen], sign: int) -> Seen | None:
  """The biggest (+1) or smallest (-1) both in metres and in the picture."""
  volume = _first(things, lambda s: -sign * np.log(np.prod(s.item.size)), .4)
  return volume and volume is _first(
      things, lambda s: -sign * np.log(s.share), .25) and volume or None


SUPERLATIVES = {
    "leftmost": lambda things: _first(things, lambda s: s.x, .06),
    "rightmost": lambda things: _first(things, lambda s: -s.x, .06),
    "closest": lambda things: _first(things, lambda s: s.depth, .15),
    "farthest": lambda things: _first(things, lambda s: -s.depth, .15),
    "largest": lambda things: _biggest(things, 1),
    "smallest": lambda things: _biggest(things, -1),
}


@dataclasses.dataclass(frozen=True)
class Head:
  """A noun with optional restrictions: 'red mug on the table'.

  Attributes:
    category: None for any object.
    color: None for any colour.
    support: what it must stand on, None for anything.
    material: one of `vocabulary.MATERIALS`, None for any.
    other_than: a colour it must not have, None for any colour.
  """
  category: str | None
  color: str | None = None
  support: Seen | None = None
  material: str | None = None
  other_than: str | None = None

  def fits(self, thing: Seen) -> bool | None:
    """Whether the noun describes a thing: None when a viewer may differ."""
    answers = [True]
    if self.category is not None and self.category != thing.item.category:
      answers.append(
          None if vocabulary.alike(self.category, thing.item.category) else False)
    if self.color is not None:
      color = vocabulary.color(thing.item)
      answers.append(color == self.color if color else None)
    if self.material is not None:
      answers.append(vocabulary.made_of(thing.item, self.material))
    if self.other_than is not None:
      color = vocabulary.color(thing.item)
      close = vocabulary.close_colors(color, self.other_than)
      answers.append(None if close or not color else color != self.other_than)
    if self.support is not None:
      answers.append(on(thing, self.support))
    return False if False in answers else None if None in answers else True

  def matches(self, things: list[Seen]) -> list[Seen] | None:
    """The things it describes, or None when that is arguable for any."""
    answers = [self.fits(thing) for thing in things]
    if None in answers:
      return None
    return [thing for thing, answer in zip(things, answers) if answer]
