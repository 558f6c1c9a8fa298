"""ReasonSeg val: 200 pictures, a query that needs thought, one mask each."""

import pathlib
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks

IGNORED = 255


def _about(path: pathlib.Path) -> dict[str, Any]:
  try:
    return layout.parsed(path)
  except UserError as e:
    if not isinstance(e.__cause__, UnicodeDecodeError):
      raise
    return layout.parsed(path, "cp1252")


def _load(about: pathlib.Path, shapes: list[dict[str, Any]]):
  picture = images.read(about.with_suffix(".jpg"))
  with layout.entries_of(about):
    return picture, rasterise(shapes, *picture.shape[:2])


def rasterise(shapes: list[dict[str, Any]], height: int, width: int) -> np.ndarray:
  """uint8 [H,W]: 1 what is asked for, 0 the rest, 255 not counted.

  As the benchmark's own reader does: large shapes first, so that small ones lie on
  top; 'ignore' in a label makes 255; 'flag' shapes are no shapes.
  """
  truth = np.zeros((height, width), np.uint8)
  polygons = []
  for shape in shapes:
    label = shape["label"].lower()
    if "flag" in label:
      continue
    alone = _polygon(shape["points"], height, width)
    polygons.append((int(alone.sum()), IGNORED if "ignore" in label else 1, alone))
  for _, value, alone in sorted(polygons, key=lambda p: -p[0]):
    truth[alone] = value
  return truth


def _polygon(points: list[list[float]], height: int, width: int) -> np.ndarray:
  """bool [H,W]: filled, its outline one pixel wide, corners cut to whole pixels."""
  try:
    import cv2  # pylint: disable=g-import-not-at-top
  except ImportError as e:
    raise UserError("ReasonSeg's masks are what OpenCV fills; pip install "
                    "'vision-banana[eval]'.") from e
  mask = np.zeros((height, width), np.uint8)
  if np.ndim(points) != 2 or not len(points):
    raise TypeError("corners of a shape")
  corners = np.array([points], np.int32)
  cv2.polylines(mask, corners, True, 1, 1)
  cv2.fillPoly(mask, corners, 1)
  return mask > 0


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "ReasonSeg", "val/*.json")
  questions = []
  for path in sorted(root.glob("val/*.json")):
    about = _about(path)
    with layout.entries_of(path):
      query, shapes = about["text"][0].strip(), about["shapes"]
    questions.append(layout.question(
        path.stem, tasks.request("referring", phrase=query), _load,
        path, shapes, text=query))
  return layout.split_of(questions)


REASONSEG = records.Benchmark(
    name="reasonseg",
    about="ReasonSeg val, masks of what a query implies.",
    read=_read, split="val", sha256="", seed=0, crop="none", size=200,
    protocols=(protocols.masks(
        "giou", "The first query of each picture, as it is or rewritten once by an "
        "outside model; canonical prompt, white on black. Pixels marked 'ignore' are "
        "not counted. gIoU = mean of I/(U+1e-5), 1 where U = 0; cIoU = ΣI/ΣU."),),
    folder="ReasonSeg")
