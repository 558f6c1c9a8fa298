"""Cityscapes val: 500 street scenes, 19 classes."""

import dataclasses
import pathlib

import numpy as np

from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks

# Evaluated classes by the id in *_labelIds.png, in the order of training ids.
CLASSES = {
    7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole",
    19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain",
    23: "sky", 24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus",
    31: "train", 32: "motorcycle", 33: "bicycle"}
VOID = -1

_TRAIN_ID = np.full(256, VOID, np.int32)
_TRAIN_ID[list(CLASSES)] = np.arange(len(CLASSES))


def request() -> tasks.Request:
  """One prompt with all 19 classes, decoded to the nearest of their 19 colours."""
  asked = tasks.request("semantic", classes=list(CLASSES.values()))
  # The prompt names no background: row 0 of the palette is no answer.
  return dataclasses.replace(
      asked, palette=asked.palette[1:], names=asked.names[1:], background=None)


def _load(image: pathlib.Path, label: pathlib.Path):
  picture, ids = images.read(image), layout.raw_image(label)
  layout.same_size(picture, ids, image, label)
  return picture, _TRAIN_ID[ids.astype(np.uint8)]


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "cityscapes", "leftImg8bit/val")
  asked, end = request(), "_leftImg8bit.png"
  questions = []
  for image in sorted(root.glob(f"leftImg8bit/val/*/*{end}")):
    stem = image.name.removesuffix(end)
    label = root / "gtFine/val" / image.parent.name / f"{stem}_gtFine_labelIds.png"
    questions.append(layout.question(stem, asked, _load, image, label))
  return layout.split_of(questions)


CITYSCAPES = records.Benchmark(
    name="cityscapes",
    about="Cityscapes val, semantic segmentation of streets.",
    read=_read, split="val", sha256="", seed=0, crop="none", size=500,
    protocols=(protocols.semantic(
        tuple(CLASSES.values()),
        "One prompt names all 19 classes and their colours; nearest prompt colour. "
        "Void is not counted; one confusion matrix over the set, mean over classes "
        "(cityscapesScripts)."),),
    folder="cityscapes")
