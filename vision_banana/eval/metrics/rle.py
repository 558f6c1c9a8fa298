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

# Runs, or masks to read, in one step: what fits in a processor's cache is quickest.
_RUNS, _MASKS = 2**16, 2**7


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Rle:
  """A mask as runs.

  Attributes:
    size: (height, width).
    bounds: int64 [n], pixels (down the columns) up to the end of each run; the runs
      are zeros, ones, zeros, …, and the last bound is height · width.
  """
  size: tuple[int, int]
  bounds: np.ndarray

  @property
  def starts(self) -> np.ndarray:
    """Of the runs of ones: the first pixel of each."""
    return self.bounds[:len(self.bounds) // 2 * 2:2]

  @property
  def ends(self) -> np.ndarray:
    """Of the runs of ones: the pixel after each."""
    return self.bounds[1::2]

  @property
  def area(self) -> int:
    """Pixels that are set."""
    return int((self.ends - self.starts).sum())

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
  bounds = np.concatenate([start, changes, [flat.size]]).astype(np.int64)
  return Rle(tuple(mask.shape), bounds)


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
      edges = np.array([0, len(counts)])
      out[i], = _rles(np.asarray(counts, np.int64), edges, [size])
  for step in range(0, len(texts), _MASKS):
    some = at[step:step + _MASKS]
    read = _rles(*_decompress(texts[step:step + _MASKS]), [sizes[i] for i in some])
    for i, rle in zip(some, read, strict=True):
      out[i] = rle
  return out


def union(masks: Sequence[Rle]) -> Rle:
  """Pixels set in any of one or more masks of one size."""
  return encode(np.logical_or.reduce([m.mask() for m in masks]))


def iou(predictions: Sequence[Rle], truths: Sequence[Rle],
        crowd: Sequence[bool] | None = None) -> np.ndarray:
  """Intersection over union of each pair, float64 [P,T]; 0 of two empty masks.

  Args:
    predictions: of one size.
    truths: of the same.
    crowd: for each truth, whether a prediction may match any part of it, so that the
      prediction's area takes the place of the union.

  Raises:
    ValueError: the masks are not all of one size.
  """
  inter, area, other = _overlaps([(predictions, truths)])
  whole = (area + other - inter).reshape(len(predictions), len(truths))
  if crowd is not None:
    whole = np.where(np.asarray(crowd, bool)[None], area.reshape(whole.shape), whole)
  inter = inter.reshape(whole.shape)
  return inter / np.where(inter == 0, 1, whole)


def ious(pictures: Sequence[tuple[Sequence[Rle], Sequence[Rle]]]) -> list[np.ndarray]:
  """`iou` of the (predictions, truths) of many pictures, much faster than one by one.

  Returns:
    Of each picture float64 [P,T].

  Raises:
    ValueError: the masks of a picture are not all of one size.
  """
  inter, area, other = _overlaps(pictures)
  flat = inter / np.where(inter == 0, 1, area + other - inter)
  shapes = [(len(p), len(t)) for p, t in pictures]
  parts = np.split(flat, np.cumsum([p * t for p, t in shapes]))
  return [part.reshape(shape) for part, shape in zip(parts, shapes)]


def _overlaps(pictures: Sequence[tuple[Sequence[Rle], Sequence[Rle]]]
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Of all pairs in all pictures, row by row: shared pixels, and each one's area."""
  for masks in pictures:
    if len({m.size for side in masks for m in side}) > 1:
      raise ValueError("masks of several sizes")
  stride = 1 + max((m.bounds[-1] for masks in pictures for side in masks for m in side),
                   default=0)
  p = _Runs([m for side, _ in pictures for m in side], stride)
  t = _Runs([m for _, side in pictures for m in side], stride)
  # Which prediction and which truth each pair is.
  rows, columns = (np.array([len(masks[k]) for masks in pictures], int)
                   for k in (0, 1))
  each = np.repeat(columns, rows)
  i = np.repeat(np.arange(len(each)), each)
  j = np.arange(len(i)) - np.repeat(
      np.cumsum(each) - each - np.repeat(np.cumsum(columns) - columns, rows), each)
  inter = np.zeros(len(i), np.int64)
  first, count = p.within(i, t.low[j], t.high[j])
  some = np.flatnonzero(count)
  upto, line = np.cumsum(count[some]), t.line()
  for part in np.split(some, np.searchsorted(
      upto, np.arange(_RUNS, upto[-1] if len(upto) else 0, _RUNS))):
    if len(part):
      shift = t.origin[j[part]] - p.origin[i[part]]
      inter[part] = _ones(line, p, first[part], count[part], shift)
  return inter, p.area[i], t.area[j]


class _Runs:
  """The runs of ones of many masks on one axis, mask k from k · stride on."""

  def __init__(self, masks: Sequence[Rle], stride: int):
    count = np.array([len(m.bounds) // 2 for m in masks], np.int64)
    end = np.cumsum(count)
    # As the floats that `interp` wants: exact up to 2^53 pixels.
    self.starts = np.concatenate([*(m.starts for m in masks), []])
    self.ends = np.concatenate([*(m.ends for m in masks), []])
    # The ones up to the end of each run, over all masks.
    self._upto = np.concatenate([[0.0], np.cumsum(self.ends - self.starts)])
    self.area = (self._upto[end] - self._upto[end - count]).astype(np.int64)
    some = np.flatnonzero(count)
    self.low, self.high = np.zeros((2, len(masks)))
    self.low[some] = self.starts[(end - count)[some]]
    self.high[some] = self.ends[end[some] - 1]
    self.origin = np.arange(len(masks)) * float(stride)
    shift = np.repeat(self.origin, count)
    self.starts += shift
    self.ends += shift

  def within(self, which: np.ndarray, low: np.ndarray, high: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray]:
    """Of masks, which runs touch a stretch of pixels: the first, and how many."""
    origin = self.origin[which]
    first = np.searchsorted(self.ends, origin + low, "right")
    after = np.searchsorted(self.starts, origin + high, "left")
    return first, np.maximum(after - first, 0)

  def line(self) -> tuple[np.ndarray, np.ndarray]:
    """(x, y): y ones lie before x, and linearly many between two of the points."""
    x = np.stack([self.starts, self.ends], 1).ravel()
    return x, np.stack([self._upto[:-1], self._upto[1:]], 1).ravel()


def _ones(line: tuple[np.ndarray, np.ndarray], runs: _Runs, first: np.ndarray,
          count: np.ndarray, shift: np.ndarray) -> np.ndarray:
  """Ones on a line within `count` (> 0) runs from `first` on, moved by `shift`."""
  start = np.cumsum(count) - count
  at = np.arange(count.sum()) + np.repeat(first - start, count)
  shift = np.repeat(shift, count)
  ones = np.interp(runs.ends[at] + shift, *line)
  ones -= np.interp(runs.starts[at] + shift, *line)
  return np.add.reduceat(ones, start).astype(np.int64)


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


def _decompress(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
  """Counts of compressed masks, end to end, and where each mask's begin and end."""
  digits = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)
  lengths = np.array([len(t) for t in texts])
  ends = np.cumsum(lengths)
  # Numbers: digits of 5 bits, the lowest first; bit 32 of all but the last is set.
  last = np.flatnonzero(digits < 32)
  if not lengths.all() or digits.max() > 63 or (digits[ends - 1] > 31).any():
    raise UserError("the compressed runs of a mask are empty, hold characters that do "
                    "not belong there, or end within a number; the file is damaged.")
  first = np.empty_like(last)
  first[0], first[1:] = 0, last[:-1] + 1
  size = last - first
  numbers = (digits[first] & 31).astype(np.int64)
  for k in range(1, size.max() + 1):
    some = np.flatnonzero(size >= k)
    numbers[some] += (digits[first[some] + k] & 31).astype(np.int64) << 5 * k
  negative = np.flatnonzero(digits[last] & 16)
  numbers[negative] -= 1 << 5 * (size[negative] + 1)
  # Masks: number i is the count i less the count i - 2, from the fourth on.
  edges = np.concatenate([[0], np.searchsorted(last, ends)])
  starts = edges[:-1]
  zeros = numbers[starts]
  numbers[starts] = 0
  for parity in (0, 1):
    numbers[parity::2] = _running(numbers[parity::2], (edges + 1 - parity) // 2)
  numbers[starts] = zeros
  return numbers, edges


def _rles(counts: np.ndarray, edges: np.ndarray, sizes: Sequence[tuple[int, int]]
          ) -> list[Rle]:
  """Masks of the counts that begin and end at `edges`."""
  if counts.min(initial=0) < 0:
    raise UserError("a mask has a run of negative length; the file is damaged.")
  bounds = _running(counts, edges)
  ends = np.concatenate([[0], bounds])[edges[1:]]
  wrong = np.flatnonzero(ends != [height * width for height, width in sizes])
  if len(wrong):
    height, width = sizes[wrong[0]]
    raise UserError(f"the runs of a mask do not fill its {height}x{width} pixels "
                    "(height x width); the file is damaged.")
  cuts = edges.tolist()
  return [Rle((size[0], size[1]), bounds[a:b])
          for size, a, b in zip(sizes, cuts, cuts[1:])]


def _running(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
  """Running sums that begin anew at each of `edges` (the last one is the end)."""
  total = np.cumsum(values)
  before = np.concatenate([[0], total])[edges[:-1]]
  return total - np.repeat(before, np.diff(edges))
