"""Scene to scene: mirroring and resizing, with everything that depends on them."""

import re
from typing import Any

import numpy as np
from PIL import Image

Scene = dict[str, Any]

_SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left",
          "LEFT": "RIGHT", "RIGHT": "LEFT"}
# The side as a place: always after 'the' or a possessive ('on the right by the door'),
# but for the angle; else other uses stay: 'right behind', 'left open'.
_SIDE = re.compile(
    r"(?P<the>\b(?i:the|my|your|its|his|her|their|our)[ ]"
    r"(?:(?:far|near|very|extreme|upper|lower)[ -])?)?"
    r"\b(?P<side>left|right|Left|Right|LEFT|RIGHT)(?=(?:most|ward|wards|hand)?\b)"
    r"(?! angle\b)(?(the)|(?! (?:behind|next|under|above|below|beside|in front"
    r"|on top|at|by|before|after|over|open|alone)\b))")


def mirror_text(text: str) -> str:
  """Swaps left and right where they name a side."""
  return _SIDE.sub(lambda found: (found["the"] or "") + _SIDES[found["side"]], text)


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


def resize(scene: Scene, shape: tuple[int, int]) -> Scene:
  """Crops the middle to the aspect ratio of `shape` and resizes it to that.

  Pictures are averaged over areas; depth, normals and ids take the nearest pixel,
  for the mean of two surfaces is a third that is not there. An edited picture of
  another size than the scene's is cropped on its own.

  Args:
    scene: of any size.
    shape: (height, width) to make.
  """
  def box(array: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the crop."""
    height, width = array.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    tall, wide = (min(round(s * scale), most)
                  for s, most in zip(shape, (height, width)))
    return (height - tall) // 2, (width - wide) // 2, tall, wide

  def nearest(array: np.ndarray) -> np.ndarray:
    top, left, tall, wide = box(array)
    rows, columns = (((np.arange(n) + .5) * size / n).astype(int)
                     for n, size in zip(shape, (tall, wide)))
    return np.ascontiguousarray(array[top + rows][:, left + columns])

  def smooth(array: np.ndarray) -> np.ndarray:
    if array.shape[:2] == shape:
      return array
    top, left, tall, wide = box(array)
    cropped = Image.fromarray(array[top:top + tall, left:left + wide])
    how = Image.Resampling.BOX if shape[0] < tall else Image.Resampling.BICUBIC
    return np.asarray(cropped.resize(shape[::-1], how))

  pictures = [scene["image"], *(image for _, image in scene.get("edits", ()))]
  if all(picture.shape[:2] == shape for picture in pictures):
    return scene
  resized = dict(scene)
  resized["image"] = smooth(scene["image"])
  for field in ("depth", "normals", "instances"):
    if field in scene:
      resized[field] = nearest(scene[field])
  if "edits" in scene:
    resized["edits"] = [(text, smooth(image)) for text, image in scene["edits"]]
  return resized
