"""Run-length encoded masks as COCO stores them, without pycocotools.

A mask is read down its columns: so many zeros, then so many ones, and so on. The
compressed form writes each count, less the one two before, in 5-bit digits as ASCII.
Equal to pycocotools 2.0.11 (common/maskApi.c), and faster in bulk: many masks are
decoded by one pass of numpy, and the IoU of all pairs needs no picture of any.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval.metrics import polygons

# Boundaries of runs looked at in one step of `intersections`: bounds its memory.
_CHUNK = 1_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Rle:
  """A mask as runs.

  Attributes:
    size: (height, width).
    bounds: int64 [n], pixels (down the columns) up to the end of each run; the runs
      are zeros, ones, zeros, …, and the last bound is height · width.
    covered: int64 [n], ones up to there.
  """
  size: tuple[int, int]
  bounds: np.ndarray
  covered: np.ndarray

  @property
  def area(self) -> int:
    """Pixels that are set."""
    return int(self.covered[-1])

  def mask(self) -> np.ndarray:
    """bool [H,W]."""
    runs = np.diff(self.bounds, prepend=0)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(self.size, order="F")

  def coco(self) -> dict[str, Any]:
    """As JSON: {"size": [H, W], "counts": str}, compressed."""
    return {"size": list(self.size), "counts": _compress(np.diff(self.bounds, prepend=0))}


def encode(mask: np.ndarray) -> Rle:
  """The runs of a mask, bool or 0/1 [H,W]."""
  flat = mask.ravel(order="F") != 0
  changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
  start = [0] if flat.size and flat[0] else []  # No zeros come first.
  return _rle(mask.shape, np.concatenate([start, changes, [flat.size]]).astype(np.int64))


def parse(segmentations: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> list[Rle]:
  """Reads masks in any form that COCO files hold.

  Args:
    segmentations: each {"size", "counts"} with counts compressed (str, bytes) or not
      (list of int), or a list of polygons [x0, y0, x1, y1, …] whose union is the mask.
    sizes: (height, width) of each one's picture.

  Raises:
    UserError: a mask is not of its picture's size, or its counts do not add up to it.
  """
  out: list[Rle | None] = [None] * len(segmentations)
  texts, at = [], []
  for i, (segmentation, size) in enumerate(zip(segmentations, sizes, strict=True)):
    if not isinstance(segmentation, dict):
      out[i] = encode(polygons.fill(segmentation, size))
      continue
    if tuple(segmentation["size"]) != tuple(size):
      raise UserError(f"a mask of {segmentation['size'][0]}x{segmentation['size'][1]} "
                      f"in a picture of {size[0]}x{size[1]} (height x width).")
    counts = segmentation["counts"]
    if isinstance(counts, (str, bytes)):
      texts.append(counts if isinstance(counts, bytes) else counts.encode("ascii"))
      at.append(i)
    else:
      out[i] = _rle(size, np.cumsum(np.asarray(counts, np.int64)))
  for i, (bounds, covered) in zip(at, _decompress(texts), strict=True):
    out[i] = Rle(tuple(sizes[i]), bounds, covered)
  for rle in out:
    if not len(rle.bounds) or rle.bounds[-1] != rle.size[0] * rle.size[1]:
      raise UserError(f"the runs of a mask do not fill its {rle.size[0]}x{rle.size[1]} "
                      "pixels (height x width); the file is damaged.")
  return out


def union(masks: Sequence[Rle]) -> Rle:
  """Pixels set in any of one or more masks of one size."""
  return encode(np.logical_or.reduce([m.mask() for m in masks]))


def intersections(predictions: Sequence[Rle], truths: Sequence[Rle]) -> np.ndarray:
  """Pixels that each pair shares: int64 [P,T].

  The number of ones up to any place is piecewise linear in the place, so a run of the
  prediction holds the difference between its two ends.

  Raises:
    ValueError: the masks are not all of one size.
  """
  if len({m.size for m in (*predictions, *truths)}) > 1:
    raise ValueError("masks of several sizes")
  out = np.zeros((len(predictions), len(truths)), np.int64)
  if not out.size:
    return out
  # Of each prediction its runs of ones: starts count down, ends count up.
  bounds = [p.bounds[:len(p.bounds) // 2 * 2] for p in predictions]
  lengths = [len(b) for b in bounds]
  places = np.concatenate(bounds)
  sign = np.ones(len(places))
  sign[::2] = -1
  pixels = float(predictions[0].bounds[-1])
  some = np.flatnonzero(lengths)  # `reduceat` cannot add up nothing.
  starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)[some]
  step = max(1, _CHUNK // max(len(places), 1))
  for first in range(0, len(truths) if len(some) else 0, step):
    group = truths[first:first + step]
    # One call for all truths: each lives on its own stretch of the axis.
    x = np.concatenate([t.bounds + i * (pixels + 1) for i, t in enumerate(group)])
    y = np.concatenate([t.covered for t in group]).astype(float)
    x, y = _with_starts(x, y, group, pixels)
    shift = (np.arange(len(group)) * (pixels + 1))[:, None]
    ones = np.interp((places + shift).ravel(), x, y).reshape(len(group), -1)
    out[some, first:first + step] = np.rint(
        np.add.reduceat(ones * sign, starts, axis=1)).T
  return out


def iou(predictions: Sequence[Rle], truths: Sequence[Rle],
        crowd: Sequence[bool] | None = None) -> np.ndarray:
  """Intersection over union of each pair, float64 [P,T]; 0 of two empty masks.

  Args:
    predictions: of one size.
    truths: of the same.
    crowd: for each truth, whether a prediction may match any part of it, so that the
      prediction's area takes the place of the union.
  """
  inter = intersections(predictions, truths)
  area = np.array([p.area for p in predictions], np.int64)[:, None]
  whole = area + np.array([t.area for t in truths], np.int64)[None] - inter
  if crowd is not None:
    whole = np.where(np.asarray(crowd, bool)[None], area, whole)
  return inter / np.where(inter == 0, 1, whole)


def _rle(size: tuple[int, int], bounds: np.ndarray) -> Rle:
  runs = np.diff(bounds, prepend=0)
  runs[::2] = 0
  return Rle(tuple(size), bounds, np.cumsum(runs))


def _with_starts(x, y, group, pixels):
  """Adds the place 0, up to which there are no ones, in front of each truth."""
  at = np.cumsum([0, *(len(t.bounds) for t in group[:-1])])
  origins = np.arange(len(group)) * (pixels + 1)
  return np.insert(x, at, origins), np.insert(y, at, 0.0)


def _compress(counts: np.ndarray) -> str:
  left = counts.astype(np.int64)
  left[3:] -= counts[1:-2]
  digits, used = [], []
  more = np.ones(len(left), bool)
  while more.any():
    digit = left & 31
    left >>= 5
    used.append(more)
    more = more & np.where(digit & 16, left != -1, left != 0)
    digits.append(digit + 48 + 32 * more)
  return np.stack(digits, 1)[np.stack(used, 1)].astype(np.uint8).tobytes().decode("ascii")


def _decompress(texts: Sequence[bytes]) -> list[tuple[np.ndarray, np.ndarray]]:
  """(bounds, covered) of each compressed mask, all masks in one go."""
  if not texts:
    return []
  raw = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - 48
  ends = np.cumsum([len(t) for t in texts])
  if raw.size and (raw.min() < 0 or raw.max() > 63 or (raw[ends - 1] & 32).any()):
    raise UserError("the compressed runs of a mask hold characters that do not belong "
                    "there, or end in the middle of a number; the file is damaged.")
  # Numbers: digits of 5 bits, the lowest first; bit 16 of the last one is the sign.
  last = np.flatnonzero((raw & 32) == 0)
  first = np.concatenate([[0], last[:-1] + 1])
  place = 5 * (np.arange(raw.size) - np.repeat(first, last - first + 1))
  numbers = np.add.reduceat((raw & 31) << place, first)
  numbers -= np.where(raw[last] & 16, np.int64(1) << (place[last] + 5), 0)
  # Masks: number i is the count i less the count i - 2, from the fourth on.
  mask_ends = np.searchsorted(last, ends - 1) + 1
  mask_starts = np.concatenate([[0], mask_ends[:-1]])
  index = np.arange(len(numbers)) - np.repeat(mask_starts, mask_ends - mask_starts)
  even = index % 2 == 0
  counts = np.where(
      even, _running(np.where(even & (index > 0), numbers, 0), index),
      _running(np.where(even, 0, numbers), index))
  counts[mask_starts] = numbers[mask_starts]
  bounds = _running(counts, index)
  covered = _running(np.where(even, 0, counts), index)
  return [(bounds[a:b], covered[a:b])
          for a, b in zip(mask_starts.tolist(), mask_ends.tolist(), strict=True)]


def _running(values: np.ndarray, index: np.ndarray) -> np.ndarray:
  """Running sums that begin anew where index is 0."""
  total = np.cumsum(values)
  start = np.flatnonzero(index == 0)
  lengths = np.diff(np.append(start, len(values)))
  return total - np.repeat(total[start] - values[start], lengths)
