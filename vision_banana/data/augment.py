"""Scene to scene: mirroring and resizing, with everything that depends on them."""

import re
from typing import Any

import numpy as np
from PIL import Image

Scene = dict[str, Any]

_SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left",
          "LEFT": "RIGHT", "RIGHT": "LEFT"}
# The side as a place. Other uses stay: "right behind", "left open".
_SIDE = re.compile(
    r"\b(left|right|Left|Right|LEFT|RIGHT)(?=(?:most|ward|wards|hand)?\b)"
    r"(?! (?:behind|next|under|above|below|beside|in front|on top|at|by|before"
    r"|after|over|open|alone|angle)\b)")


def mirror_text(text: str) -> str:
  """Swaps left and right where they name a side."""
  return _SIDE.sub(lambda match: _SIDES[match[0]], text)


def flip(scene: Scene) -> Scene:
  """The scene in a mirror: pixels and words swap left and right, normals negate x."""
  flipped = dict(scene)
  for field in ("image", "depth", "normals", "instances"):
    if field in scene:
      flipped[field] = scene[field][:, ::-1]
  if "normals" in scene:
    flipped["normals"] = flipped["normals"] * np.array([-1, 1, 1], np.float32)
  if "phrases" in scene:
    flipped["phrases"] = [(mirror_text(text), ids) for text, ids in scene["phrases"]]
  if "caption" in scene:
    flipped["caption"] = mirror_text(scene["caption"])
  if "edits" in scene:
    flipped["edits"] = [(mirror_text(text), image[:, ::-1])
                        for text, image in scene["edits"]]
  return flipped


def resize(scene: Scene, size: int) -> Scene:
  """Crops the middle square and resizes it to [size, size].

  Pictures are averaged over areas; depth, normals and ids take the nearest pixel,
  for the mean of two surfaces is a third that is not there.
  """
  height, width = scene["image"].shape[:2]
  if (height, width) == (size, size):
    return scene
  side = min(height, width)
  top, left = (height - side) // 2, (width - side) // 2
  index = ((np.arange(size) + .5) * side / size).astype(int)

  def nearest(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[top + index][:, left + index])

  def smooth(array: np.ndarray) -> np.ndarray:
    square = Image.fromarray(array[top:top + side, left:left + side])
    how = Image.Resampling.BOX if size < side else Image.Resampling.BICUBIC
    return np.asarray(square.resize((size, size), how))

  resized = dict(scene)
  resized["image"] = smooth(scene["image"])
  for field in ("depth", "normals", "instances"):
    if field in scene:
      resized[field] = nearest(scene[field])
  if "edits" in scene:
    resized["edits"] = [(text, smooth(image)) for text, image in scene["edits"]]
  return resized
