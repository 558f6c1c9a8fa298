"""iBims-1: 100 indoor pictures with depth from a laser scanner."""

import pathlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _load(root: pathlib.Path, name: str):
  paths = [root / folder / f"{name}.png"
           for folder in ("rgb", "depth", "mask_invalid", "mask_transp")]
  picture = images.read(paths[0])
  raw, valid, opaque = (layout.raw_image(p) for p in paths[1:])
  for path, array in zip(paths[1:], (raw, valid, opaque), strict=True):
    layout.same_size(picture, array, paths[0], path)
  depth = raw.astype(np.float32) * (50 / 65535)
  return picture, np.where((depth > 0) & (valid > 0) & (opaque > 0), depth, np.nan)


def _read(data: pathlib.Path) -> records.Split:
  folder = data / "ibims1_core_raw"
  root = layout.root(folder if folder.is_dir() else data, "ibims1", "imagelist.txt")
  names = layout.text(root / "imagelist.txt").split()
  if not names:
    raise UserError(f"{root / 'imagelist.txt'}: empty; restore the file.")
  asked = tasks.request("depth")
  return layout.split_of([layout.question(n, asked, _load, root, n) for n in names])


IBIMS = records.Benchmark(
    name="ibims",
    about="iBims-1, metric depth indoors.",
    read=_read, split="all", sha256="", seed=0, size=100,
    **protocols.depth_record("ibims1"), folder="ibims1")
