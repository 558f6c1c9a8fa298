"""What all readers share: finding files, and reading them or saying what is wrong."""

import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vision_banana.errors import UserError
from vision_banana.eval import images, records
from vision_banana.eval.questions import Question
from vision_banana.tasks import tasks


def root(data: pathlib.Path, folder: str, *markers: str) -> pathlib.Path:
  """The benchmark's own folder: `data` or `data/folder`, whichever has a marker.

  Args:
    data: as the user named it.
    folder: usual name.
    *markers: globs; one of them must find something there.

  Raises:
    UserError: neither has one.
  """
  for found in (data, data / folder):
    if any(next(found.glob(m), None) is not None for m in markers):
      return found
  raise UserError(f"{data}: no {markers[0]} there or in {data / folder}; give the "
                  "folder as the benchmark's authors distribute it.")


def first(paths: Sequence[pathlib.Path], what: str) -> pathlib.Path:
  """The first path that exists.

  Raises:
    UserError: none does; names the last one.
  """
  for path in paths:
    if path.exists():
      return path
  raise UserError(f"{paths[-1]}: missing {what}; restore the file.")


def text(path: pathlib.Path, encoding: str = "utf-8") -> str:
  """A text file.

  Raises:
    UserError: missing, or in another encoding.
  """
  try:
    return path.read_text(encoding)
  except OSError as e:
    raise UserError(f"{path}: cannot be read ({e.strerror or e}); restore the "
                    "file.") from e
  except UnicodeDecodeError as e:
    raise UserError(f"{path}: not {encoding} text; restore the file.") from e


def parsed(path: pathlib.Path, encoding: str = "utf-8") -> Any:
  """A JSON file.

  Raises:
    UserError: missing or no JSON.
  """
  try:
    return json.loads(text(path, encoding))
  except json.JSONDecodeError as e:
    raise UserError(f"{path}: not JSON ({e.msg} at {e.pos}); restore the file.") from e


@contextlib.contextmanager
def entries_of(path: pathlib.Path) -> Iterator[None]:
  """For a block that reads the entries of a parsed file.

  Raises:
    UserError: an entry lacks what the block looks for.
  """
  try:
    yield
  except (KeyError, IndexError, TypeError, AttributeError) as e:
    raise UserError(f"{path}: no {e} in an entry; restore the file.") from e


def rows(path: pathlib.Path, name: str) -> dict[str, Any]:
  """The entries of a JSON file by name, which for a list is its place by `name`.

  Args:
    path: of the file.
    name: format of a place, for example '{:05d}'.

  Raises:
    UserError: as `parsed`.
  """
  found = parsed(path)
  if isinstance(found, list):
    found = {name.format(i): row for i, row in enumerate(found)}
  return found


def raw_image(path: pathlib.Path) -> np.ndarray:
  """Pixels as stored, [H,W] or [H,W,C]: labels, 16-bit depth.

  Raises:
    UserError: missing, truncated or no image.
  """
  try:
    with Image.open(path) as image:
      return np.array(image)
  except FileNotFoundError as e:
    raise UserError(f"{path}: no such file; restore it.") from e
  except (OSError, SyntaxError, ValueError) as e:
    raise UserError(f"{path}: not a readable image ({' '.join(str(e).split())}); "
                    "restore the file.") from e


def npy(path: pathlib.Path) -> np.ndarray:
  """An .npy array, without pickles.

  Raises:
    UserError: missing or broken.
  """
  try:
    return np.load(path, allow_pickle=False)
  except FileNotFoundError as e:
    raise UserError(f"{path}: no such file; restore it.") from e
  except (OSError, ValueError, EOFError) as e:
    raise UserError(f"{path}: not a readable array ({e}); restore the file.") from e


def same_size(picture: np.ndarray, truth: np.ndarray, path: pathlib.Path,
              truth_path: pathlib.Path) -> None:
  """Raises UserError when a picture and its truth differ in size."""
  if picture.shape[:2] != truth.shape[:2]:
    sizes = ["x".join(map(str, a.shape[:2])) for a in (picture, truth)]
    raise UserError(f"{truth_path}: is {sizes[1]} but {path.name} is {sizes[0]} "
                    "(height x width); restore both files.")


def shown(picture: np.ndarray, edge: int) -> np.ndarray:
  """The picture, made smaller if its longer side has more than `edge` pixels."""
  height, width = picture.shape[:2]
  scale = edge / max(height, width)
  if scale >= 1:
    return picture
  size = (max(1, round(height * scale)), max(1, round(width * scale)))
  return images.Letterbox(picture.shape[:2], size).place(picture)


def split_of(questions: Sequence[Question], ids: Sequence[str] | None = None,
             notes: Sequence[str] = ()) -> records.Split:
  """A split with one question a unit; its hash is over `ids`, or the names."""
  names = tuple(q.name for q in questions)
  return records.Split(
      names, records.list_hash(names if ids is None else ids),
      lambda task, keep, seed: [questions[i] for i in keep], tuple(notes))


def question(name: str, request: tasks.Request, load: Callable[..., Any],
             *arguments: Any, **about: str) -> Question:
  """A question that reads its files by `load(*arguments)`; `about` as in `Question`."""
  return Question(name, request, functools.partial(load, *arguments), **about)
