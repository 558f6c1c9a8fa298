"""Sources of scenes: TFDS directories in array_record, and a user's own files.

TFDS is read without tensorflow; folders, JSONL and parquet by `data.own`.
"""

import bisect
import importlib
import importlib.util
import itertools
import logging
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from google.protobuf import json_format
from google.protobuf import message

from vision_banana.data import shapes
from vision_banana.data import swatches
from vision_banana.data.own import source as own
from vision_banana.errors import UserError

Scene = dict[str, Any]

_GENERATED = {"swatches": swatches.Swatches, "shapes": shapes.Shapes}
_EMBEDDED = pathlib.Path(__file__).parents[1] / "embedded"
_INFO = "dataset_info.json"  # TFDS writes it last, into each version's directory.
_MAX_DEPTH = 3  # A parent of parts, each data_dir/name/version.
# What TFDS, array_record and protobuf raise for damaged or missing files.
_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, json_format.Error,
           message.Error)


class Source(Protocol):
  """Random access to scenes.

  It may also have `size(index)`, (height, width) of the image where that is cheaper
  than the scene; `files(index)`, those that its pictures are in, where they may lie
  outside the folder of the source; `blocks`, lengths of consecutive runs that are
  best read together; and `generated`, True where scenes are sooner drawn than kept.
  """

  def __len__(self) -> int:
    ...

  def __getitem__(self, index: int) -> Scene:
    ...


def open_source(name_or_dir: str, split: str,
                options: own.Options = own.Options()) -> Source:
  """Opens a dataset.

  Args:
    name_or_dir: 'swatches' or 'shapes', drawn from nothing and without splits, see
      `data.swatches` and `data.shapes`; or the name of an embedded dataset ('rooms'),
      a TFDS version directory, or a directory above such directories; of several
      versions of a dataset the latest counts, and different parts are concatenated in
      the order of their names. Or a folder, JSONL or parquet, see `data.own.source`.
    split: for example 'train', 'test' or 'train[:100]'; of every part that has it.
    options: the kind, if it is not to be found out, and how to read own data.

  Raises:
    UserError: for a missing, unreadable or empty dataset or split.
  """
  if generated(name_or_dir):
    return _GENERATED[name_or_dir]()
  if not name_or_dir:
    raise UserError("a source has an empty path; name a dataset or a folder.")
  path = locate(name_or_dir)
  parts = [] if options.kind in own.KINDS else _version_dirs(path)
  if not parts:
    if options.kind in own.KINDS and path.exists() or (
        not options.kind and own.detect(path)):
      return own.open_own(path, split, options)
    raise UserError(f"no dataset at '{name_or_dir}': no {_INFO}, parquet, JSONL or "
                    "pictures in it; give a TFDS directory, for example one that "
                    "'vision-banana render' wrote, or a folder of your own data.")
  opened, known = [], set()
  for part in parts:
    source, splits = _open_part(part, split)
    known.update(splits)
    if source is not None:
      opened.append(source)
  if not opened:
    raise UserError(f"dataset '{name_or_dir}' has no split '{split}'; it has "
                    f"{', '.join(sorted(known)) or 'none'}.")
  joined = _Concatenated(opened)
  if not len(joined):
    raise UserError(f"split '{split}' of dataset '{name_or_dir}' is empty; render or "
                    "build it again.")
  return joined


def generated(name_or_dir: str) -> bool:
  """Whether it is the name of a source that draws its scenes and reads no files."""
  return name_or_dir in _GENERATED


def locate(name_or_dir: str) -> pathlib.Path:
  """Where a dataset is: inside the package when its name is an embedded one."""
  path = _EMBEDDED / name_or_dir
  bare = pathlib.Path(name_or_dir).name == name_or_dir and name_or_dir not in ("", "..")
  return path if bare and path.is_dir() else pathlib.Path(name_or_dir).expanduser()


class _Part:
  """One TFDS directory, decoded by its builder's module."""

  def __init__(self, path: pathlib.Path, examples: Sequence[Any],
               decode: Callable[[Any], Scene], size: tuple[int | None, int | None]):
    self._path = path
    self._examples = examples
    self._decode = decode
    self._size = size

  def size(self, index: int) -> tuple[int, int]:
    """(height, width) of the image; the same for all where the builder says so."""
    return self[index]["image"].shape[:2] if None in self._size else self._size

  def __len__(self) -> int:
    return len(self._examples)

  def __getitem__(self, index: int) -> Scene:
    try:
      return self._decode(self._examples[index])
    except _DAMAGE as e:
      raise _unreadable(self._path, f"scene {index}", e) from e


class _Concatenated:
  """Sources one after the other."""

  def __init__(self, sources: Sequence[_Part]):
    self._sources = sources
    self._ends = list(itertools.accumulate(len(s) for s in sources))

  def __len__(self) -> int:
    return self._ends[-1]

  def __getitem__(self, index: int) -> Scene:
    source, index = self._place(index)
    return source[index]

  def size(self, index: int) -> tuple[int, int]:
    """As that of the part."""
    source, index = self._place(index)
    return source.size(index)

  def _place(self, index: int) -> tuple[_Part, int]:
    if not 0 <= index < len(self):
      raise IndexError(index)
    part = bisect.bisect_right(self._ends, index)
    return self._sources[part], index - (self._ends[part - 1] if part else 0)


def _version_dirs(path: pathlib.Path, depth: int = 0) -> list[pathlib.Path]:
  if (path / _INFO).is_file():
    return [path]
  if depth == _MAX_DEPTH or not path.is_dir():
    return []
  children = sorted(child for child in path.iterdir() if child.is_dir())
  versions = [child for child in children if (child / _INFO).is_file()
              and re.fullmatch(r"\d+\.\d+\.\d+", child.name)]
  if versions:
    return [max(versions, key=lambda v: tuple(int(n) for n in v.name.split(".")))]
  return [found for child in children for found in _version_dirs(child, depth + 1)]


def _open_part(path: pathlib.Path, split: str) -> tuple[Source | None, list[str]]:
  """The split of one directory, None when it has no such split, and its splits."""
  # Slow to import, and only this function needs it.
  import tensorflow_datasets as tfds  # pylint: disable=g-import-not-at-top
  # It advises OpenCV with every first picture; Pillow is what we depend on.
  logging.getLogger("absl").addFilter(_not_opencv)
  try:
    builder = tfds.builder_from_directory(path)
    splits = sorted(builder.info.splits)
    if re.match(r"\w*", split)[0] not in splits:
      return None, splits
    if not builder.info.splits[split].num_examples:
      return [], splits
    examples = builder.as_data_source(split=split)
  except _DAMAGE as e:
    raise _unreadable(path, f"split '{split}'", e) from e
  module = f"vision_banana.data.builders.{builder.name}"
  if importlib.util.find_spec(module) is None:
    raise UserError(f"dataset '{path}' was built by '{builder.name}', which has no "
                    "module in vision_banana/data/builders; add one with decode().")
  decode = importlib.import_module(module).decode
  features = builder.info.features
  size = features["image"].shape[:2] if "image" in features else (None, None)
  return _Part(path, examples, decode, size), splits


def _not_opencv(record: logging.LogRecord) -> bool:
  return not record.getMessage().startswith("OpenCV is not installed")


def _unreadable(path: pathlib.Path, what: str, error: Exception) -> UserError:
  reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
  return UserError(f"cannot read {what} of dataset '{path}' ({reason}); build it "
                   "again, in array_record.")
