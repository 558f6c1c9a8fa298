"""NYUv2 labelled, test: 654 rooms with depth, from the one .mat file."""

import pathlib
import zlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _h5py():
  try:
    import h5py  # pylint: disable=g-import-not-at-top
  except ImportError as e:
    raise UserError("NYUv2 is an HDF5 file; pip install 'vision-banana[eval]'.") from e
  return h5py


def _load(path: pathlib.Path, index: int):
  try:
    with _h5py().File(path, "r") as f:
      # MATLAB stores the axes the other way round.
      picture = np.array(f["images"][index]).transpose(2, 1, 0)
      depth = np.array(f["rawDepths"][index], np.float32).T
  except (OSError, KeyError, IndexError, ValueError) as e:
    raise UserError(f"{path}: picture {index + 1} cannot be read ({e}); restore the "
                    "file.") from e
  layout.same_size(picture, depth, path, path)
  return np.ascontiguousarray(picture), np.where(depth > 0, depth, np.nan)


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "nyuv2", "nyu_depth_v2_labeled.mat")
  path, splits = root / "nyu_depth_v2_labeled.mat", root / "splits.mat"
  from scipy import io  # pylint: disable=g-import-not-at-top
  try:
    numbers = io.loadmat(splits)["testNdxs"].ravel().astype(int)  # from 1
  except (OSError, KeyError, ValueError, TypeError, NotImplementedError, zlib.error,
          io.matlab.MatReadError) as e:  # not implemented: MATLAB's version 7.3
    raise UserError(f"{splits}: no readable testNdxs in it ({e}); restore the "
                    "file.") from e
  _h5py()
  asked = tasks.request("depth")
  return layout.split_of([
      layout.question(f"{number:04d}", asked, _load, path, int(number) - 1)
      for number in numbers])


NYU_DEPTH = records.Benchmark(
    name="nyu_depth",
    about="NYUv2 labelled test, metric depth of rooms.",
    read=_read, split="test", sha256="", seed=0, size=654,
    **protocols.depth_record("nyuv2"), folder="nyuv2")
