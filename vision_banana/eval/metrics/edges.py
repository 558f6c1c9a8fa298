"""F1 of edge pixels that may lie a little aside."""

import numpy as np
from scipy import ndimage

from vision_banana.eval.metrics.accumulate import Numbers, ratio


class Edges:
  """F1, precision and recall of edge pixels pooled over the set."""

  def __init__(self, tolerance: int = 1):
    """
    Args:
      tolerance: pixels (in both axes) within which two edge pixels agree.
    """
    self._near = np.ones((2 * tolerance + 1,) * 2, bool)
    self._counts = np.zeros(4, np.int64)  # found, predicted, covered, true

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture: bool [H,W] each."""
    counts = np.array([
        (prediction & ndimage.binary_dilation(truth, self._near)).sum(),
        prediction.sum(),
        (truth & ndimage.binary_dilation(prediction, self._near)).sum(),
        truth.sum()])
    self._counts += counts
    return _numbers(*counts)

  def result(self) -> Numbers:
    return _numbers(*self._counts)


def _numbers(found: int, predicted: int, covered: int, true: int) -> Numbers:
  precision, recall = ratio(found, predicted), ratio(covered, true)
  total = np.nan_to_num(precision) + np.nan_to_num(recall)
  f1 = 2 * precision * recall / total if total else 0.0
  return {"f1": float(f1), "precision": precision, "recall": recall}
