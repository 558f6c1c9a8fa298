"""Renders a data set of rooms with a pool of processes."""

import contextlib
import functools
import itertools
import multiprocessing
import os
import pathlib
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import numpy as np
import tqdm

from vision_banana.data.builders import rooms
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import backend
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import language
from vision_banana.data.rooms import render
from vision_banana.data.rooms import sampling
from vision_banana.errors import UserError


def make_scene(seed: int, split: str, renderer: render.Renderer,
               catalog: assets.Catalog, num_edits: int) -> dict[str, Any]:
  """The scene of a seed (see `data/sources.py`): room, words and edited pictures."""
  room = sampling.sample(seed, catalog, split)
  scene = renderer.render(room)
  caption, phrases, categories = language.describe(room, scene["instances"])
  rng = np.random.default_rng([sampling.SPLITS.index(split), seed, 1])
  changes = edits.sample(room, scene["instances"], rng, catalog, num_edits)
  draw = lambda after: renderer.render(after)["image"]
  pictures = [(edit.instruction, edits.picture(edit, scene["image"], draw))
              for edit in changes]
  return dict(scene, caption=caption, phrases=phrases, categories=categories,
              edits=pictures, edit_kinds=[edit.kind for edit in changes])


_make: Callable[[int], dict[str, Any]] | None = None  # Of this worker process.


def _start_worker(variant: str, size: int, split: str, num_edits: int, spp: int,
                  library_path: str | None) -> None:
  global _make
  backend.mitsuba(variant)
  backend.set_threads(1)  # Processes use the cores better than threads.
  library = assets.library(library_path)
  renderer = render.Renderer(size, library, spp)
  _make = functools.partial(make_scene, split=split, renderer=renderer,
                            catalog=assets.catalog(library), num_edits=num_edits)


def _work(job: tuple[int, str]) -> None:
  seed, path = job
  _write(pathlib.Path(path), rooms.encode(_make(seed)))


def _write(path: pathlib.Path, example: dict[str, Any]) -> None:
  temporary = path.with_suffix(".tmp")
  temporary.write_bytes(pickle.dumps(example))
  os.replace(temporary, path)


def render_dataset(num: int, size: int, out: str | os.PathLike[str], workers: int = 1,
                   seed: int = 0, split: str = "train", num_edits: int = 2,
                   spp: int = render.SAMPLES,
                   library_path: str | None = None) -> pathlib.Path:
  """Renders rooms `seed`, `seed + 1`, … into a TFDS directory.

  Rooms that are done wait in `out` + '.partial', so that an interrupted call goes on
  where it stopped. The directory itself appears complete or not at all.

  Args:
    num: number of rooms.
    size: width and height in pixels.
    out: directory to make, for `tfds.builder_from_directory`.
    workers: processes.
    seed: of the first room.
    split: 'train' or 'test'; each has its own rooms and looks.
    num_edits: edited pictures of each room.
    spp: samples per pixel.
    library_path: directory of the asset library, see `assets.directory`.

  Returns:
    `out`.

  Raises:
    UserError: `out` exists or cannot be written, a number makes no sense, the partial
      directory was made with other settings, there is nothing to render with, or a
      worker died.
  """
  out = pathlib.Path(out)
  for name, value, low in (("num", num, 1), ("size", size, 16), ("workers", workers, 1),
                           ("num_edits", num_edits, 0), ("seed", seed, 0)):
    if value < low:
      raise UserError(f"{name}={value} is too small: use {low} or more")
  if num_edits > edits.MAX_EDITS:
    raise UserError(f"num_edits={num_edits} is too many: use {edits.MAX_EDITS} or fewer")
  if out.exists():
    raise UserError(f"{out} exists: delete it or choose another output directory")
  if split not in sampling.SPLITS:
    raise UserError(f"room split {split!r} is unknown: use train or test")
  variant = backend.variant()  # Before anything is written: there may be none.
  partial = out.with_name(out.name + ".partial")
  library = assets.library(library_path)
  settings = repr((size, split, num_edits, spp, str(rooms.Rooms.VERSION),
                   *map(sorted, (library.meshes, library.textures,
                                 library.environments))))
  try:
    partial.mkdir(parents=True, exist_ok=True)
    note = partial / "settings.txt"
    if note.exists() and note.read_text() != settings:
      raise UserError(f"{partial} holds rooms of other settings: delete it")
    note.write_text(settings)
  except OSError as e:
    raise UserError(f"{partial}: cannot be written ({e.strerror}): choose another "
                    "output directory") from e
  paths = [partial / f"{i:08d}.room" for i in range(seed, seed + num)]
  jobs = [(i, str(p)) for i, p in zip(itertools.count(seed), paths) if not p.exists()]
  if jobs:
    initial = (variant, size, split, num_edits, spp, library_path)
    with contextlib.closing(results(jobs, min(workers, len(jobs)), initial)) as done:
      for _ in tqdm.tqdm(done, total=num, initial=num - len(jobs), unit="room",
                         desc=f"{split} rooms"):
        pass
  return _pack(paths, partial, out, size, split)


def results(jobs: list, workers: int, initial: tuple) -> Iterator[None]:
  """Yields as rooms are done; a dead worker is an error, not a silence.

  Args:
    jobs: (seed, path of the file to write) of each room.
    workers: processes.
    initial: arguments of `_start_worker`.
  """
  context = multiprocessing.get_context("spawn")
  with futures.ProcessPoolExecutor(workers, context, _start_worker, initial) as pool:
    try:
      for done in futures.as_completed([pool.submit(_work, job) for job in jobs]):
        yield done.result()
    except futures.process.BrokenProcessPool as e:
      raise UserError("a worker ended without a word, which too little memory may do: "
                      "use fewer workers; the same command goes on") from e
    except BaseException:
      pool.shutdown(wait=False, cancel_futures=True)
      raise


def _pack(paths: list[pathlib.Path], partial: pathlib.Path, out: pathlib.Path,
          size: int, split: str) -> pathlib.Path:
  """Turns finished rooms into a TFDS directory."""
  examples = ((p.stem, pickle.loads(p.read_bytes())) for p in paths)
  with tempfile.TemporaryDirectory(dir=partial) as temporary:
    builder = rooms.Rooms(size=size, split=split, examples=examples,
                          data_dir=temporary)
    builder.download_and_prepare()
    os.replace(builder.data_path, out)
  shutil.rmtree(partial)
  return out
