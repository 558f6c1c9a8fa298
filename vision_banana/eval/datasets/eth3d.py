"""ETH3D high-resolution multi-view, training scenes: 454 pictures with depth."""

import pathlib

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks

# The pictures have 24 million pixels; no generator paints that many.
EDGE = 1536
_DEPTH = "ground_truth_depth/dslr_images"


def _load(pictures: list[pathlib.Path], depth_path: pathlib.Path):
  """The first of `pictures` that is there, and its depth."""
  picture = images.read(layout.first(pictures, "picture"))
  try:
    # Float32 by rows, under the name of the picture; infinity where unknown.
    depth = np.fromfile(depth_path, "<f4")
  except OSError as e:
    raise UserError(f"{depth_path}: cannot be read ({e.strerror}); restore the "
                    "file.") from e
  height, width = picture.shape[:2]
  if depth.size != height * width:
    raise UserError(f"{depth_path}: {depth.size} values for a picture of {height}x"
                    f"{width}; restore both files.")
  depth = depth.reshape(height, width)
  depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.nan)
  return layout.shown(picture, EDGE), depth


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "eth3d", f"*/{_DEPTH}/*.JPG",
                     f"*/*/{_DEPTH}/*.JPG")
  asked = tasks.request("depth")
  questions = []
  for path in sorted(root.glob(f"*/**/{_DEPTH}/*.JPG")):
    scene = path.parents[2].name
    pictures = [parent / "images/dslr_images" / path.name
                for parent in (path.parents[2], root / scene,
                               root / f"{scene}_dslr_jpg" / scene)]
    questions.append(
        layout.question(f"{scene}-{path.stem}", asked, _load, pictures, path))
  return layout.split_of(questions)


ETH3D = records.Benchmark(
    name="eth3d",
    about="ETH3D high-resolution training scenes, metric depth.",
    read=_read, split="training scenes", sha256="", seed=0, size=454,
    resolution=f"longer side at most {EDGE} px; answers are resampled to the truth "
               "(bilinear)",
    **protocols.depth_record("eth3d"), folder="eth3d")
