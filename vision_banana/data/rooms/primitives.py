"""Objects made of boxes and surfaces of revolution.

`make(shape)` returns the pieces of a shape in a unit bounding box: x and y in
-0.5..0.5, z in 0..1. The front of furniture faces -y, towards the camera's side
of the room. `Item.size` scales it.
"""

import dataclasses
import functools

import numpy as np

from vision_banana.data.rooms import shapes_furniture
from vision_banana.data.rooms import shapes_outdoors
from vision_banana.data.rooms import shapes_things
from vision_banana.data.rooms.solids import Piece
from vision_banana.errors import UserError

_BUILDERS = {**shapes_things.BUILDERS, **shapes_furniture.BUILDERS,
             **shapes_outdoors.BUILDERS}
SHAPES = tuple(_BUILDERS)


@functools.cache
def make(shape: str) -> tuple[Piece, ...]:
  """The pieces of a shape, in a unit bounding box with its base at z = 0.

  Raises:
    UserError: there is no such shape.
  """
  if shape not in _BUILDERS:
    raise UserError(f"no shape {shape!r}: use one of {', '.join(SHAPES)}")
  pieces = _BUILDERS[shape]()
  points = np.concatenate([p.vertices for p in pieces])
  low, high = points.min(0), points.max(0)
  scale = (1 / (high - low)).astype(np.float32)
  shift = (low + high) / 2
  shift[2] = low[2]
  unit = []
  for p in pieces:
    n = p.normals / scale
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    unit.append(dataclasses.replace(
        p, vertices=(p.vertices - shift.astype(np.float32)) * scale, normals=n))
  return tuple(unit)
