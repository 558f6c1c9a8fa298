"""Edits of what there is: things go, come, or become other things.

Each function draws one change of its kind, or None when it finds none.
"""

import dataclasses
import math

import numpy as np

from vision_banana.data.rooms import captions
from vision_banana.data.rooms import editing
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

_REMOVE = ("remove {}", "delete {}", "take away {}", "erase {} from the image")
_CLEAR = ("clear {}", "remove everything from {}", "take everything off {}",
          "empty the top of {}")
_ADD = ("add {} {}", "place {} {}", "put {} {}")
_COPY = ("add another {0} next to {1}", "put a second {0} beside {1}",
         "duplicate {1} and put the copy next to it", "place one more {0} by {1}")
_REPLACE = ("replace {} with {}", "swap {} for {}", "change {} into {}",
            "put {1} in place of {0}")
_RUG = ("add {} on the {}", "put {} on the {}", "lay {} on the {}")


def remove(e: editing.Editor) -> editing.Change | None:
  """Takes one thing away."""
  index, name = e.draw(lambda i, item: e.loose(i))
  if index is None:
    return None
  return e.say(_REMOVE, name), editing.without(e.room, index)


def remove_all(e: editing.Editor) -> editing.Change | None:
  """Takes all things of a category away."""
  members, name = e.group(lambda i, item: e.loose(i))
  if not members:
    return None
  return e.say(_REMOVE, name), editing.without(e.room, *members)


def clear(e: editing.Editor) -> editing.Change | None:
  """Takes away everything that stands on one piece of furniture."""
  tops = []
  for index, name in e.tops():
    load = [i for i, item in enumerate(e.room.items) if item.support == str(index)]
    seen = sum(e.share(i + views.FIRST_ITEM) for i in load)
    if len(load) > 1 and all(map(e.loose, load)) and seen > 2 * editing.BIG:
      tops.append((name, load))
  if not tops:
    return None
  name, load = e.pick(tops)
  return e.say(_CLEAR, name), editing.without(e.room, *load)


def add(e: editing.Editor) -> editing.Change | None:
  """A new thing on the floor or on a named piece of furniture."""
  tops = e.tops()
  for _ in range(editing.TRIES):
    items = list(e.room.items)
    if tops and e.rng.random() < .7:
      index, name = e.pick(tops)
      where = f"on {name}"
      placed = e.furnisher.on_top(
          e.furnisher.thing("table"), items[index], index, items)
    else:
      new = e.furnisher.thing("table" if e.rng.random() < .5 else e.floor_place)
      where = f"on the {vocabulary.floor(e.room)}"
      # In front of the lens rather than anywhere.
      placed = e.furnisher.on_floor(new, e.room.size, items,
                                    e.room.camera.target[:2], 1.6)
    if placed and e.holds(room := e.added(placed), len(items)):
      return e.say(_ADD, captions.article(editing.noun(placed)), where), room
  return None


def copy(e: editing.Editor) -> editing.Change | None:
  """The same thing once more, beside it."""
  index, name = e.draw(lambda i, item: e.movable(i))
  if index is None:
    return None
  item = e.room.items[index]
  if e.share(index + views.FIRST_ITEM) > .25:
    return None
  for angle in e.rng.uniform(0, 2 * math.pi, 2 * editing.TRIES):
    step = (e.rng.uniform(min(item.size[:2]), 1.15 * max(item.size[:2])) + .02
            ) * np.array((math.cos(angle), math.sin(angle)))
    second = dataclasses.replace(item, position=(
        *(float(x) for x in np.add(item.position[:2], step)), item.position[2]))
    room = e.added(second)
    if layout.distance(item, second) < views.reach(item) and e.holds(
        room, len(e.room.items)):
      return e.say(_COPY, editing.noun(item), name), room
  return None


def replace(e: editing.Editor) -> editing.Change | None:
  """Another thing in the place of one."""
  index, name = e.draw(lambda i, item: e.movable(i))
  if index is None:
    return None
  old = e.room.items[index]
  place = "table" if old.support.isdigit() or max(old.size) < .3 else e.floor_place
  for _ in range(editing.TRIES):
    new = e.furnisher.thing(place)
    if vocabulary.alike(new.category, old.category):
      continue
    room = e.changed(index, category=new.category, shape=new.shape, size=new.size,
                     material=new.material)
    if e.holds(room, index):
      return e.say(_REPLACE, name, captions.article(editing.noun(new))), room
  return None


def add_rug(e: editing.Editor) -> editing.Change | None:
  """A rug where none is."""
  if any(item.shape == "rug" for item in e.room.items) or e.room.outdoors:
    return None
  for _ in range(editing.TRIES):
    middle = np.add(e.room.camera.target[:2], e.rng.uniform(-.6, .6, 2))
    rug = dataclasses.replace(
        e.furnisher.thing("rug"), position=(float(middle[0]), float(middle[1]), 0.),
        yaw=float(e.rng.uniform(-.4, .4)))
    room = e.added(rug)
    if layout.inside(rug, e.room.size) and e.holds(room, len(e.room.items)):
      return (e.say(_RUG, captions.article(editing.noun(rug)),
                    vocabulary.floor(e.room)), room)
  return None
