"""Decoded values made visible, with their legends."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import normals as normals_codec
from vision_banana.eval import images
from vision_banana.tasks.tasks import Request

RGB = tuple[int, int, int]
_UNKNOWN = np.full(3, 128, np.uint8)

_LIGHT = np.array([-0.45, 0.55, 0.7]) / np.linalg.norm([-0.45, 0.55, 0.7])


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A decoded value made visible.

  Attributes:
    rgb: uint8 [H,W,3].
    swatches: (colour, text) pairs that explain it.
    bar: (low, high) metres of the Viridis bar, or None.
    note: one line of text, or ''.
  """
  rgb: np.ndarray
  swatches: tuple[tuple[RGB, str], ...] = ()
  bar: tuple[float, float] | None = None
  note: str = ""


def viridis(fraction: np.ndarray) -> np.ndarray:
  """uint8 [..., 3] colours of fractions [...] in 0..1 of the Viridis map."""
  # The codec's map over its own squeeze of depth; this depth squeezes to `fraction`.
  squeezed = 10 * (np.maximum(1 - np.asarray(fraction, np.float64), 1e-9) ** -0.5 - 1)
  return images.to_uint8(np.asarray(
      depth_codec.encode(squeezed.astype(np.float32), colormap="viridis")))


def depth(value: np.ndarray, limits: tuple[float, float] | None = None) -> Decoded:
  """Metres [H,W] on a linear Viridis scale; black where there is no depth.

  Args:
    value: metres; NaN or inf where unknown.
    limits: ends of the scale; None = the 1st and 99th percentile.
  """
  known = np.isfinite(value) & (value < depth_codec.MAX_DEPTH)
  if limits is None:
    limits = (0.0, 1.0)
    if known.any():
      limits = tuple(float(v) for v in np.percentile(value[known], [1, 99]))
  low, high = limits
  span = max(high - low, 1e-6)
  rgb = viridis(np.clip((np.where(known, value, low) - low) / span, 0, 1))
  return Decoded(np.where(known[..., None], rgb, 0).astype(np.uint8), bar=(low, high))


def normals(value: np.ndarray) -> Decoded:
  """Unit normals [H,W,3] as white plaster lit from the upper left."""
  shade = 0.15 + 0.85 * np.clip(value @ _LIGHT, 0, 1)
  rgb = np.repeat(np.where(value.any(-1), shade, 0)[..., None], 3, axis=-1)
  return Decoded(images.to_uint8(rgb), note="lit from the upper left")


def labels(value: np.ndarray, picture: np.ndarray, palette: Sequence[RGB],
           names: Sequence[str]) -> Decoded:
  """A label map laid over the picture, with each name's share of the picture."""
  color = np.where(value[..., None] < 0, _UNKNOWN,
                   np.asarray(palette, np.uint8)[value])
  swatches = tuple(
      (tuple(int(c) for c in palette[i]), f"{name} {(value == i).mean():.0%}")
      for i, name in enumerate(names))
  return Decoded(_over(picture, color, 0.65), swatches)


def instances(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """Instance ids laid over the picture, each in a colour of its own."""
  ids = [i for i in np.unique(value) if i != 0]
  color = picture.copy()
  for n, i in enumerate(ids):
    color[value == i] = _hue(n)
  mixed = _over(picture, color, 0.65)
  mixed[value == 0] = _dim(picture)[value == 0]
  return Decoded(mixed, note=f"{len(ids)} instance{'' if len(ids) == 1 else 's'}")


def mask(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """A mask [H,W]: what it covers stays, the rest is dimmed."""
  rgb = np.where(value[..., None] > 0, picture, _dim(picture))
  share = float((value > 0).mean())
  return Decoded(rgb, note=f"covers {share:.1%}" if share else "nothing found")


def edges(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """Edges [H,W] in white over the dimmed picture."""
  return Decoded(np.where(value[..., None], 255, _dim(picture)).astype(np.uint8),
                 note=f"{float(np.mean(value)):.1%} of the pixels")


def _hue(n: int) -> np.ndarray:
  hue = (0.61 * n + 0.02) % 1 * 6
  ramp = [abs(hue - 3) - 1, 2 - abs(hue - 2), 2 - abs(hue - 4)]
  return images.to_uint8(0.15 + 0.8 * np.clip(ramp, 0, 1))


def _dim(picture: np.ndarray) -> np.ndarray:
  return (picture * 0.3).astype(np.uint8)


def _over(picture: np.ndarray, color: np.ndarray, opacity: float) -> np.ndarray:
  mixed = picture * (1 - opacity) + color.astype(np.float64) * opacity
  return mixed.round().astype(np.uint8)


def decoded(request: Request, value: np.ndarray, picture: np.ndarray | None,
            limits: tuple[float, float] | None = None) -> Decoded | None:
  """The picture of any decoded value; None when the painted one says it all.

  Args:
    request: what was asked.
    value: as `decoding.Prediction.value`, or a truth of the same layout.
    picture: uint8 [H,W,3], the input.
    limits: ends of the scale of a depth, metres; None = its own.
  """
  if request.codec == "image":
    return None
  if request.codec == "depth":
    return depth(value, limits)
  if request.codec == "normals":
    return normals(value)
  if request.palette is None:
    return instances(value, picture)
  if request.names == ("background", "edge"):
    return edges(value > 0, picture)
  if request.task == "referring":
    return mask(value, picture)
  return labels(value, picture, request.palette, request.names)


def plain_truth(request: Request, truth: Any, picture: np.ndarray | None
                ) -> np.ndarray | None:
  """A truth as an array of the picture's size, to look at; None when there is none.

  Of several annotators the first; a label of no colour becomes -1; a larger truth is
  made smaller (nearest pixel).
  """
  if truth is None:
    return None
  if not isinstance(truth, np.ndarray):
    masks = [mask.mask() for mask in truth.masks[0]]
    truth = np.zeros(truth.size, np.int32)
    for i, one in enumerate(masks):
      truth[one] = i + 1
  if request.palette is not None:
    truth = truth.astype(np.int32)
    truth = np.where((truth >= 0) & (truth < len(request.palette)), truth, -1)
  if picture is not None and truth.shape[:2] != picture.shape[:2]:
    rows, columns = ((np.arange(n) * m // n) for n, m in zip(
        picture.shape[:2], truth.shape[:2], strict=True))
    truth = truth[rows][:, columns]
  return truth


def painted_truth(request: Request, truth: np.ndarray) -> np.ndarray:
  """uint8 [H,W,3]: the truth in the colours that were asked for."""
  if request.codec == "image":
    return truth
  if request.codec == "depth":
    rgb = depth_codec.encode(truth, colormap=request.colormap)
  elif request.codec == "normals":
    rgb = normals_codec.encode(truth)
  elif request.palette is None:
    ids = np.unique(truth)
    palette = [np.array(request.background) if i == 0 else _hue(n)
               for n, i in enumerate(ids)]
    return np.asarray(palette, np.uint8)[np.searchsorted(ids, truth)]
  else:
    rows = truth.astype(np.int32)
    return np.where(rows[..., None] < 0, _UNKNOWN, request.palette[rows])
  return images.to_uint8(np.asarray(rgb))
