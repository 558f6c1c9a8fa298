"""Viewpoints, and whether they show enough."""

import math

import numpy as np

from vision_banana.data.rooms import layout
from vision_banana.data.rooms import scene

# Near what stands on the first item, across the whole room, or near the floor.
VIEWS = ("top", "room", "ground")
_CLOSEST = .33  # Metres of depth that nothing may come nearer than.


def draw(rng: np.random.Generator, size: tuple[float, float, float], view: str,
         aim: np.ndarray, outdoors: bool) -> scene.Camera | None:
  """A camera inside the room, or None.

  Args:
    rng: source of randomness.
    size: of the room, metres.
    view: one of `VIEWS`.
    aim: float64 [3], metres, what to look at; 'room' does so outdoors only.
    outdoors: whether there are no walls to keep away from.
  """
  half = np.array(size[:2]) / 2
  if view == "room" and not outdoors:
    x, y = rng.uniform((-.8, -.95), (.8, -.45)) * half
    origin = np.array((x, y, rng.uniform(.9, 2.)))
    target = np.append(rng.uniform((-.6, -.1), (.6, .8)) * half, rng.uniform(.2, .9))
  else:
    wide = view == "room"
    around = rng.uniform(-1., 1.) * (.5 if wide else 1.25)
    above = rng.uniform(.04, .4) if wide else rng.uniform(.2, 1.05)
    away = rng.uniform(3., 6.) if wide else .5 + rng.gamma(2., .2)
    spread = (.8, .8, .3) if wide else (.16, .16, .06)
    target = aim + rng.uniform(-1, 1, 3) * spread + (0, 1.2 * wide, 0)
    origin = target + away * np.array((
        math.sin(around) * math.cos(above), -math.cos(around) * math.cos(above),
        math.sin(above)))
  if not .15 < origin[2] < size[2] - .15 or (
      not outdoors and (np.abs(origin[:2]) > half - .15).any()):
    return None
  return scene.Camera(tuple(round(float(x), 4) for x in origin),
                      tuple(round(float(x), 4) for x in target),
                      round(float(rng.uniform(45, 70)), 2))


def sees_enough(room: scene.Room) -> bool:
  """Whether it sees several things, none filling the picture or at the lens."""
  if any(layout.holds(item, room.camera.origin) for item in room.items):
    return False
  ids, depth = layout.raycast(room, 32)
  share = np.bincount(ids.ravel(), minlength=len(room.items) + 4) / ids.size
  things = share[4:]
  return bool((things > .007).sum() >= 4 and things.max() < .5
              and share[0] < (.5 if room.outdoors else .2) and depth.min() > _CLOSEST
              and share[1:4].max() < (.72 if room.outdoors else .62))
