"""TFDS builder of rendered rooms; `vision-banana render` renders and writes them."""

from collections.abc import Mapping
from typing import Any

from vision_banana.data.builders import storage

decode = storage.decode


class Rooms(storage.SceneBuilder):
  """Rendered rooms of one size and split."""

  name = "rooms"
  description = "Path-traced rooms with exact depth, normals and instances."
  fields = ("image", "inverse_depth", "normals", "instances", "categories", "phrases",
            "caption", "edits")
  pkg_dir_path = None


def encode(scene: Mapping[str, Any]) -> dict[str, Any]:
  """A scene as an example of `Rooms`.

  Raises:
    ValueError: more than 255 instances.
  """
  return storage.encode(scene, Rooms.fields)
