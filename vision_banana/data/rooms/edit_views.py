"""Edits of light, camera and the finished picture.

Each function draws one change of its kind, or None when it finds none.
"""

import dataclasses
import functools

import numpy as np

from vision_banana.data.rooms import editing
from vision_banana.data.rooms import layout

_EXPOSURE = {
    "dim": (.45, ("dim the light", "make the {} darker", "lower the brightness",
                  "darken the picture")),
    "brighten": (1.7, ("brighten the {}", "make the image brighter",
                       "turn up the light", "lighten the picture"))}
_TINT = {
    "warm": ((1.5, .85, .35), (
        "make the light warmer", "use a warm, orange light",
        "light the {} like a sunset")),
    "cold": ((.5, .85, 1.6), (
        "make the light colder", "use a cool, bluish light",
        "give the {} a cold light"))}
_SIDE = ("light the {} from the {}", "let the light come from the {1}",
         "move the light to the {1}")
_ZOOM = {"in": (.6, ("zoom in", "move in closer on the middle of the picture",
                     "enlarge the middle of the picture")),
         "out": (1.5, ("zoom out", "show more of the surroundings",
                       "use a wider angle"))}
_MIRROR = ("mirror the image", "flip the picture horizontally",
           "swap left and right in the whole picture")
_GRAY = ("make it black and white", "convert the image to grayscale",
         "remove all color from the picture")


def _luma(image: np.ndarray) -> np.ndarray:
  gray = image @ np.array((.299, .587, .114))
  return np.repeat(np.rint(gray).astype(np.uint8)[..., None], 3, 2)


# Kinds that change pixels only: what they do to a picture uint8 [H, W, 3].
PIXELS = {"mirror": lambda image: np.ascontiguousarray(image[:, ::-1]), "gray": _luma}


def _place(e):
  return "scene" if e.room.outdoors else "room"


def _exposure(e: editing.Editor, kind: str) -> editing.Change:
  factor, forms = _EXPOSURE[kind]
  light = dataclasses.replace(e.room.light, exposure=e.room.light.exposure * factor)
  return e.say(forms, _place(e)), dataclasses.replace(e.room, light=light)


def _tint(e: editing.Editor, kind: str) -> editing.Change:
  tint, forms = _TINT[kind]
  light = dataclasses.replace(e.room.light, tint=tint)
  return e.say(forms, _place(e)), dataclasses.replace(e.room, light=light)


def _side(e: editing.Editor, side: str) -> editing.Change | None:
  """The lamp, or outdoors the sun, to one side of the camera."""
  right = layout.camera_axes(e.room.camera)[0, :2]
  right = right / np.linalg.norm(right) * (1 if side == "right" else -1)
  if e.room.outdoors:
    if not e.room.light.sun or right @ e.room.light.sun_direction[:2] > -.1:
      return None
    changes = {"sun_direction": (float(right[0]), float(right[1]), .5)}
  else:
    limit = np.array(e.room.size[:2]) / 2 - .5
    xy = np.clip(np.add(e.room.camera.target[:2], 9 * right), -limit, limit)
    if (xy - e.room.light.lamp_xy) @ right < .9:
      return None
    changes = {"lamp_xy": tuple(float(x) for x in xy)}
  light = dataclasses.replace(e.room.light, **changes)
  return e.say(_SIDE, _place(e), side), dataclasses.replace(e.room, light=light)


def _zoom(e: editing.Editor, way: str) -> editing.Change | None:
  """Another angle of view: the one edit that changes the camera."""
  factor, forms = _ZOOM[way]
  fov = 2 * np.degrees(np.arctan(
      factor * np.tan(np.radians(e.room.camera.fov_degrees / 2))))
  camera = dataclasses.replace(e.room.camera, fov_degrees=round(float(fov), 2))
  room = dataclasses.replace(e.room, camera=camera)
  ids = layout.raycast(room, 24)[0]
  # Not into a bare wall, nor out through the open side.
  if (ids >= 4).mean() < .1 or (not e.room.outdoors and (ids == 0).mean() > .2):
    return None
  return e.say(forms), room


dim = functools.partial(_exposure, kind="dim")
brighten = functools.partial(_exposure, kind="brighten")
warm = functools.partial(_tint, kind="warm")
cold = functools.partial(_tint, kind="cold")
light_left = functools.partial(_side, side="left")
light_right = functools.partial(_side, side="right")
zoom_in = functools.partial(_zoom, way="in")
zoom_out = functools.partial(_zoom, way="out")


def mirror(e: editing.Editor) -> editing.Change:
  """Left becomes right in the picture; the room stays."""
  return e.say(_MIRROR), e.room


def gray(e: editing.Editor) -> editing.Change:
  """The picture without its colours; the room stays."""
  return e.say(_GRAY), e.room
