"""Rooms from seeds: furniture, clutter, lamps and viewpoints.

Train and test rooms come from different random streams and the reserved looks of
`vocabulary.py` are shown by test rooms only.
"""

import dataclasses
import math

import numpy as np

from vision_banana import errors
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import furnishing
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary

SPLITS = ("train", "test")
_ATTEMPTS = 200
_CAMERAS = 12
_WHITE = scene.Material(None, vocabulary.COLORS["white"], "white", roughness=.9)


def sample(seed: int, catalog: assets.Catalog, split: str) -> scene.Room:
  """Draws a room.

  Args:
    seed: non-negative; the same seed, catalog and split give the same room.
    catalog: names to use; with an empty one, primitives in plain colours only.
    split: 'train' (no reserved look) or 'test' (at least one).

  Raises:
    errors.UserError: for an unknown split or a negative seed.
  """
  if split not in SPLITS:
    raise errors.UserError(f"room split '{split}' is unknown: use train or test")
  if seed < 0:
    raise errors.UserError(f"room seed {seed} is negative: use 0 or more")
  rng = np.random.default_rng([SPLITS.index(split), seed])
  for _ in range(_ATTEMPTS):
    room = _draw(seed, rng, catalog, split)
    if room and (split == "train" or vocabulary.reserved_pairs(room)):
      return room
  raise errors.UserError(f"room {seed} of split {split}: no draw of {_ATTEMPTS} "
                         "showed enough; use another seed")


def _draw(seed, rng, catalog, split):
  """One room, or None when no camera sees enough of it."""
  furnisher = furnishing.Furnisher(rng, catalog, split)
  size = tuple(round(float(rng.uniform(*r)), 2) for r in ((3, 6), (3, 6), (2.4, 3)))
  view = rng.choice(("top", "room", "ground"), p=(.55, .25, .2))
  items = _furniture(rng, furnisher, size, view)
  aim = np.array(layout.centre(items[0])) * (1, 1, 2)  # the middle of its top
  if view == "ground":
    aim[2] = .1
    _scatter(rng, furnisher, size, items, aim)
  for index, item in enumerate(tuple(items)):
    if item.shape in kinds.TOPS and item.size[2] < 1.2:
      count = rng.integers(4, 9) if index == 0 else rng.integers(0, 3)
      _clutter(rng, furnisher, items, index, count)
  floor, wall = furnisher.surface("floor"), furnisher.surface("wall")
  room = scene.Room(seed, size, floor, wall, _WHITE, tuple(items),
                    scene.Camera((0., 0., 1.), (0., 1., 1.), 60.),
                    _light(rng, size, catalog, floor, wall))
  for _ in range(_CAMERAS):
    camera = _camera(rng, size, view, aim)
    if camera:
      room = dataclasses.replace(room, camera=camera)
      if _sees_enough(room):
        return room
  return None


def _furniture(rng, furnisher, size, view):
  """Everything that stands on the floor or hangs on a wall; the focus first."""
  options = [k for k in kinds.KINDS if k.place == "focus"]
  if view == "ground":  # something low among the things on the floor
    options = [k for k in kinds.KINDS if k.category in ("box", "crate", "bench")
               and k.place == "floor"]
  focus = furnisher.primitive(options[rng.integers(len(options))])
  half = np.array(size[:2]) / 2
  x, y = rng.uniform((-.35, -.15), (.35, .4)) * half
  items = [dataclasses.replace(focus, position=(float(x), float(y), 0.),
                               yaw=float(rng.uniform(-.6, .6)))]

  def add(item):
    if item is not None:
      items.append(item)

  for _ in range(rng.integers(0, 2 if view == "ground" else 4)):
    add(furnisher.against_wall(furnisher.thing("wall side"), size, items))
  for _ in range(rng.integers(0, 3)):
    add(furnisher.on_floor(furnisher.thing("floor"), size, items, (x, y), 1.2))
  for _ in range(rng.integers(0, 3)):
    add(furnisher.on_floor(furnisher.thing("floor"), size, items))
  for _ in range(rng.integers(0, 4)):
    add(furnisher.against_wall(furnisher.thing("wall"), size, items,
                               float(rng.uniform(.9, 1.4))))
  if rng.random() < .35:
    rug = dataclasses.replace(furnisher.thing("rug"), position=(float(x), float(y), 0.),
                              yaw=float(rng.uniform(-.4, .4)))
    if layout.inside(rug, size):
      items.append(rug)
  return items


def _scatter(rng, furnisher, size, items, aim):
  """Adds small and middling things on the floor round `aim`."""
  for _ in range(rng.integers(4, 9)):
    item = furnisher.thing("table" if rng.random() < .65 else "floor")
    placed = furnisher.on_floor(item, size, items, tuple(aim[:2]), .9)
    if placed:
      items.append(placed)


def _clutter(rng, furnisher, items, index, count):
  """Adds things on top of `items[index]`, sometimes several of one category."""
  item = None
  for _ in range(count):
    if item is None or rng.random() < .75:
      item = furnisher.thing("table")
    elif item.material is not None and rng.random() < .6:
      item = dataclasses.replace(item, material=furnisher.color(item.category))
    placed = furnisher.on_top(item, items[index], index, items)
    if placed:
      items.append(placed)


def _light(rng, size, catalog, floor, wall):
  warmth = rng.uniform(-.25, .35)  # below zero is bluish
  tint = np.array((1 + min(warmth, 0), 1 - abs(warmth) * .3, 1 - max(warmth, 0)))
  power = rng.uniform(14, 30) * size[0] * size[1] / 18
  names = catalog.environments
  # Half of the way to equal brightness of pale and dark rooms.
  albedo = np.mean([np.mean(m.rgb) if m.texture is None else .45
                    for m in (floor, wall)])
  exposure = rng.uniform(.75, 1.3) * (.3 / (.1 + albedo)) ** .5
  exposure *= .5 if rng.random() < .1 else 1  # in the evening
  return scene.Light(
      tuple(round(float(x), 3) for x in rng.uniform(-.25, .25, 2) * size[:2]),
      tuple(round(float(x), 3) for x in tint * power),
      names[rng.integers(len(names))] if names else "",
      round(float(rng.uniform(.2, 1.2)), 3), round(float(exposure), 3))


def _camera(rng, size, view, aim):
  """A camera inside the room, or None."""
  half = np.array(size[:2]) / 2
  if view == "room":
    x, y = rng.uniform((-.8, -.95), (.8, -.45)) * half
    origin = np.array((x, y, rng.uniform(.9, 2.)))
    target = np.append(rng.uniform((-.6, -.1), (.6, .8)) * half, rng.uniform(.2, .9))
  else:
    around, above = rng.uniform(-1.25, 1.25), rng.uniform(.22, 1.05)
    away = rng.uniform(.8, 1.7)
    target = aim + rng.uniform(-.18, .18, 3) * (1, 1, .5)
    origin = target + away * np.array((
        math.sin(around) * math.cos(above), -math.cos(around) * math.cos(above),
        math.sin(above)))
  if (np.abs(origin[:2]) > half - .15).any() or not .15 < origin[2] < size[2] - .15:
    return None
  return scene.Camera(tuple(round(float(x), 4) for x in origin),
                      tuple(round(float(x), 4) for x in target),
                      round(float(rng.uniform(45, 70)), 2))


def _sees_enough(room):
  """Several things, none of them filling the picture or touching the lens."""
  if any(layout.holds(item, room.camera.origin) for item in room.items):
    return False
  ids, depth = layout.raycast(room, 32)
  share = np.bincount(ids.ravel(), minlength=len(room.items) + 4) / ids.size
  things = share[4:]
  return bool((things > .007).sum() >= 4 and things.max() < .5 and share[0] < .2
              and depth.min() > .35 and share[1:4].max() < .62)
