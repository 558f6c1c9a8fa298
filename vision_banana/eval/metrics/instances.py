"""F1 of instances in label maps, matched one to one."""

import numpy as np
from scipy import optimize

from vision_banana.eval.metrics.accumulate import Numbers, ratio


class Instances:
  """F1, precision and recall of instances over the set.

  Within a picture, instances are matched one to one so that the sum of IoU is
  largest; a match with IoU ≥ threshold is a true positive.
  """

  def __init__(self, threshold: float = 0.5):
    self._threshold = threshold
    self._counts = np.zeros(3, int)  # hits, predicted, true

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture: int [H,W] each, 0 = no instance."""
    p, t = ([labels == i for i in np.unique(labels) if i != 0]
            for labels in (prediction, truth))
    hits = 0
    if p and t:
      iou = np.array([[(a & b).sum() / (a | b).sum() for b in t] for a in p])
      rows, columns = optimize.linear_sum_assignment(-iou)
      hits = int((iou[rows, columns] >= self._threshold).sum())
    counts = np.array([hits, len(p), len(t)])
    self._counts += counts
    return _numbers(*counts) if p or t else {}

  def result(self) -> Numbers:
    return _numbers(*self._counts)


def _numbers(hits: int, predicted: int, true: int) -> Numbers:
  return {"f1": ratio(2 * hits, predicted + true), "precision": ratio(hits, predicted),
          "recall": ratio(hits, true)}
