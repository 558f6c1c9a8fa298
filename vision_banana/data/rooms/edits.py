"""Edits of rooms: an instruction and the room as it should then be.

Rendering both rooms from the same camera gives an exact before and after.
"""

import dataclasses

import numpy as np

from vision_banana import errors
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import furnishing
from vision_banana.data.rooms import language
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

Edit = tuple[str, scene.Room]

MAX_EDITS = 8  # Changes of the light alone can be put in more ways.

_TRIES = 12  # per edit, before another kind of edit is drawn
_RAYS = 32  # columns and rows of the quick look at an edited room
_BIG = .008  # part of the picture an edited object must cover
_RECOLOR = ("make {} {}", "paint {} {}", "change the color of {} to {}",
            "recolor {} to {}", "turn {} {}")
_REMOVE = ("remove {}", "delete {}", "take away {}", "erase {} from the image")
_ADD = ("add {} {}", "place {} {}", "put {} {}")
_MOVE = ("move {} {}", "shift {} {}")
_SURFACE = ("make the {} {}", "change the {} to {}", "turn the {} {}")
_LIGHT = {
    "dim": ("dim the light", "make the room darker", "lower the brightness"),
    "bright": ("brighten the room", "make the image brighter", "turn up the light"),
    "warm": ("make the light warmer", "use a warm, orange light",
             "light the room like a sunset"),
    "cold": ("make the light colder", "use a cool, bluish light",
             "give the room a cold light"),
}


def sample(room: scene.Room, instances: np.ndarray, rng: np.random.Generator,
           catalog: assets.Catalog, num: int) -> list[Edit]:
  """Draws edits of what is clearly visible.

  Kinds of edit: recolour, remove, add, move, change of wall or floor, light. The
  camera and all that the instruction does not name stay as they are. No edit creates
  a look reserved for the test split, in either split.

  Args:
    room: the room before.
    instances: int32 [H, W], its rendered ids.
    rng: source of randomness.
    catalog: names to add things from.
    num: how many edits, with different instructions; at most `MAX_EDITS`.

  Returns:
    `num` pairs (instruction, room after).

  Raises:
    errors.UserError: when `num` is too large.
  """
  if num > MAX_EDITS:
    raise errors.UserError(f"{num} edits of a room: ask for {MAX_EDITS} or fewer")
  editor = _Editor(room, instances, rng, catalog)
  kinds = (editor.recolor, editor.remove, editor.add, editor.move, editor.surface,
           editor.light)
  result, order = {}, []
  while len(result) < num:
    # Deal the kinds like cards, so that few edits are of different kinds.
    order = order or [kinds[i] for i in rng.permutation(len(kinds))]
    edit = order.pop()()
    if edit:
      result.setdefault(*edit)
  return list(result.items())


class _Editor:
  """Draws single edits; each method returns None when it finds none."""

  def __init__(self, room, instances, rng, catalog):
    self._room = room
    self._instances = instances
    self._rng = rng
    self._catalog = catalog
    self._furnisher = furnishing.Furnisher(rng, catalog, "train")
    self._names = language.references(room, instances, rng)
    self._shares = np.bincount(
        instances.ravel(), minlength=len(room.items) + 4) / instances.size
    ids = layout.raycast(room, _RAYS)[0].ravel()
    self._boxes = np.bincount(ids, minlength=len(room.items) + 4) / ids.size

  def _pick(self, options):
    return options[int(self._rng.integers(len(options)))]

  def _draw_object(self, loose=False):
    """Index and name of a visible object; a loose one carries nothing."""
    carrying = {item.support for item in self._room.items}
    indices = [id_ - views.FIRST_ITEM for id_ in self._names
               if self._shares[id_] >= _BIG and not (
                   loose and str(id_ - views.FIRST_ITEM) in carrying)]
    if not indices:
      return None, None
    index = self._pick(indices)
    # Short names are more natural: the shortest of three draws.
    names = self._names[index + views.FIRST_ITEM]
    return index, min((self._pick(names) for _ in range(3)), key=len)

  def _with(self, index, **changes):
    items = list(self._room.items)
    items[index] = dataclasses.replace(items[index], **changes)
    return dataclasses.replace(self._room, items=tuple(items))

  def recolor(self):
    index, name = self._draw_object()
    if index is None:
      return None
    item = self._room.items[index]
    if not vocabulary.colorable(item):
      return None
    material = self._furnisher.color(item.category)
    old = vocabulary.color(item)
    if material.color == old or vocabulary.close_colors(material.color, old):
      return None
    return (self._pick(_RECOLOR).format(name, material.color),
            self._with(index, material=material))

  def remove(self):
    index, name = self._draw_object(loose=True)
    if index is None:
      return None
    return self._pick(_REMOVE).format(name), without(self._room, index)

  def add(self):
    """A new thing on the floor or on a named piece of furniture."""
    tops = [(i, item) for i, item in enumerate(self._room.items)
            if item.shape in vocabulary.TOPS and i + views.FIRST_ITEM in self._names]
    for _ in range(_TRIES):
      items = list(self._room.items)
      if tops and self._rng.random() < .7:
        index, support = self._pick(tops)
        things = views.seen(self._room, self._instances)
        anchor = next(t for t in things if t.id == index + views.FIRST_ITEM)
        name = language.unique(anchor, things)
        new = self._furnisher.thing("table")
        where = f"on {name}"
        placed = name and self._furnisher.on_top(
            new, support, index, [o for o in items if o.support == str(index)])
      else:
        new = self._furnisher.thing("table" if self._rng.random() < .5 else "floor")
        where = "on the floor"
        placed = self._furnisher.on_floor(new, self._room.size, items)
      if placed and self._shows(room := dataclasses.replace(
          self._room, items=(*items, placed)), len(items)):
        noun = f"{vocabulary.color(placed)} {placed.category}".strip()
        return self._pick(_ADD).format(captions.article(noun), where), room
    return None

  def move(self):
    """A loose object to another place on its support."""
    index, name = self._draw_object(loose=True)
    if index is None or self._room.items[index].support == "wall":
      return None
    item = self._room.items[index]
    if item.shape == "rug":
      return None
    others = [o for i, o in enumerate(self._room.items) if i != index]
    before = layout.project(self._room.camera, layout.centre(item))
    for _ in range(_TRIES):
      if item.support == "floor":
        placed = self._furnisher.on_floor(item, self._room.size, others,
                                          item.position[:2], 1.5)
      else:
        placed = self._furnisher.on_top(
            item, self._room.items[int(item.support)], int(item.support),
            [o for o in others if o.support == item.support])
      if not placed:
        continue
      room = self._with(index, position=placed.position)  # but not turned
      if not layout.valid(room) or not self._shows(room, index):
        continue
      after = layout.project(self._room.camera, layout.centre(placed))
      right, nearer = after[0] - before[0], before[2] - after[2]
      if abs(right) > .15 and abs(nearer) < 2 * abs(right):
        where = "to the right" if right > 0 else "to the left"
      elif abs(nearer) > .3 and abs(right) < .08:
        where = "closer to the camera" if nearer > 0 else "farther away"
      else:
        continue
      return self._pick(_MOVE).format(name, where), room
    return None

  def surface(self):
    name = self._pick(("wall", "floor"))
    id_ = {"wall": views.WALL, "floor": views.FLOOR}[name]
    if self._shares[id_] < .08:
      return None
    old = getattr(self._room, name)
    new = self._furnisher.surface(name)
    word = vocabulary.word(new)
    if not word or word == vocabulary.word(old) or (
        vocabulary.close_colors(new.color, old.color)):
      return None
    noun = "walls" if name == "wall" else name
    return (self._pick(_SURFACE).format(noun, word),
            dataclasses.replace(self._room, **{name: new}))

  def light(self):
    kind = self._pick(tuple(_LIGHT))
    light = self._room.light
    if kind in ("dim", "bright"):
      factor = .45 if kind == "dim" else 1.7
      light = dataclasses.replace(light, exposure=light.exposure * factor)
    else:
      # The environment has no tint, so the lamp takes over.
      tint = np.array((1.5, .85, .35) if kind == "warm" else (.5, .85, 1.6))
      level = float(np.mean(light.lamp_radiance))
      light = dataclasses.replace(
          light, lamp_radiance=tuple(float(x) for x in tint * level * 1.5),
          environment_scale=light.environment_scale * .4)
    return self._pick(_LIGHT[kind]), dataclasses.replace(self._room, light=light)

  def _shows(self, room, index):
    """Whether item `index` is in view and no other item is more than half hidden."""
    ids = layout.raycast(room, _RAYS)[0].ravel()
    share = np.bincount(ids, minlength=len(room.items) + 4) / ids.size
    id_ = index + views.FIRST_ITEM
    before = self._boxes[:len(share)]
    hidden = (before >= _BIG) & (share[:len(before)] < .5 * before)
    hidden[id_:id_ + 1] = False
    return bool(_BIG <= share[id_] < .4 and not hidden.any()
                and not layout.holds(room.items[index], room.camera.origin, .15))


def without(room: scene.Room, index: int) -> scene.Room:
  """The room without an item that carries nothing; supports are renumbered."""
  items = []
  for i, item in enumerate(room.items):
    if item.support.isdigit() and int(item.support) > index:
      item = dataclasses.replace(item, support=str(int(item.support) - 1))
    if i != index:
      items.append(item)
  return dataclasses.replace(room, items=tuple(items))
