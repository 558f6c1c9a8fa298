"""IoU of run-length encoded masks, all pairs at once and without making pictures.

Equal to pycocotools 2.0.11 (`iou`). The number of ones of a mask before any place is
piecewise linear in the place, so what it shares with a run of another mask is the
difference between that run's two ends.
"""

from collections.abc import Sequence

import numpy as np

from vision_banana.eval.metrics.rle import Rle

# In one step: bounds the memory, and fits in a processor's cache.
_PICTURES, _RUNS = 32, 2**16


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
  out = []
  for step in range(0, len(pictures), _PICTURES):
    some = pictures[step:step + _PICTURES]
    inter, area, other = _overlaps(some)
    flat, start = inter / np.where(inter == 0, 1, area + other - inter), 0
    for p, t in some:
      end = start + len(p) * len(t)
      out.append(flat[start:end].reshape(len(p), len(t)))
      start = end
  return out


def _overlaps(pictures: Sequence[tuple[Sequence[Rle], Sequence[Rle]]]
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Of all pairs in all pictures, row by row: shared pixels, and each one's area."""
  sizes = [{m.size for side in masks for m in side} for masks in pictures]
  if any(len(s) > 1 for s in sizes):
    raise ValueError("masks of several sizes")
  stride = 1 + max((h * w for s in sizes for h, w in s), default=0)
  p = _Runs([m for side, _ in pictures for m in side], stride)
  t = _Runs([m for _, side in pictures for m in side], stride)
  before = p.before()
  # Which prediction and which truth each pair is.
  rows, columns = (np.array([len(masks[k]) for masks in pictures], int)
                   for k in (0, 1))
  each = np.repeat(columns, rows)
  i = np.repeat(np.arange(len(each)), each)
  j = np.arange(len(i)) - np.repeat(
      np.cumsum(each) - each - np.repeat(np.cumsum(columns) - columns, rows), each)
  inter = np.zeros(len(i))
  first, count = t.within(j, p.low[i], p.high[i])
  some = np.flatnonzero(count)
  upto = np.cumsum(count[some])
  for part in np.split(some, np.searchsorted(
      upto, np.arange(_RUNS, upto[-1] if len(upto) else 0, _RUNS))):
    if len(part):
      shift = p.origin[i[part]] - t.origin[j[part]]
      ends = t.moved(first[part], count[part], shift)
      ones = np.interp(ends.ravel(), p.x, before)
      start = np.cumsum(count[part]) - count[part]
      inter[part] = np.add.reduceat(ones[1::2] - ones[::2], start)
  return inter, p.area[i], t.area[j]


class _Runs:
  """The runs of ones of many masks on one axis, mask k from `origin[k]` on."""

  def __init__(self, masks: Sequence[Rle], stride: int):
    bounds = [m.bounds for m in masks]
    count = np.array([len(b) // 2 for b in bounds], np.int64)
    self.origin = np.arange(len(masks)) * float(stride)
    # Start, end, start, …: as the floats that `interp` wants, exact up to 2^53 pixels.
    # The last run of zeros has no part in it.
    self.x = np.concatenate([*(b[:len(b) // 2 * 2] for b in bounds), []])
    some, = np.nonzero(count)
    end = 2 * np.cumsum(count)[some]
    start = end - 2 * count[some]
    self.low, self.high, self.area = np.zeros((3, len(masks)))
    self.low[some], self.high[some] = self.x[start], self.x[end - 1]
    if len(some):
      self.area[some] = np.add.reduceat(self.x[1::2] - self.x[::2], start // 2)
    self.x += np.repeat(self.origin, 2 * count)

  def before(self) -> np.ndarray:
    """Ones before each start and end, of all masks; linear between two of them."""
    ones = np.zeros(len(self.x))
    np.cumsum(self.x[1::2] - self.x[::2], out=ones[1::2])
    ones[2::2] = ones[1:-1:2]
    return ones

  def within(self, which: np.ndarray, low: np.ndarray, high: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray]:
    """Of masks, which runs touch a stretch of pixels: the first, and how many."""
    origin = self.origin[which]
    first = np.searchsorted(self.x, origin + low, "right") // 2
    after = (np.searchsorted(self.x, origin + high, "left") + 1) // 2
    return first, np.maximum(after - first, 0)

  def moved(self, first: np.ndarray, count: np.ndarray, shift: np.ndarray
            ) -> np.ndarray:
    """The starts and ends [N,2] of `count` runs from `first` on, each moved."""
    start = np.cumsum(count) - count
    at = np.arange(count.sum()) + np.repeat(first - start, count)
    ends = self.x.reshape(-1, 2).take(at, axis=0)
    shift = np.repeat(shift, count)
    ends[:, 0] += shift  # Column by column: broadcasting is four times slower.
    ends[:, 1] += shift
    return ends
