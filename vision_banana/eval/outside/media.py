"""Pictures as they are sent to an outside model."""

import hashlib
import io
import os
import pathlib

from PIL import Image

from vision_banana.errors import UserError
from vision_banana.eval import files, images
from vision_banana.eval.outside.endpoint import Picture

_SENT_AS_IS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_ORIENTATION = 0x0112  # EXIF tag; 1 is upright


def encode(image: images.ImageLike, max_edge: int) -> Picture:
  """A picture's bytes.

  A file of a common format that is upright and small enough is sent as it is; a
  larger picture is shrunk to `max_edge` and sent as JPEG (quality 95); any other as
  PNG.

  Args:
    image: anything `images.read` reads.
    max_edge: pixels of the longer side at most.

  Raises:
    UserError: it cannot be read.
  """
  pixels = images.read(image)  # the whole file is read: a truncated one fails here
  shown = Image.fromarray(pixels)
  if max(shown.size) > max_edge:
    scale = max_edge / max(shown.size)
    size = tuple(max(1, round(s * scale)) for s in shown.size)
    buffer = io.BytesIO()
    shown.resize(size, Image.Resampling.LANCZOS).save(
        buffer, "JPEG", quality=95, subsampling=0)
    return Picture(buffer.getvalue(), "image/jpeg")
  if isinstance(image, (str, os.PathLike)):
    with Image.open(image) as opened:
      mime = _SENT_AS_IS.get(opened.format)
      upright = opened.getexif().get(_ORIENTATION, 1) == 1
    if mime and upright:
      return Picture(pathlib.Path(image).read_bytes(), mime)
  return Picture(files.png(pixels), "image/png")


def digest(image: images.ImageLike) -> str:
  """64 hex digits: of a file's bytes, or of an array's pixels and shape.

  Raises:
    UserError: it cannot be read.
  """
  if isinstance(image, (str, os.PathLike)):
    try:
      return hashlib.sha256(pathlib.Path(image).read_bytes()).hexdigest()
    except OSError as e:
      raise UserError(f"{image}: {e.strerror or e}; check the path.") from e
  pixels = images.read(image)
  return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
