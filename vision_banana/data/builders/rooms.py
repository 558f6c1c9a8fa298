"""TFDS builder of rendered rooms; `vision-banana render` renders and writes them."""

from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds

from vision_banana.data.builders import storage

# A legend that says "table" means round ones too. Captions, phrases and edits keep
# the longer name.
CLASSES = {
    "round table": "table", "coffee table": "table", "office desk": "desk",
    "gift box": "box", "button box": "box", "cereal box": "box",
    "floor lamp": "lamp", "desk lamp": "lamp", "street lamp": "lamp",
    "office chair": "chair",
    "soccer ball": "ball", "traffic cone": "cone", "pine tree": "tree",
    "potted tree": "tree", "rubber duck": "duck", "toy duck": "duck"}


def decode(example: Mapping[str, Any]) -> dict[str, Any]:
  """As `storage.decode`, with the class of a thing, its head noun, as its category."""
  scene = storage.decode(example)
  scene["categories"] = [CLASSES.get(c, c) for c in scene["categories"]]
  return scene


class Rooms(storage.SceneBuilder):
  """Rendered rooms of one size and split."""

  name = "rooms"
  description = "Path-traced rooms with exact depth, normals and instances."
  fields = ("image", "inverse_depth", "normals", "instances", "categories", "phrases",
            "caption", "edits", "edit_kinds")
  VERSION = tfds.core.Version("1.1.0")  # 1.0.0 had no edit_kinds.
  pkg_dir_path = None


def encode(scene: Mapping[str, Any]) -> dict[str, Any]:
  """A scene as an example of `Rooms`.

  Args:
    scene: without `edit_kinds`, the kinds of its edits count as unknown.

  Raises:
    ValueError: more than 255 instances.
  """
  return storage.encode({"edit_kinds": (), **scene}, Rooms.fields)
