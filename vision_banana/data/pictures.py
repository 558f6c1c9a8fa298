"""Picture files, and bytes of them, to arrays."""

import io
import pathlib
import warnings

import numpy as np
from PIL import Image

from vision_banana.errors import UserError

# What decoding takes grows with the picture, to about 120 bytes a pixel.
MAX_PIXELS = 64_000_000
_NUMPY = b"\x93NUMPY"
_ORIENTATION = 0x0112
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
          4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
          6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}


def read_rgb(source: pathlib.Path | bytes, name: str) -> np.ndarray:
  """A picture as uint8 [H, W, 3]; see `rgb`.

  Args:
    source: a file, or what is in one.
    name: what messages call it.

  Raises:
    UserError: missing, truncated, no picture, or over `MAX_PIXELS`.
  """
  with _opened(source, name) as image:
    return _decoded(lambda: rgb(image, name), name)


def read_array(source: pathlib.Path | bytes, name: str) -> np.ndarray:
  """Numbers as they are stored: a .npy, or the samples of a picture.

  Args and errors as for `read_rgb`. The samples of a palette picture are its indices.

  Returns:
    [H, W] or [H, W, C], any dtype of numbers.
  """
  head = source[:6] if isinstance(source, bytes) else b""
  if head != _NUMPY and not (
      isinstance(source, pathlib.Path) and source.suffix == ".npy"):
    with _opened(source, name) as image:
      return _decoded(lambda: np.array(image), name)
  try:
    array = np.load(io.BytesIO(source) if isinstance(source, bytes) else source,
                    allow_pickle=False)
    if not isinstance(array, np.ndarray):
      raise ValueError("it holds several arrays")
  except FileNotFoundError as e:
    raise UserError(f"{name}: no such file; check the path.") from e
  except (OSError, ValueError, EOFError) as e:
    raise UserError(f"{name}: not a readable .npy file ({_reason(e)}); save it "
                    "again with numpy.save.") from e
  if array.dtype.kind not in "biuf":
    raise UserError(f"{name}: an array of {array.dtype}; save numbers.")
  if array.ndim < 2 or array.shape[0] * array.shape[1] > MAX_PIXELS:
    raise UserError(f"{name}: an array of shape {array.shape}; give [height, width] "
                    f"of at most {MAX_PIXELS / 1e6:.0f} megapixels.")
  return array


def size(source: pathlib.Path | bytes, name: str) -> tuple[int, int]:
  """(height, width) as it is shown, from the head of the file alone."""
  with _opened(source, name) as image:
    turned = _decoded(lambda: orientation(image), name) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def rgb(image: Image.Image, name: str) -> np.ndarray:
  """A Pillow image as uint8 [H, W, 3].

  Orientation tags are honoured; transparency is laid over white.

  Raises:
    UserError: empty, over `MAX_PIXELS`, or pixels of no known range.
  """
  if image.width * image.height > MAX_PIXELS:
    raise UserError(too_large(name))
  if image.width == 0 or image.height == 0:
    raise UserError(f"{name}: the image is empty; give one with pixels.")
  turn = _TURNS.get(orientation(image))
  if turn is not None:  # Pillow's own function fails on odd tags that say other things.
    image = image.transpose(turn)
  if image.mode.startswith("I;16"):
    grey = (np.asarray(image) / 257).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
  if image.mode in ("I", "F"):
    raise UserError(f"{name}: {image.mode}-mode pixels have no known range; save "
                    "it as 8-bit RGB.")
  if image.has_transparency_data:
    rgba = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
  return np.array(image.convert("RGB"))


def orientation(image: Image.Image) -> int:
  """The EXIF tag, 1 where there is none: 1 is as stored, 5 to 8 turn by 90 degrees."""
  return image.getexif().get(_ORIENTATION, 1)


def too_large(name: str) -> str:
  """What is said of a picture over `MAX_PIXELS`."""
  return f"{name}: more than {MAX_PIXELS / 1e6:.0f} megapixels; shrink it first."


def _opened(source: pathlib.Path | bytes, name: str) -> Image.Image:
  def opened():
    with warnings.catch_warnings():
      # Above its own limits Pillow warns or raises; here there is one limit.
      warnings.simplefilter("ignore", Image.DecompressionBombWarning)
      return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)

  image = _decoded(opened, name)
  if image.width * image.height > MAX_PIXELS:
    image.close()
    raise UserError(too_large(name))
  return image


def _decoded(read, name: str):
  try:
    return read()
  except FileNotFoundError as e:
    raise UserError(f"{name}: no such file; check the path.") from e
  except Image.DecompressionBombError as e:
    raise UserError(too_large(name)) from e
  except (OSError, SyntaxError, ValueError) as e:  # What Pillow raises on bad bytes.
    raise UserError(f"{name}: not a readable image ({_reason(e)}); give a whole PNG "
                    "or JPEG file.") from e


def _reason(error: Exception) -> str:
  return " ".join(str(error).split()) or type(error).__name__
