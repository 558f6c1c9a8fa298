"""DIODE indoor, val: 325 pictures with depth and normals from a laser scanner."""

import functools
import pathlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _array(image: pathlib.Path, picture: np.ndarray, what: str, channels: int = 1
           ) -> np.ndarray:
  """The array beside a picture, float32 [H,W], or [H,W,channels] for several.

  Raises:
    UserError: it cannot be read, or is of another shape.
  """
  path = image.with_name(f"{image.stem}_{what}.npy")
  array = layout.npy(path)
  layout.same_size(picture, array, image, path)
  if array.shape[2:] != (channels,) and (array.ndim, channels) != (2, 1):
    raise UserError(f"{path}: holds an array of shape {array.shape}, not {channels} "
                    "numbers a pixel; restore the file.")
  array = array.astype(np.float32)
  return array.reshape(array.shape[:2]) if channels == 1 else array


def _depth(image: pathlib.Path):
  picture = images.read(image)
  depth = _array(image, picture, "depth")
  mask = _array(image, picture, "depth_mask")
  return picture, np.where((mask > 0) & (depth > 0), depth, np.nan)


def _normals(image: pathlib.Path):
  picture = images.read(image)
  return picture, facing(_array(image, picture, "normal", 3))


def facing(normals: np.ndarray) -> np.ndarray:
  """Normals [H,W,3] to unit length, those that face away turned round; 0 stays 0.

  Signs are inconsistent in the data; a visible surface faces the camera, so z
  (towards the camera) is not negative.
  """
  size = np.linalg.norm(normals, axis=-1, keepdims=True)
  normals = np.where(size > 0, normals / np.maximum(size, 1e-12), 0)
  return np.where(normals[..., 2:] < 0, -normals, normals).astype(np.float32)


def _read(task: str, data: pathlib.Path) -> records.Split:
  root = layout.root(data, "diode", "val/indoors")
  load = {"depth": _depth, "normals": _normals}[task]
  asked = tasks.request(task)
  found = sorted(root.glob("val/indoors/scene_*/scan_*/*.png"))
  if not found:
    raise UserError(f"{root / 'val/indoors'}: no pictures; restore the folder.")
  return layout.split_of([layout.question(p.stem, asked, load, p) for p in found])


DIODE_DEPTH = records.Benchmark(
    name="diode_depth",
    about="DIODE indoor val, metric depth.",
    read=functools.partial(_read, "depth"), split="val/indoors", sha256="", seed=0,
    size=325, **protocols.depth_record("diode_indoor"), folder="diode")
DIODE_NORMALS = records.Benchmark(
    name="diode_normals",
    about="DIODE indoor val, surface normals.",
    read=functools.partial(_read, "normals"), split="val/indoors", sha256="", seed=0,
    crop="none", size=325,
    protocols=(protocols.normals(
        "Stored axes are taken as right, up, towards the camera; normals that face "
        "away are turned round; zero is not counted."),),
    folder="diode")
