"""TFDS builder of rendered rooms; `vision-banana render` renders and writes them."""

from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds

from vision_banana.data.builders import storage

decode = storage.decode


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
