"""Turns a dataset in its official layout into scenes that training reads."""

import collections
import functools
import importlib
import itertools
import json
import multiprocessing
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np
import tqdm

from vision_banana import folders
from vision_banana.data import augment, fingerprints, leaks
from vision_banana.data.builders import storage
from vision_banana.errors import UserError

# Modules of `builders` with records(folder, split), read(record), SPLITS, and a
# builder.
DATASETS = ("ade20k", "hypersim", "open_images", "tartanair")
_AHEAD = 4  # Records handed out per worker before the oldest is written.


class Counts(NamedTuple):
  """How many scenes were written, could not be read, or are a benchmark's."""
  written: int
  skipped: int
  leaked: int


def build(dataset: str, data: str, out: str, *, split: str = "",
          limit: int | None = None, size: int | None = None, workers: int = 1,
          leak_lists: Sequence[str] = ()) -> Counts:
  """Reads a dataset and writes a TFDS directory of array_record files.

  A record that cannot be read is told and left out. Scenes are written in a random
  order, always the same, so that 'train[:100]' is a sample. Memory does not grow with
  their number. The directory appears complete or not at all.

  Args:
    dataset: one of `DATASETS`.
    data: folder of the official files; see the dataset's module in `builders`.
    out: directory to make, for `sources.open_source`.
    split: of the official splits; the first of them when empty.
    limit: at most this many records, evenly spread over the split.
    size: edge in pixels to which middle squares are resized; None keeps pictures as
      they are.
    workers: processes that read.
    leak_lists: files of `vision-banana hashes`; what they show is left out.

  Raises:
    UserError: unknown dataset or split, missing files, numbers that make no sense,
      `out` exists, or no scene can be read.
  """
  module = _module(dataset)
  split = split or module.SPLITS[0]
  if split not in module.SPLITS:
    raise UserError(f"{dataset} has no split '{split}'; use one of "
                    f"{', '.join(module.SPLITS)}.")
  for name, value, low in (("limit", limit, 1), ("size", size, 16),
                           ("workers", workers, 1)):
    if value is not None and value < low:
      raise UserError(f"{name}={value} is too small; use {low} or more.")
  folder = pathlib.Path(data).expanduser()
  if not folder.is_dir():
    raise UserError(f"{data}: no such folder; give the one with the files of "
                    f"{dataset}.")
  lists = [fingerprints.load(path) for path in leak_lists]
  if os.path.lexists(out):
    raise UserError(f"{out}: exists; remove it or choose another folder.")
  records = module.records(folder, split)
  if not len(records):
    raise UserError(f"{data}: has nothing of {dataset}'s split '{split}'.")
  work = functools.partial(_work, dataset, size, lists)
  counts: collections.Counter[str] = collections.Counter()
  with folders.whole(out, replace=False) as made:
    examples = _examples(_results(work, _spread(records, limit), workers), counts,
                         min(limit or len(records), len(records)),
                         f"{dataset} {split}")
    _write(module, split, size, examples, made, lists, counts)
  return Counts(counts["written"], counts["skipped"], counts["leaked"])


def _module(dataset: str) -> Any:
  if dataset not in DATASETS:
    raise UserError(f"no builder for '{dataset}'; there are {', '.join(DATASETS)}.")
  return importlib.import_module(f"vision_banana.data.builders.{dataset}")


def _builder(module: Any) -> type[storage.SceneBuilder]:
  return next(v for v in vars(module).values() if isinstance(v, type)
              and issubclass(v, storage.SceneBuilder))


def _spread(records: Sequence[Any], limit: int | None) -> Iterator[Any]:
  count = min(limit or len(records), len(records))
  order = np.random.default_rng(0).permutation(count)
  return (records[int(i) * len(records) // count] for i in order)


class _Result(NamedTuple):
  """What became of a record: an example, or why there is none ('kind')."""
  key: str
  example: dict[str, Any] | None
  kind: str
  reason: str


def _work(dataset: str, size: int | None, lists: Sequence[fingerprints.HashList],
          record: Any) -> _Result:
  """Reads, checks and compresses one record; in a worker process."""
  module = _module(dataset)
  try:
    scene = module.read(record)
    if lists:
      for match in fingerprints.matches(fingerprints.scene_hashes(scene), lists):
        return _Result(record.key, None, "leaked",
                       f"is '{match.name}' of {match.benchmark}")
    if size:
      scene = augment.resize(scene, (size, size))
    return _Result(record.key, storage.encode(scene, _builder(module).fields),
                   "written", "")
  except (UserError, ValueError) as e:
    return _Result(record.key, None, "skipped", str(e))


def _results(work, records: Iterator[Any], workers: int) -> Iterator[_Result]:
  """Results in the order of the records, few of them in memory."""
  if workers == 1:
    yield from map(work, records)
    return
  context = multiprocessing.get_context("spawn")
  with futures.ProcessPoolExecutor(workers, context) as pool:
    try:
      waiting = collections.deque(
          pool.submit(work, r) for r in itertools.islice(records, _AHEAD * workers))
      while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(work, r) for r in itertools.islice(records, 1))
    except futures.process.BrokenProcessPool as e:
      raise UserError("a worker died, most likely for lack of memory; use fewer "
                      "--workers.") from e
    finally:
      pool.shutdown(wait=True, cancel_futures=True)


def _examples(results: Iterable[_Result], counts: collections.Counter[str], total: int,
              what: str) -> Iterator[tuple[str, dict[str, Any]]]:
  """The (key, example) pairs; tells and counts the rest."""
  for result in tqdm.tqdm(results, total=total, desc=what, unit="scene", disable=None):
    counts[result.kind] += 1
    if result.example is None:
      tqdm.tqdm.write(f"{result.kind} {result.key}: {result.reason}")
    else:
      yield result.key, result.example
  print(f"{what}: {counts['written']} scenes written, {counts['skipped']} could not be "
        f"read, {counts['leaked']} are a benchmark's")
  if not counts["written"]:
    raise UserError(f"{what}: no scene could be read; see the lines above.")


def _write(module: Any, split: str, size: int | None, examples: Iterable,
           made: str, lists: Sequence[fingerprints.HashList],
           counts: collections.Counter[str]) -> None:
  """Fills the folder `made` with what is otherwise data_dir/name/version."""
  data_dir = pathlib.Path(made) / "tfds"
  builder = _builder(module)(split=split, examples=examples, size=size,
                             data_dir=data_dir)
  builder.download_and_prepare()
  for path in pathlib.Path(builder.data_path).iterdir():
    os.replace(path, pathlib.Path(made) / path.name)
  shutil.rmtree(data_dir)
  statement = pathlib.Path(made) / leaks.STATEMENT
  notes = {**json.loads(statement.read_text()), **counts,
           "checked_against": sorted(known.benchmark for known in lists)}
  statement.write_text(json.dumps(notes, indent=1) + "\n")
