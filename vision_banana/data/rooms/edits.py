"""Edits of rooms: an instruction and the room as it should then be.

Rendering both rooms gives an exact before and after. How each kind works is in
`edit_objects`, `edit_places`, `edit_looks` and `edit_views`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vision_banana import errors
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import edit_looks
from vision_banana.data.rooms import edit_objects
from vision_banana.data.rooms import edit_places
from vision_banana.data.rooms import edit_views
from vision_banana.data.rooms import editing
from vision_banana.data.rooms import scene

MAX_EDITS = 8  # Changes of light and picture alone can be put in more ways.

# Kind → how it is drawn, and how often. Kinds that any picture allows are rarer.
KINDS: dict[str, tuple[Callable[[editing.Editor], editing.Change | None], float]] = {
    "recolor": (edit_looks.recolor, 3), "recolor all": (edit_looks.recolor_all, 2),
    "metal": (edit_looks.metal, 1), "matte": (edit_looks.matte, 2),
    "texture": (edit_looks.texture, 1), "floor": (edit_looks.floor, 1),
    "wall": (edit_looks.wall, 1),
    "remove": (edit_objects.remove, 3), "remove all": (edit_objects.remove_all, 2),
    "clear": (edit_objects.clear, 2), "add": (edit_objects.add, 3),
    "copy": (edit_objects.copy, 1), "replace": (edit_objects.replace, 3),
    "add rug": (edit_objects.add_rug, 1),
    "left": (edit_places.left, 1), "right": (edit_places.right, 1),
    "nearer": (edit_places.nearer, 1), "farther": (edit_places.farther, 1),
    "onto": (edit_places.onto, 2), "swap": (edit_places.swap, 2),
    "bigger": (edit_places.bigger, 1), "smaller": (edit_places.smaller, 1),
    "around": (edit_places.around, 1), "quarter": (edit_places.quarter, 2),
    "dim": (edit_views.dim, .3), "brighten": (edit_views.brighten, .3),
    "warm": (edit_views.warm, .3), "cold": (edit_views.cold, .3),
    "light left": (edit_views.light_left, .3),
    "light right": (edit_views.light_right, .3),
    "zoom in": (edit_views.zoom_in, .3), "zoom out": (edit_views.zoom_out, .3),
    "mirror": (edit_views.mirror, .3), "gray": (edit_views.gray, .3)}


class Edit(NamedTuple):
  """An instruction, the room after it, and its kind in `KINDS`.

  Kinds in `edit_views.PIXELS` leave the room as it is and change its picture.
  """
  instruction: str
  room: scene.Room
  kind: str


def sample(room: scene.Room, instances: np.ndarray, rng: np.random.Generator,
           catalog: assets.Catalog, num: int) -> list[Edit]:
  """Draws edits of what is clearly visible.

  All that the instruction does not name stays as it is, the camera too unless the
  kind is a zoom. No edit creates a look reserved for the test split, in either split.

  Args:
    room: the room before.
    instances: int32 [H, W], its rendered ids.
    rng: source of randomness.
    catalog: names to add things from.
    num: how many edits, with different instructions; at most `MAX_EDITS`.

  Returns:
    `num` edits, of as many kinds as there are.

  Raises:
    errors.UserError: when `num` is too large.
  """
  if num > MAX_EDITS:
    raise errors.UserError(f"{num} edits of a room: ask for {MAX_EDITS} or fewer")
  editor = editing.Editor(room, instances, rng, catalog)
  kinds = list(KINDS)
  weights = np.array([weight for _, weight in KINDS.values()], float)
  result: dict[str, Edit] = {}
  order: list[str] = []
  while len(result) < num:
    # Deal the kinds like cards, so that few edits are of different kinds.
    order = order or list(rng.choice(
        kinds, len(kinds), replace=False, p=weights / weights.sum()))
    kind = str(order.pop(0))
    change = KINDS[kind][0](editor)
    if change:
      result.setdefault(change[0], Edit(*change, kind))
  return list(result.values())


def picture(edit: Edit, before: np.ndarray,
            draw: Callable[[scene.Room], np.ndarray]) -> np.ndarray:
  """The edited picture, uint8 [H, W, 3].

  Args:
    edit: the edit.
    before: uint8 [H, W, 3], the picture of the room before.
    draw: renders a room as uint8 [H, W, 3].
  """
  if edit.kind in edit_views.PIXELS:
    return edit_views.PIXELS[edit.kind](before)
  return draw(edit.room)
