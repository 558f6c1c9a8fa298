"""Edits of where things are, which way they face and how big they are.

Each function draws one change of its kind, or None when it finds none.
"""

import dataclasses
import functools
import math

import numpy as np

from vision_banana.data.rooms import editing
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

_MOVE = ("move {} {}", "shift {} {}", "slide {} {}")
_NEAR = ("closer to the camera", "nearer to the camera", "towards the viewer")
_FAR = ("farther away", "away from the camera", "farther back")
_DIRECTIONS = {  # Words, and the step in units of the camera's (right, back).
    "left": (("to the left",), (-1, 0)), "right": (("to the right",), (1, 0)),
    "nearer": (_NEAR, (0, 1)), "farther": (_FAR, (0, -1))}
_ONTO = ("put {} {}", "move {} {}", "place {} {}")
_SWAP = ("swap {} and {}", "exchange {} and {}", "let {} and {} trade places",
         "switch the positions of {} and {}")
_BIGGER = ("make {} bigger", "enlarge {}", "make {} larger", "scale up {}")
_SMALLER = ("make {} smaller", "shrink {}", "scale down {}", "reduce the size of {}")
_AROUND = ("turn {} around", "make {} face the other way", "rotate {} by 180 degrees")
_QUARTER = ("rotate {} by 90 degrees", "give {} a quarter turn",
            "turn {} by 90 degrees", "turn {} sideways")
# Shapes whose front differs from their back, and shapes that look the same from
# both: these alone need no left or right to say which way a quarter turn goes.
_FRONTED = ("chair", "armchair", "sofa", "dresser", "cabinet", "desk", "television",
            "bed", "shelf", "mailbox", "car", "cart", "asset:laptop",
            "asset:office_chair", "asset:teddy", "asset:coffeemachine")
_TWOFOLD = ("bench", "book", "box", "crate", "table", "books", "fence", "tent")


def _move(e: editing.Editor, direction: str) -> editing.Change | None:
  """A thing to another place on its support."""
  index, name = e.draw(lambda i, item: e.movable(i))
  if index is None:
    return None
  words, step = _DIRECTIONS[direction]
  item = e.room.items[index]
  axes = layout.camera_axes(e.room.camera)[[0, 2], :2]
  axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
  before = layout.project(e.room.camera, layout.centre(item))
  for distance in e.rng.uniform(.15, .9 if item.support.isdigit() else 2.,
                                editing.TRIES):
    to = np.add(item.position[:2], distance * (np.array(step) @ axes))
    room = e.changed(index, position=(float(to[0]), float(to[1]), item.position[2]))
    after = layout.project(e.room.camera, layout.centre(room.items[index]))
    right, nearer = after[0] - before[0], before[2] - after[2]
    if (step[0] * right > .12 or step[1] * nearer > .25) and e.holds(room, index):
      return e.say(_MOVE, name, e.pick(words)), room
  return None


left = functools.partial(_move, direction="left")
right = functools.partial(_move, direction="right")
nearer = functools.partial(_move, direction="nearer")
farther = functools.partial(_move, direction="farther")


def onto(e: editing.Editor) -> editing.Change | None:
  """A thing onto another support."""
  index, name = e.draw(lambda i, item: e.movable(i) and item.size[2] < .6)
  if index is None or " on " in name:  # 'the mug on the desk on the floor' misleads.
    return None
  item = e.room.items[index]
  tops = [(str(i), f"on {n}") for i, n in e.tops() if i != index]
  places = [place for place in (*tops, ("floor", f"on the {vocabulary.floor(e.room)}"))
            if place[0] != item.support]
  if not places:
    return None
  for _ in range(editing.TRIES):
    support, where = e.pick(places)
    if support == "floor":
      placed = e.furnisher.on_floor(item, e.room.size, list(e.room.items),
                                    e.room.camera.target[:2], 1.4)
    else:
      placed = e.furnisher.on_top(
          item, e.room.items[int(support)], int(support), list(e.room.items))
    if placed:  # It keeps its yaw, and may not fit with that.
      room = e.changed(index, position=placed.position, support=support)
      if e.holds(room, index):
        return e.say(_ONTO, name, where), room
  return None


def swap(e: editing.Editor) -> editing.Change | None:
  """Two things of different looks trade places."""
  for _ in range(editing.TRIES):
    a, name = e.draw(lambda i, item: e.movable(i))
    b, other = e.draw(lambda i, item: e.movable(i))
    if a is None or a == b:
      continue
    first, second = e.room.items[a], e.room.items[b]
    ends = [layout.project(e.room.camera, layout.centre(item))[:2]
            for item in (first, second)]
    if editing.noun(first) == editing.noun(second) or math.dist(*ends) < .1:
      continue
    items = list(e.room.items)
    items[a] = dataclasses.replace(first, position=second.position,
                                   support=second.support)
    items[b] = dataclasses.replace(second, position=first.position,
                                   support=first.support)
    room = dataclasses.replace(e.room, items=tuple(items))
    if e.holds(room, a, b):
      return e.say(_SWAP, name, other), room
  return None


def _scale(e, factor, forms):
  index, name = e.draw(lambda i, item: e.movable(i))
  if index is None:
    return None
  item = e.room.items[index]
  size = tuple(round(x * factor, 4) for x in item.size)
  room = e.changed(index, size=size)
  return (e.say(forms, name), room) if e.holds(room, index) else None


def bigger(e: editing.Editor) -> editing.Change | None:
  """A thing grows by half."""
  return _scale(e, 1.5, _BIGGER)


def smaller(e: editing.Editor) -> editing.Change | None:
  """A thing shrinks by two fifths."""
  return _scale(e, .6, _SMALLER)


def around(e: editing.Editor) -> editing.Change | None:
  """A thing with a front turns it away, or back."""
  index, name = e.draw(lambda i, item: e.movable(i) and item.shape in _FRONTED)
  return None if index is None else _turn(e, index, math.pi, e.say(_AROUND, name))


def quarter(e: editing.Editor) -> editing.Change | None:
  """An oblong thing turns by a right angle."""
  index, name = e.draw(
      lambda i, item: e.movable(i) and item.shape in _TWOFOLD
      and max(item.size[:2]) > 1.3 * min(item.size[:2]))
  return None if index is None else _turn(
      e, index, math.pi / 2, e.say(_QUARTER, name))


def _turn(e, index, angle, text):
  room = e.changed(index, yaw=e.room.items[index].yaw + angle)
  return (text, room) if e.share(index + views.FIRST_ITEM) > 2 * editing.BIG and (
      e.holds(room, index)) else None
