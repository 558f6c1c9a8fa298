"""Normals of NYUv2, ScanNet and Virtual KITTI 2, as DSINE distributes them."""

import functools
import pathlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _pixels(path: pathlib.Path) -> np.ndarray:
  """RGB [H,W,3] uint8 or uint16; Pillow has no 16-bit colour."""
  if not path.exists():
    raise UserError(f"{path}: no such file; restore it.")
  try:
    import cv2  # pylint: disable=g-import-not-at-top
  except ImportError as e:
    raise UserError("DSINE's normals are 16-bit colour PNGs; pip install "
                    "'vision-banana[eval]'.") from e
  pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
  if pixels is None or pixels.ndim != 3 or pixels.shape[-1] != 3:
    raise UserError(f"{path}: not a readable RGB image; restore the file.")
  return pixels[..., ::-1]


def _load(image: pathlib.Path, path: pathlib.Path, largest: int):
  picture, pixels = images.read(image), _pixels(path)
  layout.same_size(picture, pixels, image, path)
  if pixels.max(initial=0) > largest:
    raise UserError(f"{path}: values above {largest}; restore the file.")
  normals = pixels.astype(np.float32) / largest * 2 - 1
  # Stored as left, up, towards the camera.
  normals[..., 0] *= -1
  return picture, np.where(pixels.any(-1, keepdims=True), normals, 0)


def _read(folder: str, largest: int, data: pathlib.Path) -> records.Split:
  if (data / "dsine_eval").is_dir():
    data = data / "dsine_eval"
  root = layout.root(data, folder, "*/*_img.*")
  asked = tasks.request("normals")
  questions = []
  for image in sorted(root.glob("*/*_img.*")):
    stem = image.name.rsplit("_img.", 1)[0]
    questions.append(layout.question(
        f"{image.parent.name}-{stem}", asked, _load, image,
        image.with_name(f"{stem}_normal.png"), largest))
  return layout.split_of(questions)


def _record(name: str, about: str, folder: str, largest: int, size: int):
  return records.Benchmark(
      name=name, about=about, read=functools.partial(_read, folder, largest),
      split="DSINE's test list", sha256="", seed=0, crop="none", size=size,
      protocols=(protocols.normals("Truth as DSINE distributes it; black is not "
                                   "counted."),),
      folder=f"dsine_eval/{folder}")


NYU_NORMALS = _record(
    "nyu_normals", "NYUv2 test, surface normals (GeoNet's).", "nyuv2", 255, 654)
SCANNET_NORMALS = _record(
    "scannet_normals", "ScanNet, surface normals (FrameNet's).", "scannet", 255, 300)
VKITTI_NORMALS = _record(
    "vkitti_normals", "Virtual KITTI 2, surface normals of rendered roads.", "vkitti",
    65535, 1000)
