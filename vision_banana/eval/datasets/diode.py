"""DIODE indoor, val: 325 pictures with depth and normals from a laser scanner."""

import functools
import pathlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _depth(image: pathlib.Path):
  picture = images.read(image)
  path = image.with_name(f"{image.stem}_depth.npy")
  depth = layout.npy(path).astype(np.float32).reshape(-1, picture.shape[1])
  mask = layout.npy(image.with_name(f"{image.stem}_depth_mask.npy"))
  layout.same_size(picture, depth, image, path)
  layout.same_size(picture, mask, image, path)
  return picture, np.where((mask > 0) & (depth > 0), depth, np.nan)


def _normals(image: pathlib.Path):
  picture = images.read(image)
  path = image.with_name(f"{image.stem}_normal.npy")
  normals = layout.npy(path).astype(np.float32)
  layout.same_size(picture, normals, image, path)
  return picture, facing(normals)


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
