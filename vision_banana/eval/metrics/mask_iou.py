"""IoU of run-length encoded masks, all pairs at once and without making pictures.

Equal to pycocotools 2.0.11 (`iou`). The number of ones of a mask before any place is
piecewise linear in the place, so what it shares with a run of another mask is the
difference between that run's two ends.
"""

from collections.abc import Sequence

import numpy as np

from vision_banana.eval.metrics.rle import Rle

_RUNS = 2**16  # In one step: bounds the memory, and fits in a processor's cache.


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
