"""Rooms and outdoor scenes from seeds: furniture, clutter and viewpoints.

Train and test rooms come from different random streams and the reserved looks of
`vocabulary.py` are shown by test rooms only.
"""

import dataclasses

import numpy as np

from vision_banana import errors
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import cameras
from vision_banana.data.rooms import furnishing
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import lighting
from vision_banana.data.rooms import outdoors
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary

SPLITS = ("train", "test")
_ATTEMPTS = 200
_CAMERAS = 16
_OUTDOORS = .15  # Part of the seeds.
_WHITE = scene.Material(None, vocabulary.COLORS["white"], "white", roughness=.9)


def sample(seed: int, catalog: assets.Catalog, split: str) -> scene.Room:
  """Draws a room, or with about one seed in seven a scene outdoors.

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
  outside = bool(rng.random() < _OUTDOORS)
  for _ in range(_ATTEMPTS):
    room = _draw(seed, rng, catalog, split, outside)
    if room and (split == "train" or vocabulary.reserved_pairs(room)):
      return room
  raise errors.UserError(f"room {seed} of split {split}: no draw of {_ATTEMPTS} "
                         "showed enough; use another seed")


def _draw(seed, rng, catalog, split, outside):
  """One room, or None when no camera sees enough of it."""
  furnisher = furnishing.Furnisher(rng, catalog, split)
  if outside:
    size, view = outdoors.SIZE, str(rng.choice(cameras.VIEWS, p=(.35, .25, .4)))
    items = outdoors.furnish(rng, furnisher, view)
    floor, wall = furnisher.surface("ground"), _WHITE
    light = lighting.outdoors(rng, catalog, floor)
  else:
    size = tuple(round(float(rng.uniform(*r)), 2) for r in ((3, 6), (3, 6), (2.4, 3)))
    view = str(rng.choice(cameras.VIEWS, p=(.62, .16, .22)))
    items = _furniture(rng, furnisher, size, view)
    floor, wall = furnisher.surface("floor"), furnisher.surface("wall")
    light = lighting.indoors(rng, size, catalog, floor, wall)
  aim = np.array(layout.centre(items[0])) * (1, 1, 2)  # the middle of its top
  if view == "ground":
    aim[2] = .1
    furnisher.scatter(items, size, tuple(aim[:2]),
                      "outdoors" if outside else "floor", int(rng.integers(5, 10)))
  for index, item in enumerate(tuple(items)):
    if item.shape in kinds.TOPS and item.size[2] < 1.2:
      count = rng.integers(5, 11) if index == 0 else rng.integers(0, 4)
      furnisher.clutter(items, index, int(count))
  room = scene.Room(seed, size, floor, wall, _WHITE, tuple(items),
                    scene.Camera((0., 0., 1.), (0., 1., 1.), 60.), light, outside)
  for _ in range(_CAMERAS):
    camera = cameras.draw(rng, size, view, aim, outside)
    if camera:
      room = dataclasses.replace(room, camera=camera)
      if cameras.sees_enough(room):
        return room
  return None


def _furniture(rng, furnisher, size, view):
  """Everything that stands on the floor or hangs on a wall; the focus first."""
  options = kinds.at("focus")
  if view == "ground":  # something low among the things on the floor
    options = [k for k in kinds.at("floor") if k.category in ("box", "crate", "bench")]
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
