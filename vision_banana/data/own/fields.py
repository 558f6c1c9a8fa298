"""Raw values of a record to the fields of a scene, each checked.

Every problem is one line that names the record, the field and the fix.
"""

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana.data import pictures
from vision_banana.errors import UserError

# Field → the columns it is taken from, if no other is configured.
COLUMNS = {
    "image": ("image", "file_name", "img", "jpg", "original_image", "input_image",
              "source_image"),
    "caption": ("caption", "text", "prompt"),
    "instruction": ("instruction", "edit", "edit_prompt", "edit_instruction"),
    "edited": ("edited", "edited_image", "edited_file_name", "target_image",
               "output_image"),
    "depth": ("depth", "depth_file_name"),
    "normals": ("normals", "normals_file_name"),
    "instances": ("instances", "instances_file_name"),
    "categories": ("categories",),
    "phrases": ("phrases",),
}
# A unit vector that was stored in 8 bits, or averaged with a neighbour's.
_NORM = (0.5, 1.1)
_AXES = re.compile(r"([+-])([xyz])([+-])([xyz])([+-])([xyz])")


class Field:
  """One field of one record: says what is wrong with it."""

  def __init__(self, name: str, where: str, root: pathlib.Path):
    self.name = f"{where}, field '{name}'"
    self._root = root

  def wrong(self, problem: str, fix: str) -> UserError:
    return UserError(f"{self.name}: {problem}; {fix}.")

  def file(self, value: Any) -> tuple[pathlib.Path | bytes, str]:
    """Where a picture is, and what to call it.

    Args:
      value: a path, bytes, or {'bytes', 'path'} as Hugging Face stores it.
    """
    if isinstance(value, Mapping) and (value.get("bytes") or value.get("path")):
      value = value.get("bytes") or value["path"]
    if isinstance(value, bytes) and value:
      return value, self.name
    if isinstance(value, str) and value:
      path = self._root / value
      return path, f"{self.name}, {path}"
    raise self.wrong(f"holds {_shown(value)}", "give a path, relative to "
                     f"{self._root}, or the bytes of a file")


def image(value: Any, field: Field) -> np.ndarray:
  """uint8 [H, W, 3], as it is shown."""
  return pictures.read_rgb(*field.file(value))


def depth(value: Any, field: Field, shape: tuple[int, int],
          scale: float) -> np.ndarray:
  """float32 [H, W], metres; NaN where unknown, inf for the sky.

  Whole numbers are multiples of `scale`, 0 for unknown; other numbers are metres
  (times `scale` if it is given), 0 or NaN for unknown.
  """
  found = _dense(value, field, shape, 1)[..., 0]
  if found.dtype.kind != "f" and not scale:
    raise field.wrong(f"whole numbers ({found.dtype}) of no known unit",
                      "set depth_scale of the source, in metres: 0.001 for "
                      "millimetres")
  metres = found.astype(np.float32) * np.float32(scale or 1)
  if (metres < 0).any():
    raise field.wrong(f"{int((metres < 0).sum())} negative depths",
                      "write 0 or NaN where it is unknown")
  return np.where(metres == 0, np.float32(np.nan), metres)


def normals(value: Any, field: Field, shape: tuple[int, int],
            axes: str) -> np.ndarray:
  """float32 [H, W, 3], unit vectors +x right, +y up, +z to the camera; 0 = unknown.

  Floats are vectors; whole numbers are pictures of them, (n + 1) / 2 of their
  range, with black for unknown.
  """
  found = _dense(value, field, shape, 3)
  if found.dtype.kind == "b":
    raise field.wrong("numbers of one bit", "give unit vectors, or pictures of them")
  vectors = found.astype(np.float32)
  if found.dtype.kind != "f":
    top = np.iinfo(found.dtype).max
    vectors = vectors / np.float32(top) * 2 - 1
    vectors[~found.any(-1)] = 0
  vectors = turn(vectors, axes)
  norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
  known = np.isfinite(norm) & (norm >= _NORM[0])
  long = int((norm > _NORM[1]).sum())
  if long:
    raise field.wrong(f"{long} vectors longer than 1",
                      "give unit vectors, and 0 where unknown")
  with np.errstate(invalid="ignore", divide="ignore"):
    return np.where(known, vectors / norm, np.float32(0))


def turn(vectors: np.ndarray, axes: str) -> np.ndarray:
  """Vectors of other axes in ours.

  Args:
    vectors: float [..., 3].
    axes: which of their axes is our +x, +y and +z: '+x-y-z' for x right, y down, z
      into the picture.

  Raises:
    ValueError: not such a text.
  """
  match = _AXES.fullmatch(axes)
  if not match or {*match.groups()[1::2]} != {*"xyz"}:
    raise ValueError(f"normals_axes '{axes}': write which axes are right, up and "
                     "towards the camera, such as '+x+y+z' or '+x-y-z'.")
  signs, names = match.groups()[::2], match.groups()[1::2]
  order = ["xyz".index(n) for n in names]
  return vectors[..., order] * np.array([float(s + "1") for s in signs], np.float32)


def instances(value: Any, field: Field, shape: tuple[int, int],
              categories: Sequence[str]) -> np.ndarray:
  """int32 [H, W]; 0 = nothing, i = the i-th of `categories`."""
  found = _dense(value, field, shape, 1)[..., 0]
  if found.dtype.kind == "f":
    raise field.wrong(f"labels of {found.dtype}", "give whole numbers")
  low, high = int(found.min()), int(found.max())
  if low < 0 or high > len(categories):
    raise field.wrong(
        f"label {low if low < 0 else high}, where there are {len(categories)} "
        "categories", "labels are 1 for the first of them, 0 where there is nothing")
  return found.astype(np.int32)


def categories(value: Any, field: Field) -> list[str]:
  """A name for each label from 1 on."""
  if not isinstance(value, list | tuple) or not all(
      isinstance(name, str) and name.strip() for name in value):
    raise field.wrong(f"holds {_shown(value)}", "give a list of names")
  return list(value)


def phrases(value: Any, field: Field, count: int) -> list[tuple[str, tuple[int, ...]]]:
  """[(text, labels)]: which of the `count` labels each phrase fits, () for none."""
  if not isinstance(value, list | tuple):
    raise field.wrong(f"holds {_shown(value)}", "give [{\"text\": …, \"ids\": […]}]")
  made = []
  for phrase in value:
    if isinstance(phrase, Mapping):
      phrase = (phrase.get("text"), phrase.get("ids"))
    if not (isinstance(phrase, list | tuple) and len(phrase) == 2
            and isinstance(phrase[0], str) and phrase[0]
            and isinstance(phrase[1], list | tuple)):
      raise field.wrong(f"holds {_shown(phrase)}", "give {\"text\": …, \"ids\": […]}")
    text, ids = phrase
    for i in ids:
      if not isinstance(i, int) or isinstance(i, bool) or not 1 <= i <= count:
        raise field.wrong(f"'{text[:40]}' names label {_shown(i)}, where there are "
                          f"{count} categories", "labels are 1 for the first of them")
    made.append((text, tuple(ids)))
  return made


def text(value: Any, field: Field) -> str:
  """Words, without the space around them."""
  if not isinstance(value, str):
    raise field.wrong(f"holds {_shown(value)}", "give text")
  return value.strip()


def _dense(value: Any, field: Field, shape: tuple[int, int],
           channels: int) -> np.ndarray:
  """[H, W, channels] of any dtype of numbers, of the size of the image."""
  found = pictures.read_array(*field.file(value))
  if found.ndim == 2:
    found = found[..., None]
  if channels == 3 and found.ndim == 3 and found.shape[-1] == 4:
    found = found[..., :3]  # Normals with an alpha channel.
  if found.ndim != 3 or found.shape[-1] != channels:
    kind = "one number" if channels == 1 else f"{channels} numbers"
    raise field.wrong(f"shape {_by(found.shape)}", f"give {kind} a pixel")
  if found.shape[:2] != shape:
    raise field.wrong(
        f"{_by(found.shape[:2])} pixels, where the image is shown at {_by(shape)}",
        "resize it to that without interpolation, turned as the image is")
  return found


def _by(shape: Sequence[int]) -> str:
  return "x".join(map(str, shape))


def _shown(value: Any) -> str:
  shown = repr(value)
  return shown if len(shown) <= 60 else f"{shown[:57]}…"


DENSE: dict[str, Callable[..., np.ndarray]] = {
    "depth": depth, "normals": normals, "instances": instances}
