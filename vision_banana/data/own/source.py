"""A user's own data as a source of scenes.

One record is one scene: (image, caption) serves text_to_image, (image, instruction,
edited image) editing, and depth, normals, instances with categories, and phrases
the tasks that read them. A record may lack all but the image.
"""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from vision_banana.data import pictures
from vision_banana.data.own import fields, parquet, records
from vision_banana.data.rooms import vocabulary
from vision_banana.errors import UserError

KINDS = ("folder", "jsonl", "parquet")
_SPLIT = re.compile(r"([\w-]+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """How to read it.

  Attributes:
    kind: 'folder', 'jsonl' or 'parquet'; '' finds out.
    columns: scene field → column, where the names differ from `fields.COLUMNS`;
      '' leaves a field out.
    depth_scale: metres of one unit of stored depth; needed for whole numbers.
    normals_axes: which of the stored axes are right, up and towards the camera;
      '+x-y-z' for x right, y down, z into the picture.
    categories: names of the labels 1, 2, … of records that hold none.
  """
  kind: str = ""
  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  depth_scale: float = 0.0
  normals_axes: str = "+x+y+z"
  categories: tuple[str, ...] = ()

  def __post_init__(self):
    if self.kind and self.kind not in (*KINDS, "tfds"):
      raise ValueError(f"kind '{self.kind}': use one of {', '.join(KINDS)}, tfds.")
    for field in self.columns:
      if field not in fields.COLUMNS:
        raise ValueError(f"columns.{field}: no such field; use "
                         f"{', '.join(fields.COLUMNS)}.")
    if not self.depth_scale >= 0:
      raise ValueError(f"depth_scale is {self.depth_scale}; give metres above 0.")
    fields.turn(np.zeros(3, np.float32), self.normals_axes)


def detect(path: pathlib.Path) -> str:
  """The kind of dataset at a path, or '' for none of `KINDS`."""
  if path.is_file():
    return {".jsonl": "jsonl", ".parquet": "parquet"}.get(path.suffix, "")
  if not path.is_dir():
    return ""
  for kind in ("parquet", "jsonl"):
    if any(any(path.glob(f"{above}*.{kind}"))
           for above in ("", "*/", f"{records.DATA}/*/")):
      return kind
  holds = any(p.suffix.lower() in records.PICTURES for p in path.rglob("*"))
  return "folder" if holds else ""


def open_own(path: pathlib.Path, split: str, options: Options) -> "Own":
  """Opens a dataset of one of `KINDS`.

  Args:
    path: a folder or a file.
    split: a name, 'train' where the data names none, and a part of it: 'train',
      'test', 'train[:90%]', 'train[-100:]'.
    options: how to read it.

  Raises:
    UserError: nothing there, no such split or column, or an unreadable file.
  """
  match = _SPLIT.fullmatch(split)
  if not match:
    raise UserError(f"split '{split}': write a name, or a part such as 'train[90%:]'.")
  name, start, stop = match.groups()
  kind = options.kind or detect(path)
  if kind == "folder":
    found = records.Folder(records.split_folder(path, name))
  elif kind == "jsonl":
    files = records.split_files(path, name, ".jsonl")
    found = records.Jsonl(files)
  else:
    files = records.split_files(path, name, ".parquet")
    found = parquet.Parquet(files)
  count = len(found)
  chosen = range(count)[slice(*(_bound(b, count) for b in (start, stop)))]
  if not chosen:
    raise UserError(f"split '{split}' of '{path}' is empty: there are {count} records "
                    f"in '{name}'.")
  return Own(found, chosen, options)


class Own:
  """Scenes of a dataset, decoded when they are asked for; see `open_own`."""

  def __init__(self, found: records.Records, chosen: range, options: Options):
    self._records = found
    self._chosen = chosen
    self._options = options
    self._columns = _columns(found.columns(), options, found.where(chosen[0]))
    found.keep(list(self._columns.values()))

  def __len__(self) -> int:
    return len(self._chosen)

  @property
  def blocks(self) -> list[int]:
    """Lengths of consecutive runs that are best read together; [] for none."""
    kept, first = [], 0
    for length in self._records.blocks:
      inside = range(max(first, self._chosen.start),
                     min(first + length, self._chosen.stop))
      kept += [len(inside)] if inside else []
      first += length
    return kept

  def size(self, index: int) -> tuple[int, int]:
    """(height, width) of the image as it is shown, without decoding it."""
    record, field = self._record(index)
    return pictures.size(*field("image").file(record.get("image")))

  def files(self, index: int) -> list[pathlib.Path]:
    """Where the pictures that are shown lie, as far as they are files of their own."""
    record, field = self._record(index)
    found = [field(name).file(record[name])[0] for name in ("image", "edited")
             if name in record]
    return [place for place in found if isinstance(place, pathlib.Path)]

  def __getitem__(self, index: int) -> dict[str, Any]:
    """Raises UserError, which names the record and the field, for bad data."""
    record, field = self._record(index)
    options = self._options
    scene: dict[str, Any] = {"image": fields.image(record.get("image"), field("image"))}
    shape = scene["image"].shape[:2]
    if "caption" in record:
      scene["caption"] = fields.text(record["caption"], field("caption"))
    if "categories" in record or options.categories:
      scene["categories"] = fields.categories(
          record.get("categories", options.categories), field("categories"))
    names = scene.get("categories", [])
    own = {"depth": options.depth_scale, "normals": options.normals_axes,
           "instances": names}
    for name, convert in fields.DENSE.items():
      if name in record:
        scene[name] = convert(record[name], field(name), shape, own[name])
    if "instances" in scene and "categories" not in record:
      # All records share these names: some are of no label in this one.
      labels = np.unique(scene["instances"])
      scene["absent"] = vocabulary.unlike(names, {names[i - 1] for i in labels if i})
    if "phrases" in record:
      scene["phrases"] = fields.phrases(record["phrases"], field("phrases"), len(names))
    if ("instruction" in record) != ("edited" in record):
      lacks = "edited" if "instruction" in record else "instruction"
      raise field(lacks).wrong("is missing beside the other half of the edit",
                               "give both, or neither")
    if "edited" in record:
      instruction = fields.text(record["instruction"], field("instruction"))
      edited = fields.image(record["edited"], field("edited"))
      scene["edits"] = [(instruction, edited)] if instruction else []
    return scene

  def _record(self, index: int):
    """The record's values that are there, by field, and a maker of `Field`s."""
    if not 0 <= index < len(self):
      raise IndexError(index)
    place = self._chosen[index]
    raw = self._records.read(place)
    where, root = self._records.where(place), self._records.root(place)
    record = {name: raw[column] for name, column in self._columns.items()
              if raw.get(column) is not None}
    return record, lambda name: fields.Field(name, where, root)


def _columns(known: set[str], options: Options, where: str) -> dict[str, str]:
  """Field → column, of those that are there."""
  chosen = {}
  for field, usual in fields.COLUMNS.items():
    if field in options.columns:
      column = options.columns[field]
      if column and column not in known:
        raise UserError(f"{where}: no column '{column}' for columns.{field}; it has "
                        f"{', '.join(sorted(known))}.")
      chosen[field] = column
      continue
    found = [column for column in usual if column in known]
    if len(found) > 1:
      raise UserError(f"{where}: columns {' and '.join(found)} could both be "
                      f"'{field}'; set columns.{field} of the source.")
    chosen[field] = found[0] if found else ""
  if not chosen["image"]:
    raise UserError(f"{where}: no column for the image among "
                    f"{', '.join(sorted(known))}; set columns.image of the source.")
  return {field: column for field, column in chosen.items() if column}


def _bound(text: str | None, count: int) -> int | None:
  if not text:
    return None
  if text.endswith("%"):
    percent = float(text[:-1])
    # From the end, so that [:90%] and [-10%:] share nothing and leave nothing out.
    return round(count * (max(100 + percent, 0) if text[0] == "-" else percent) / 100)
  return int(text)
