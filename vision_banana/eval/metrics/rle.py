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

# What the last digit of a number stands for: five bits, of which the first is the sign.
_SIGNED = np.array([*range(16), *range(-16, 0)], np.int64)


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
  inter = np.zeros(len(i))
  first, count = p.within(i, t.low[j], t.high[j])
  some = np.flatnonzero(count)
  upto = np.cumsum(count[some])
  for part in np.split(some, np.searchsorted(
      upto, np.arange(_RUNS, upto[-1] if len(upto) else 0, _RUNS))):
    if len(part):
      shift = t.origin[j[part]] - p.origin[i[part]]
      inter[part] = t.ones(p, first[part], count[part], shift)
  return inter, p.area[i], t.area[j]


class _Runs:
  """The runs of ones of many masks on one axis, mask k from `origin[k]` on."""

  def __init__(self, masks: Sequence[Rle], stride: int):
    count = np.array([len(m.bounds) // 2 for m in masks], np.int64)
    end = 2 * np.cumsum(count)
    start = end - 2 * count
    # Start, end, start, …: as the floats that `interp` wants, exact up to 2^53 pixels.
    self.x = np.concatenate([*(m.bounds[:len(m.bounds) // 2 * 2] for m in masks), []])
    # The ones before each of them; between two of them it is linear.
    upto = np.cumsum(self.x[1::2] - self.x[::2])
    self.y = np.zeros(len(self.x))
    self.y[1::2] = upto
    self.y[2::2] = upto[:-1]
    some = np.flatnonzero(count)
    self.low, self.high, self.area = np.zeros((3, len(masks)))
    first, last = start[some], end[some] - 1
    self.low[some], self.high[some] = self.x[first], self.x[last]
    self.area[some] = self.y[last] - self.y[first]
    self.origin = np.arange(len(masks)) * float(stride)
    self.x += np.repeat(self.origin, 2 * count)

  def within(self, which: np.ndarray, low: np.ndarray, high: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray]:
    """Of masks, which runs touch a stretch of pixels: the first, and how many."""
    origin = self.origin[which]
    first = np.searchsorted(self.x, origin + low, "right") // 2
    after = (np.searchsorted(self.x, origin + high, "left") + 1) // 2
    return first, np.maximum(after - first, 0)

  def ones(self, runs: "_Runs", first: np.ndarray, count: np.ndarray,
           shift: np.ndarray) -> np.ndarray:
    """Ones within `count` (> 0) runs from `first` on, moved by `shift`."""
    start = np.cumsum(count) - count
    at = np.arange(count.sum()) + np.repeat(first - start, count)
    x = runs.x.reshape(-1, 2).take(at, axis=0)
    x += np.repeat(shift, count)[:, None]
    y = np.interp(x.ravel(), self.x, self.y)
    return np.add.reduceat(y[1::2] - y[::2], start)


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
  # Numbers: digits of 5 bits, the lowest first; all but the last have 32 added.
  last = np.flatnonzero(digits < 32)
  if not lengths.all() or digits.max() > 63 or (digits[ends - 1] > 31).any():
    raise UserError("the compressed runs of a mask are empty, hold characters that do "
                    "not belong there, or end within a number; the file is damaged.")
  # The last digit carries the sign; the ones before it are shifted in from below.
  numbers = _SIGNED[digits[last]]
  size = np.diff(last, prepend=-1) - 1
  long, k = np.flatnonzero(size), 1
  while len(long):
    numbers[long] = (numbers[long] << 5) | (digits[last[long] - k] & 31)
    k += 1
    long = long[size[long] >= k]
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
  return [Rle(tuple(size), bounds[a:b]) for size, a, b in zip(sizes, cuts, cuts[1:])]


def _running(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
  """Running sums that begin anew at each of `edges` (the last one is the end)."""
  total = np.cumsum(values)
  if len(total):
    before = np.where(edges[:-1] > 0, total[edges[:-1] - 1], 0)
    total -= np.repeat(before, np.diff(edges))
  return total
