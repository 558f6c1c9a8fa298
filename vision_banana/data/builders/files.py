"""Reads the files datasets come in; what is wrong with one is told with its name."""

import csv
import importlib
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from vision_banana.errors import UserError

T = TypeVar("T")


def _read(path: pathlib.Path, read: Callable[[pathlib.Path], T], kind: str) -> T:
  try:
    return read(path)
  except FileNotFoundError as e:
    raise UserError(f"{path}: is missing.") from e
  except (OSError, ValueError, KeyError, EOFError, SyntaxError, TypeError, csv.Error,
          Image.DecompressionBombError) as e:
    reason = " ".join(str(e).split()) or type(e).__name__
    raise UserError(f"{path}: is no whole {kind} ({reason}).") from e


def image(path: pathlib.Path) -> np.ndarray:
  """A picture, uint8 [H, W, 3].

  Raises:
    UserError: missing or damaged, like all readers here.
  """
  return _read(path, lambda p: np.asarray(Image.open(p).convert("RGB")), "picture")


def gray(path: pathlib.Path, size: tuple[int, int] | None = None) -> np.ndarray:
  """A picture of one channel, uint8 [H, W]; resized to (H, W) by nearest pixels."""
  def read(p: pathlib.Path) -> np.ndarray:
    picture = Image.open(p).convert("L")
    if size and picture.size != size[::-1]:
      picture = picture.resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(picture)
  return _read(path, read, "picture")


def npy(path: pathlib.Path, ndim: int) -> np.ndarray:
  """An array of `ndim` axes; nothing that would need pickle."""
  return _read(path, lambda p: _ndim(np.load(p, allow_pickle=False), ndim), "array")


def h5py() -> Any:
  """The package, which only HyperSim's files need.

  Raises:
    UserError: it is not installed.
  """
  try:
    return importlib.import_module("h5py")
  except ImportError as e:
    raise UserError("HDF5 files need h5py: pip install 'vision-banana[build]'.") from e


def hdf5(path: pathlib.Path, ndim: int) -> np.ndarray:
  """The array 'dataset' of an HDF5 file, of `ndim` axes."""
  def read(p: pathlib.Path) -> np.ndarray:
    with h5py().File(p, "r") as file:
      return _ndim(file["dataset"][()], ndim)
  return _read(path, read, "HDF5 file with a 'dataset'")


def _ndim(array: np.ndarray, ndim: int) -> np.ndarray:
  if array.ndim != ndim or array.dtype.kind not in "fiu":
    raise ValueError(f"{array.dtype} of {array.ndim} axes where numbers of {ndim} were "
                     "expected")
  return array


def rows(path: pathlib.Path, where: str) -> list[dict[str, Any]]:
  """Rows of a CSV file with a head; `where` says where to get the file."""
  def read(p: pathlib.Path) -> list[dict[str, Any]]:
    with open(p, newline="", encoding="utf-8-sig") as file:
      return list(csv.DictReader(file, strict=True))
  if not path.is_file():
    raise UserError(f"{path}: is missing; it is in {where}.")
  return _read(path, read, "CSV file")


def check_shapes(arrays: dict[pathlib.Path, np.ndarray]) -> None:
  """Raises a UserError unless all arrays agree in height and width."""
  (first, array), *others = arrays.items()
  for path, other in others:
    if other.shape[:2] != array.shape[:2]:
      raise UserError(f"{path}: is {list(other.shape[:2])}, but {first} is "
                      f"{list(array.shape[:2])}.")
