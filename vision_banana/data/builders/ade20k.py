"""ADE20K (Zhou et al., IJCV 2019): photographs with every object outlined and named.

Reads the full release, `ADE20K_2021_17_01` (ade20k.csail.mit.edu), because it has
instances and some 3,000 names; SceneParse150 has 150 classes and no instances.
Of each picture `ADE_*.jpg`, `ADE_*_seg.png` and `ADE_*.json` are needed; the
pickled index is never opened. Parts of objects are not read.
"""

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from vision_banana.data.builders import files, storage
from vision_banana.errors import UserError

decode = storage.decode

SPLITS = ("training", "validation")
_RELEASE = "ADE20K_2021_17_01"


class Ade20k(storage.SceneBuilder):
  """Photographs of one split."""

  name = "ade20k"
  description = "ADE20K: photographs with all objects segmented and named."
  fields = ("photo", "many_instances", "categories")
  pkg_dir_path = None


@dataclasses.dataclass(frozen=True)
class Photo:
  """A photograph, `ADE_train_00000001.jpg`; the other files are beside it."""
  image: pathlib.Path

  @property
  def key(self) -> str:
    return self.image.stem


def records(folder: pathlib.Path, split: str) -> list[Photo]:
  """All photographs of a split.

  Args:
    folder: the release, or the folder it was unpacked in.
    split: one of `SPLITS`.

  Raises:
    UserError: the release is not there.
  """
  for top in (folder, folder / _RELEASE):
    images = top / "images" / "ADE" / split
    if images.is_dir():
      return [Photo(path) for path in sorted(images.glob("**/ADE_*.jpg"))]
  raise UserError(f"{folder}: has no images/ADE/{split}; unpack {_RELEASE} here.")


def read(photo: Photo) -> dict[str, Any]:
  """The scene of a photograph: image, instances, categories.

  A pixel's class is R // 10 * 256 + G of the '_seg' picture, as in the release's
  `utils_ade20k.py`; B differs between instances. The JSON file names the classes.

  Raises:
    UserError: a file is missing or damaged, or sizes disagree.
  """
  segments, about = (photo.image.with_name(photo.image.stem + end)
                     for end in ("_seg.png", ".json"))
  image, codes = files.image(photo.image), files.image(segments).astype(np.int32)
  files.check_shapes({photo.image: image, segments: codes})
  names = _names(about)
  classes = codes[..., 0] // 10 * 256 + codes[..., 1]
  pairs, ids = np.unique(classes << 8 | codes[..., 2], return_inverse=True)
  # Class 0 is what nobody outlined.
  categories = [names.get(p >> 8, "") if p >> 8 else "" for p in pairs.tolist()]
  named = np.array([bool(name) for name in categories])
  table = np.where(named, np.cumsum(named), 0)
  return {"image": image,
          "instances": table[ids].reshape(classes.shape).astype(np.int32),
          "categories": [name for name in categories if name]}


def _names(path: pathlib.Path) -> dict[int, str]:
  """Class number → the first of its synonyms, of the objects of one photograph."""
  try:
    data = path.read_bytes()
  except OSError as e:
    raise UserError(f"{path}: is missing or unreadable ({e.strerror}).") from e
  try:
    try:
      text = data.decode()
    except UnicodeDecodeError:
      text = data.decode("latin-1")  # Some annotators' words are.
    objects = json.loads(text)["annotation"]["object"]
    return {int(o["name_ndx"]): o["name"].split(",")[0].strip() for o in objects}
  except (ValueError, KeyError, TypeError, AttributeError) as e:
    raise UserError(f"{path}: is no whole annotation ({e}).") from e
