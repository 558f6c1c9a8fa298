"""Hashes of the pictures of a source, kept until something it reads changes.

They are kept in ~/.cache/vision_banana/hashes ($VISION_BANANA_HASHES), under a name
that changes with the settings of the source and with every file below its path. What
its records name elsewhere is kept with the hashes and looked at again.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana.data import fingerprints
from vision_banana.data.own import records as own_records

_CACHE = "~/.cache/vision_banana/hashes"
_VERSION = 2  # Of how pictures are hashed, and of what a name is made from.

# Files outside the folder of a source → their state when they were read.
_Outside = dict[str, str]


def of(name: str, source: Sequence[Mapping[str, Any]], path: str,
       settings: str) -> tuple[np.ndarray, np.ndarray]:
  """Hashes of all pictures of a source, from the cache if it has them.

  Args:
    name: for the progress bar.
    source: its scenes; it may have `files(index)`, those a scene's pictures are in.
    path: where it is; '' for a source in memory, which is not kept.
    settings: all that decides how the files become scenes.

  Returns:
    uint64 [M] hashes, and int64 [M], the record that each is of.
  """
  if not path:
    return _hash(name, source, frozenset())[:2]
  tree = _tree(pathlib.Path(path).expanduser())
  folder = pathlib.Path(os.environ.get("VISION_BANANA_HASHES") or _CACHE).expanduser()
  cached = folder / f"{_key(path, settings, tree)}.npz"
  kept = _load(cached, len(source))
  if kept is None:
    hashes, records, outside = _hash(name, source, frozenset(tree))
    _keep(cached, hashes, records, outside)
    return hashes, records
  return kept


def _hash(name: str, source: Sequence[Mapping[str, Any]], tree: frozenset[str]
          ) -> tuple[np.ndarray, np.ndarray, _Outside]:
  """The hashes, the record of each, and the files that are not in `tree`."""
  files = getattr(source, "files", lambda i: ())
  outside: _Outside = {}

  def read(index: int) -> np.ndarray:
    for file in map(str, files(index)):
      if file not in tree:
        # Before it is read: one that changes meanwhile is then another next time.
        outside.setdefault(file, _state(file))
    return fingerprints.scene_hashes(source[index])

  made = fingerprints.hash_all(
      range(len(source)), len(source), f"hashes of {name}", read)
  return (np.concatenate([np.zeros(0, np.uint64), *made]),
          np.repeat(np.arange(len(made)), [len(hashes) for hashes in made]), outside)


def _load(path: pathlib.Path, count: int) -> tuple[np.ndarray, np.ndarray] | None:
  """What `_keep` wrote of `count` records; None if it no longer holds."""
  try:
    with np.load(path, allow_pickle=False) as kept:
      hashes, records = kept["hashes"], kept["records"]
      files, states = kept["files"].tolist(), kept["states"].tolist()
  except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
    return None  # Not there yet, or damaged: computed again.
  whole = (hashes.dtype == np.uint64 and hashes.shape == records.shape
           and np.array_equal(np.unique(records), np.arange(count)))
  return (hashes, records) if whole and _states(files) == states else None


def _keep(path: pathlib.Path, hashes: np.ndarray, records: np.ndarray,
          outside: _Outside) -> None:
  temporary = path.with_name(f".{os.getpid()}-{path.name}")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(temporary, hashes=hashes, records=records,
             files=np.array(list(outside), str), states=np.array(
                 list(outside.values()), str))
    os.replace(temporary, path)
  except OSError as e:
    with contextlib.suppress(OSError):
      temporary.unlink()
    print(f"hashes are not kept: {path.parent} cannot be written ({e.strerror})")


def _tree(top: pathlib.Path) -> list[str]:
  """All files at and below a path, through links to folders as sources read them."""
  return sorted(map(str, own_records.walk(top))) if top.is_dir() else [str(top)]


def _key(path: str, settings: str, tree: Sequence[str]) -> str:
  """Changes when a file of the tree does, without reading any."""
  digest = hashlib.sha256()
  lines = [f"{_VERSION} {os.path.realpath(os.path.expanduser(path))}", settings]
  lines += [f"{file} {state}" for file, state in zip(tree, _states(tree))]
  for line in lines:
    digest.update(f"{line}\n".encode("utf-8", "surrogateescape"))
  return digest.hexdigest()[:32]


def _states(files: Iterable[str]) -> list[str]:
  with concurrent.futures.ThreadPoolExecutor() as threads:
    return list(threads.map(_state, files))


def _state(file: str) -> str:
  """Size and time of a file; '' of one that is not there."""
  try:
    status = os.stat(file)
  except OSError:
    return ""
  return f"{status.st_size} {status.st_mtime_ns}"
