"""A sample: a prompt and its pictures, as values that the device paints.

Colours are made inside the training step from values, labels and palettes, by the
same function for the target and for the references, so any modality can be a
reference and one compiled step serves every task.
"""

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import target as target_codec
from vision_banana.errors import UserError
from vision_banana.tasks.scenes import Scene

Sample = dict[str, Any]

TASKS = ("depth", "normals", "semantic", "instance", "referring", "edges",
         "modality", "text_to_image", "editing")
# Rows of every palette; row 0 is the background.
MAX_LABELS = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
  """One picture before it is painted.

  Attributes:
    codec: one of `codecs.target.CODECS`.
    values: float32 [H, W, 3] RGB in 0..1 or unit normals, float32 [H, W] metres,
      or None for a segmentation.
    labels: int32 [H, W], rows of `palette`; for a segmentation only.
    palette: RGB 0..255 of each label, at most `MAX_LABELS`, background first.
    colormap: one of `codecs.depth.COLORMAPS`.
    valid: bool [H, W], where the values are known; None for everywhere.
  """
  codec: str
  values: np.ndarray | None = None
  labels: np.ndarray | None = None
  palette: Sequence[tuple[int, int, int]] = ()
  colormap: str = "cube"
  valid: np.ndarray | None = None


def photo(image: np.ndarray) -> Picture:
  """An image, uint8 [H, W, 3]."""
  return Picture("image", image.astype(np.float32) / np.float32(255))


def depth(scene: Scene, colormap: str) -> Picture:
  """The scene's depth; the sky (inf) is valid, NaN is not."""
  return Picture("depth", scene["depth"], colormap=colormap,
                 valid=~np.isnan(scene["depth"]))


def normals(scene: Scene) -> Picture:
  """The scene's normals; a zero vector is not valid."""
  return Picture("normals", scene["normals"], valid=scene["normals"].any(axis=-1))


def segmentation(labels: np.ndarray, palette: Sequence[tuple[int, int, int]],
                 valid: np.ndarray | None = None) -> Picture:
  """Labels painted by a palette whose row 0 is the background."""
  return Picture("segmentation", labels=labels, palette=palette, valid=valid)


def pack(task: str, prompt: str, target: Picture, references: Sequence[Picture],
         num_references: int) -> Sample:
  """Stacks the pictures into arrays of fixed shape.

  Args:
    task: one of `TASKS`.
    prompt: what the generator is asked.
    target: the picture to make.
    references: the pictures it is given.
    num_references: R, places for references; the unused are absent.

  Returns:
    prompt str; values float32 [1+R, H, W, 3]; labels int32 [1+R, H, W]; palette
    float32 [1+R, MAX_LABELS, 3] in 0..1, its unused rows repeat the background;
    codec, colormap int32 [1+R]; present bool [1+R]; valid bool [H, W], of the
    target; task int32.

  Raises:
    UserError: when the references do not fit.
  """
  if len(references) > num_references:
    raise UserError(f"task '{task}' gives {len(references)} reference(s) but the "
                    f"mixture has num_references={num_references}; raise it.")
  pictures = [target, *references]
  shape = (target.labels if target.values is None else target.values).shape[:2]
  count = 1 + num_references
  values = np.zeros((count, *shape, 3), np.float32)
  labels = np.zeros((count, *shape), np.int32)
  palette = np.zeros((count, MAX_LABELS, 3), np.float32)
  codec = np.zeros(count, np.int32)
  colormap = np.zeros(count, np.int32)
  for i, picture in enumerate(pictures):
    codec[i] = target_codec.CODECS.index(picture.codec)
    colormap[i] = depth_codec.COLORMAPS.index(picture.colormap)
    if picture.codec == "depth":
      values[i, ..., 0] = picture.values
    elif picture.codec == "segmentation":
      labels[i] = picture.labels
      palette[i] = np.float32(picture.palette[0]) / 255
      palette[i, :len(picture.palette)] = np.float32(picture.palette) / 255
    else:
      values[i] = picture.values
  return {
      "prompt": prompt,
      "values": values,
      "labels": labels,
      "palette": palette,
      "codec": codec,
      "colormap": colormap,
      "present": np.arange(count) < len(pictures),
      "valid": np.ones(shape, bool) if target.valid is None else target.valid,
      "task": np.int32(TASKS.index(task)),
  }


def check_choice(kind: str, value: str, known: Sequence[str]) -> None:
  """Raises a UserError that suggests the nearest, unless `value` is in `known`."""
  if value not in known:
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = (f"did you mean '{close[0]}'?" if close
            else f"use one of {', '.join(known)}.")
    raise UserError(f"unknown {kind} '{value}'; {hint}")
