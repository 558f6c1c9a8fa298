"""Pictures of any kind and size in, and back to their size again.

A generator paints at one size. An input is shrunk or enlarged with its aspect
kept, centred, and padded by repeating its border pixels; the painted picture is
cropped and resampled back by `Letterbox.restore`.
"""

import dataclasses
import math
import os
import pathlib

import numpy as np
from PIL import Image

from vision_banana.data import pictures
from vision_banana.errors import UserError

ImageLike = str | os.PathLike[str] | Image.Image | np.ndarray


def to_uint8(rgb: np.ndarray) -> np.ndarray:
  """Float RGB in 0..1 (clipped) → uint8, rounded to nearest."""
  return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def read(image: ImageLike) -> np.ndarray:
  """Reads a picture as RGB.

  Args:
    image: a path, a Pillow image, or an array [H,W], [H,W,1], [H,W,3] or
      [H,W,4] that is uint8 or float in 0..1. Orientation tags are honoured;
      transparency is laid over white; of an animation the first frame is read.

  Returns:
    uint8 [H,W,3].

  Raises:
    UserError: for a file that is missing, truncated, no picture or over
      `pictures.MAX_PIXELS`, and for an array of another shape, type or range.
  """
  if isinstance(image, np.ndarray):
    return _from_array(image)
  if isinstance(image, Image.Image):
    return pictures.rgb(image, "the given image")
  return pictures.read_rgb(pathlib.Path(image), str(image))


def _from_array(array: np.ndarray) -> np.ndarray:
  shape = array.shape
  if array.ndim == 2:
    array = array[..., None]
  if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or not array.size:
    raise UserError(f"an image array of shape {shape}: give [height, width, 3].")
  if array.shape[0] * array.shape[1] > pictures.MAX_PIXELS:
    raise UserError(pictures.too_large("the given image"))
  if np.issubdtype(array.dtype, np.floating):
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
      raise UserError("a float image array must be finite and in 0..1; divide by "
                      "255 or clip it.")
    array = to_uint8(array)
  elif array.dtype != np.uint8:
    raise UserError(f"an image array of {array.dtype}: give uint8, or float in 0..1.")
  if array.shape[-1] == 1:
    return np.repeat(array, 3, axis=-1)
  if array.shape[-1] == 4:
    return pictures.rgb(Image.fromarray(array, "RGBA"), "the given image")
  return array


# FLUX.2 takes sides from 64 pixels in multiples of 16.
BUCKET = 64
LONGEST_ASPECT = 8


@dataclasses.dataclass(frozen=True)
class Letterbox:
  """Where an image of `source` size lies inside a canvas of `canvas` size.

  Attributes:
    source: (height, width) of the image.
    canvas: (height, width) the generator paints.
    largest_scale: the image is enlarged at most by this, the rest is border.
  """
  source: tuple[int, int]
  canvas: tuple[int, int]
  largest_scale: float = math.inf

  @property
  def box(self) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the image inside the canvas, pixels."""
    scale = min(self.largest_scale, *(
        c / s for c, s in zip(self.canvas, self.source, strict=True)))
    height, width = (
        min(c, max(1, math.floor(s * scale + 0.5)))
        for c, s in zip(self.canvas, self.source, strict=True))
    return ((self.canvas[0] - height) // 2, (self.canvas[1] - width) // 2,
            height, width)

  def place(self, image: np.ndarray) -> np.ndarray:
    """uint8 [H,W,3] of `source` size → uint8 of `canvas` size (antialiased)."""
    top, left, height, width = self.box
    if (height, width) != self.source:
      image = _resize(image, (height, width), Image.Resampling.BILINEAR)
    bottom, right = (self.canvas[0] - top - height, self.canvas[1] - left - width)
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="edge")

  def restore(self, rgb: np.ndarray, smooth: bool) -> np.ndarray:
    """Float RGB [h,w,3] of `canvas` size → float32 [H,W,3] of `source` size.

    Args:
      rgb: what was painted, 0..1.
      smooth: True resamples linearly (photographs, normals); False repeats the
        nearest pixel, for colours that are codes: a mixture of two codes, as of
        two depths on the colour curve, is a third that nobody painted.
    """
    top, left, height, width = self.box
    rgb = np.asarray(rgb, np.float32)[top:top + height, left:left + width]
    if (height, width) == self.source:
      return rgb
    method = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    channels = [
        np.asarray(Image.fromarray(rgb[..., i]).resize(self.source[::-1], method))
        for i in range(3)]
    return np.stack(channels, axis=-1)


def canvas_for(source: tuple[int, int], edge: int) -> tuple[int, int]:
  """Where a model that paints any size sees a picture whole, at its own scale.

  Sides are multiples of `BUCKET`, so that few sizes are ever compiled; the rest is
  border, which is taken off again.

  Args:
    source: (height, width) of the picture.
    edge: pictures of more than edge² pixels are made smaller.

  Returns:
    (height, width), neither more than `LONGEST_ASPECT` times the other.
  """
  up = lambda x: max(1, math.ceil(x / BUCKET)) * BUCKET
  sides = [max(a, b / LONGEST_ASPECT) for a, b in (source, source[::-1])]
  scale = min(1.0, edge / math.sqrt(sides[0] * sides[1]))
  # Rounding down where the picture is made smaller keeps it within edge².
  height, width = (up(s) if scale == 1 else max(1, int(s * scale / BUCKET)) * BUCKET
                   for s in sides)
  return (max(height, up(width / LONGEST_ASPECT)),
          max(width, up(height / LONGEST_ASPECT)))


def _resize(image: np.ndarray, size: tuple[int, int], method: Image.Resampling):
  return np.asarray(Image.fromarray(image).resize(size[::-1], method))
