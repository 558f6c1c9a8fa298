"""Open Images V7 (Kuznetsova et al., IJCV 2020): photographs with masks of 350 classes.

Reads, from one folder, the files of the download page:
`SPLIT-annotations-object-segmentation.csv`, `class-descriptions-boxable.csv` (each
with or without 'oidv6-' or 'oidv7-' before), the masks in `SPLIT-masks/`, or in
`SPLIT-masks-0/` to `-f/`, and the photographs in `SPLIT/`, or in `SPLIT_0/` to `_f/`.

Not every object has a mask, so only what annotators looked for and did not find is
known to be absent: `SPLIT-annotations-human-imagelabels-boxable.csv`, if it is there.
"""

import array
import csv
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from vision_banana.data.builders import files, storage
from vision_banana.errors import UserError

decode = storage.decode

SPLITS = ("train", "validation", "test")
# What reading text, numbers and rows raises; wrong bytes are a ValueError.
_DAMAGE = (OSError, ValueError, csv.Error)


class OpenImages(storage.SceneBuilder):
  """Photographs of one split that have masks."""

  name = "open_images"
  description = "Open Images V7: photographs with masks of objects of 350 classes."
  fields = ("photo", "many_instances", "categories", "absent")
  pkg_dir_path = None


@dataclasses.dataclass(frozen=True)
class Photo:
  """A photograph.

  Attributes:
    folder: of all files.
    split: one of `SPLITS`.
    key: its id.
    masks: (file name, class name) of each mask.
    absent: names of classes that are not in it.
  """
  folder: pathlib.Path
  split: str
  key: str
  masks: tuple[tuple[str, str], ...]
  absent: tuple[str, ...]


def records(folder: pathlib.Path, split: str) -> "Photos":
  """All photographs of a split that have masks, in the order of their ids.

  Raises:
    UserError: a table is missing or damaged.
  """
  return Photos(folder, split)


class Photos(Sequence[Photo]):
  """Keeps where each row of the tables is, not the rows: millions fit in memory."""

  def __init__(self, folder: pathlib.Path, split: str):
    self._folder, self._split = folder, split
    self._names = _class_names(_table(folder, "class-descriptions-boxable.csv"))
    masks = _table(folder, f"{split}-annotations-object-segmentation.csv")
    self._masks = _Rows(masks, {"ImageID": str, "MaskPath": str, "LabelName": str})
    labels = _find(folder, f"{split}-annotations-human-imagelabels-boxable.csv")
    self._labels = labels and _Rows(
        labels, {"ImageID": str, "LabelName": str, "Confidence": float})
    self._ids = np.unique(self._masks.ids)

  def __len__(self) -> int:
    return len(self._ids)

  def __getitem__(self, index: int) -> Photo:
    number = self._ids[index]
    masks = tuple((path, self._name(label))
                  for _, path, label in self._masks.of(number))
    present = {name for _, name in masks}
    absent = {self._name(label) for _, label, confidence in self._labels.of(number)
              if confidence == 0} if self._labels else set()
    return Photo(self._folder, self._split, f"{number:016x}", masks,
                 tuple(sorted(absent - present)))

  def _name(self, label: str) -> str:
    try:
      return self._names[label]
    except KeyError as e:
      raise UserError(f"{self._folder}: class-descriptions-boxable.csv has no class "
                      f"'{label}'; fetch the one of this version.") from e


def read(photo: Photo) -> dict[str, Any]:
  """The scene of a photograph: image, instances, categories, absent.

  Small objects are in front of large ones where masks overlap.

  Raises:
    UserError: a file is missing or damaged.
  """
  first = photo.key[0]
  image = files.image(_either(
      photo.folder / photo.split / f"{photo.key}.jpg",
      photo.folder / f"{photo.split}_{first}" / f"{photo.key}.jpg"))
  masks = []
  for name, category in photo.masks:
    path = _either(photo.folder / f"{photo.split}-masks" / name,
                   photo.folder / f"{photo.split}-masks-{first}" / name)
    # Masks may have another resolution than the photograph.
    masks.append((files.gray(path, image.shape[:2]) > 0, category))
  masks.sort(key=lambda m: -int(m[0].sum()))
  instances = np.zeros(image.shape[:2], np.int32)
  for i, (mask, _) in enumerate(masks, 1):
    instances[mask] = i
  return {"image": image, "instances": instances,
          "categories": [category for _, category in masks],
          "absent": list(photo.absent)}


class _Rows:
  """Random access to the rows of a CSV file by the photograph's id.

  Attributes:
    ids: uint64 [N], sorted.
  """

  def __init__(self, path: pathlib.Path, columns: Mapping[str, Callable[[str], Any]]):
    """Finds the rows; raises UserError where columns are missing or ids are none.

    Args:
      path: of the table.
      columns: wanted, and what reads each; the first is the photograph's id.
    """
    self._path, self._wanted = path, columns
    ids, starts = array.array("Q"), array.array("Q")
    try:
      with open(path, "rb") as file:
        head = file.readline().decode("utf-8-sig").strip().split(",")
        self._places = [head.index(column) for column in columns]
        place, start = self._places[0], file.tell()
        for line in file:
          if line.strip():
            ids.append(int(line.split(b",", place + 1)[place], 16))
            starts.append(start)
          start += len(line)
    except (*_DAMAGE, IndexError, OverflowError) as e:
      raise self._damaged(e) from e
    numbers = np.array(ids, np.uint64)
    order = np.argsort(numbers, kind="stable")
    self.ids, self._starts = numbers[order], np.array(starts, np.int64)[order]

  def of(self, number: np.uint64) -> list[list[Any]]:
    """The wanted columns of the rows of one photograph.

    Raises:
      UserError: a row is cut short, or a value in it is none.
    """
    low, high = np.searchsorted(self.ids, number), np.searchsorted(
        self.ids, number, side="right")
    try:
      with open(self._path, "rb") as file:
        return [self._row(file, start) for start in self._starts[low:high]]
    except (*_DAMAGE, IndexError) as e:
      raise self._damaged(e, f" at photograph {number:016x}") from e

  def _row(self, file: BinaryIO, start: int) -> list[Any]:
    file.seek(start)
    row, = csv.reader([file.readline().decode()])
    return [read(row[place]) for place, read in zip(
        self._places, self._wanted.values())]

  def _damaged(self, error: Exception, where: str = "") -> UserError:
    return UserError(f"{self._path}: is no whole table of {', '.join(self._wanted)}"
                     f"{where} ({error}); fetch it again.")


def _class_names(path: pathlib.Path) -> dict[str, str]:
  """'/m/01g317' → 'person'; V7 has a head, V5 has not."""
  try:
    with open(path, newline="", encoding="utf-8-sig") as file:
      rows = [row for row in csv.reader(file) if len(row) == 2]
  except _DAMAGE as e:
    raise UserError(f"{path}: is no whole table of names ({e}); fetch it again.") from e
  # 'Human hand' is a word like any other, not a name.
  return {label: name.lower() for label, name in rows if label != "LabelName"}


def _find(folder: pathlib.Path, name: str) -> pathlib.Path | None:
  return next((p for p in sorted(folder.glob(f"*{name}"), reverse=True)), None)


def _table(folder: pathlib.Path, name: str) -> pathlib.Path:
  path = _find(folder, name)
  if path is None:
    raise UserError(f"{folder}: has no {name}; fetch it from the download page of "
                    "Open Images V7.")
  return path


def _either(first: pathlib.Path, second: pathlib.Path) -> pathlib.Path:
  return second if second.exists() and not first.exists() else first
