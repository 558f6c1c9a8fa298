"""Records of a user's dataset: what each row or file name says, before decoding.

A record maps column names to raw values; pictures in it are still paths or bytes.
"""

import concurrent.futures
import json
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import tqdm

from vision_banana.errors import UserError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# Files beside photo.jpg that hold more of it: photo.depth.png, photo.txt, photo.json.
SIDECARS = ("depth", "normals", "instances", "edited")
_OTHER_SPLITS = ("test", "validation", "valid", "val", "dev")
_ENCODING = "utf-8-sig"  # UTF-8, with the mark before it that Windows may write.
_THREADS = 16  # Small files are read at the same time.
DATA = "data"  # Where datasets on the Hugging Face hub keep their files.


class Records(Protocol):
  """Random access to the records of a dataset, in a fixed order."""

  def __len__(self) -> int:
    ...

  def columns(self) -> set[str]:
    """Names that any record has."""

  def keep(self, columns: Sequence[str]) -> None:
    """Says that no other columns will be read."""

  def read(self, index: int) -> dict[str, Any]:
    """The record, by column."""

  def where(self, index: int) -> str:
    """File and row, for messages."""

  def root(self, index: int) -> pathlib.Path:
    """The folder where the record's relative paths begin."""

  @property
  def blocks(self) -> Sequence[int]:
    """Lengths of consecutive runs that are read from disk as one; () for none."""


class Folder:
  """Pictures, each with what lies beside it under the same name.

  For `a/photo.jpg`: `photo.txt` is its caption, `photo.instruction.txt` and
  `photo.edited.png` an edit, `photo.depth.png` (or .npy), `photo.normals.png`,
  `photo.instances.png` dense fields, and `photo.json` all that is no picture.
  The order is that of the names.
  """
  blocks = ()

  def __init__(self, root: pathlib.Path):
    """Raises UserError where two pictures share a name."""
    self._root = root
    files = sorted((path.relative_to(root) for path in walk(root)),
                   key=lambda p: p.as_posix())
    found: dict[pathlib.Path, dict[str, str]] = {}
    for path in files:
      stem, field = _sidecar(path)
      if field is None:
        continue
      parts = found.setdefault(stem, {})
      if field in parts:
        raise UserError(f"{root / path}: '{parts[field]}' has the same name; keep one "
                        "file for each picture.")
      parts[field] = path.as_posix()
    self._parts = [p for p in found.values() if "image" in p]

  def __len__(self) -> int:
    return len(self._parts)

  def columns(self) -> set[str]:
    """Raises UserError where a JSON file is damaged: only they are read."""
    found = {field for parts in self._parts for field in parts if field != "json"}
    paths = [self._root / parts["json"] for parts in self._parts if "json" in parts]
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads, tqdm.tqdm(
        threads.map(_object, paths), desc="columns", total=len(paths), delay=5) as bar:
      for record in bar:
        found.update(record)
    return found

  def keep(self, columns: Sequence[str]) -> None:
    pass

  def read(self, index: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for field, name in self._parts[index].items():
      path = self._root / name
      if field == "json":
        record |= _object(path)
      elif field in ("caption", "instruction"):
        record[field] = _text(path).strip()
      else:
        record[field] = name
    return record

  def where(self, index: int) -> str:
    return str(self._root / self._parts[index]["image"])

  def root(self, index: int) -> pathlib.Path:
    return self._root


class Jsonl:
  """One JSON object a line, as in Hugging Face's `metadata.jsonl`.

  Lines are found once, when it is opened, and read when they are asked for; blank
  ones do not count.
  """
  blocks = ()

  def __init__(self, files: Sequence[pathlib.Path]):
    """Raises UserError where a file cannot be read or a line is no JSON object."""
    self._files = list(files)
    self._names: set[str] = set()
    starts: list[tuple[int, int, int]] = []  # file, byte, line
    for f, path in enumerate(self._files):
      try:
        with path.open("rb") as lines:
          byte = 0
          for number, line in enumerate(lines, 1):
            if line.strip():
              starts.append((f, byte, number))
              self._names.update(_line(line, f"{path} line {number}"))
            byte += len(line)
      except OSError as e:
        raise UserError(f"{path}: cannot be read ({e.strerror}).") from e
    self._starts = np.array(starts, np.int64).reshape(-1, 3)

  def __len__(self) -> int:
    return len(self._starts)

  def columns(self) -> set[str]:
    return self._names

  def keep(self, columns: Sequence[str]) -> None:
    pass

  def read(self, index: int) -> dict[str, Any]:
    f, byte, _ = self._starts[index]
    try:
      with self._files[f].open("rb") as lines:
        lines.seek(byte)
        return _line(lines.readline(), self.where(index))
    except OSError as e:
      raise UserError(f"{self._files[f]}: cannot be read ({e.strerror}).") from e

  def where(self, index: int) -> str:
    return f"{self._files[self._starts[index, 0]]} line {self._starts[index, 2]}"

  def root(self, index: int) -> pathlib.Path:
    return self._files[self._starts[index, 0]].parent


def walk(top: pathlib.Path) -> Iterator[pathlib.Path]:
  """The files below a folder that are not hidden, nor in a hidden folder.

  Links to folders are followed, each folder once.
  """
  seen = {os.path.realpath(top)}
  for folder, below, names in os.walk(top, followlinks=True):
    places = {name: os.path.realpath(os.path.join(folder, name)) for name in below}
    below[:] = [name for name in sorted(below)
                if not name.startswith(".") and places[name] not in seen]
    seen.update(places[name] for name in below)
    yield from (pathlib.Path(folder, name) for name in names
                if not name.startswith("."))


def split_files(path: pathlib.Path, split: str, suffix: str) -> list[pathlib.Path]:
  """Files of a split, in the order of their names.

  Of a folder, those in its subfolder of that name, else those called
  `split.suffix`, `split-….suffix` or `split_….suffix`, in it or in its `data/`;
  for 'train', if no file names a split, all of them. A single file is 'train'.

  Raises:
    UserError: there are none.
  """
  if path.is_file():
    if split == "train":
      return [path]
    raise UserError(f"{path}: one file is one split, 'train'; take a part of it, as "
                    "in split='train[90%:]'.")
  for folder in (path / split, path / DATA / split):
    if folder.is_dir():
      found = sorted(folder.rglob(f"*{suffix}"))
      if found:
        return found
  every = [p for folder in (path, path / DATA) if folder.is_dir()
           for p in sorted(folder.glob(f"*{suffix}"))]
  named = [p for p in every if _names(p.stem, split)]
  if named:
    return named
  if split == "train" and every and not any(
      _names(p.stem, other) for p in every for other in _OTHER_SPLITS):
    return every
  have = ", ".join(p.name for p in every[:5]) or "no such files"
  raise UserError(f"{path}: no split '{split}' among its {suffix} files ({have}); name "
                  f"a file {split}{suffix}, or take a part, as in 'train[90%:]'.")


def split_folder(path: pathlib.Path, split: str) -> pathlib.Path:
  """The subfolder of a split; the folder itself for 'train' where it has no splits.

  Raises:
    UserError: there is none.
  """
  if (path / split).is_dir():
    return path / split
  have = [s for s in ("train", *_OTHER_SPLITS) if (path / s).is_dir()]
  if split == "train" and not have:
    return path
  raise UserError(f"{path}: no split '{split}'; it has {', '.join(have) or 'train'}. "
                  f"Make a folder {split}/, or take a part, as in 'train[90%:]'.")


def _names(stem: str, split: str) -> bool:
  return re.match(rf"{re.escape(split)}([-_.]|$)", stem) is not None


def _sidecar(path: pathlib.Path) -> tuple[pathlib.Path, str | None]:
  """The name that belongs together, and which part of it this file is."""
  stem, suffix = path.with_suffix(""), path.suffix.lower()
  kind = stem.suffix[1:]
  if suffix in (*PICTURES, ".npy") and kind in SIDECARS:
    return stem.with_suffix(""), kind
  if suffix in PICTURES:
    return stem, "image"
  if suffix == ".txt":
    if kind == "instruction":
      return stem.with_suffix(""), kind
    return stem, "caption"
  if suffix == ".json":
    return stem, "json"
  return stem, None


def _line(line: bytes, where: str) -> dict[str, Any]:
  try:
    return _parse(line.decode(_ENCODING), where)
  except UnicodeDecodeError as e:
    raise UserError(f"{where}: cannot be read ({e}); write it in UTF-8.") from e


def _text(path: pathlib.Path) -> str:
  try:
    return path.read_text(_ENCODING)
  except (OSError, UnicodeDecodeError) as e:
    raise UserError(f"{path}: cannot be read ({e}); write it in UTF-8.") from e


def _object(path: pathlib.Path) -> dict[str, Any]:
  return _parse(_text(path), str(path))


def _parse(text: str, where: str) -> dict[str, Any]:
  try:
    record = json.loads(text)
  except json.JSONDecodeError as e:
    raise UserError(f"{where}: not JSON ({e.msg} at character {e.pos}); write one "
                    "object.") from e
  if not isinstance(record, dict):
    raise UserError(f"{where}: a JSON {type(record).__name__}; write an object "
                    "{\"image\": …}.")
  return record
