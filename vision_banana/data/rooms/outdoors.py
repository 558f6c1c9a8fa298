"""What stands on the ground outdoors."""

import dataclasses

import numpy as np

from vision_banana.data.rooms import furnishing
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import scene

SIZE = (14., 14., 6.)  # Metres; the ground goes on.
_CARRIERS = ("table", "round table", "bench", "crate")


def furnish(rng: np.random.Generator, furnisher: furnishing.Furnisher, view: str
            ) -> list[scene.Item]:
  """Draws what stands outdoors.

  Args:
    rng: source of randomness.
    furnisher: draws and places the things.
    view: as in `cameras.VIEWS`.

  Returns:
    The items; the first carries things, with 'ground' it is low.
  """
  options = [k for place in ("focus", "floor") for k in kinds.at(place)
             if k.category in (_CARRIERS[2:] if view == "ground" else _CARRIERS)]
  focus = furnisher.primitive(options[int(rng.integers(len(options)))])
  x, y = (float(v) for v in rng.uniform((-1.5, -2.), (1.5, .5)))
  items = [dataclasses.replace(focus, position=(x, y, 0.),
                               yaw=float(rng.uniform(-.6, .6)))]

  def add(place, count, around, radius):
    for _ in range(int(count)):
      placed = furnisher.on_floor(furnisher.thing(place), SIZE, items, around, radius)
      if placed:
        items.append(placed)

  add("far outdoors", rng.integers(1, 5), (x, min(y + 5., 4.5)), 4.)
  add("outdoors", rng.integers(2, 5), (x, y + .6), 1.8)
  add("outdoors", rng.integers(1, 5), (x, y + 1.5), 3.5)
  return items
