"""Semantic segmentation: one confusion matrix over the set (Cityscapes' rule)."""

from collections.abc import Sequence

import numpy as np

from vision_banana.eval.metrics.accumulate import Numbers, mean, ratio


class Semantic:
  """mIoU, equal to `evalPixelLevelSemanticLabeling.py` of cityscapesScripts.

  Keys: miou (mean over the classes that occur in truth or prediction), accuracy and
  iou_<name> for each class. As there, a prediction of no class on a pixel that counts
  is a miss of the true class and nobody's false alarm.
  """

  def __init__(self, names: Sequence[str], ids: Sequence[int] | None = None):
    """
    Args:
      names: the K classes.
      ids: the label of each class in the maps, >= 0; None = 0..K-1. Every other label
        in the truth is void and not counted.
    """
    self.names = list(names)
    self._ids = list(range(len(self.names)) if ids is None else ids)
    if len(self._ids) != len(self.names):
      raise ValueError(f"{len(self.names)} names but {len(self._ids)} ids")
    self._other = max(self._ids) + 1  # every label beyond the ids becomes this one
    self._counts = np.zeros((self._other + 1,) * 2, np.int64)  # true, predicted

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture.

    Args:
      prediction: integer [H,W], labels.
      truth: integer [H,W], labels.

    Returns:
      This picture's miou and accuracy.

    Raises:
      ValueError: the shapes differ, or a map does not hold integers.
    """
    if prediction.shape != truth.shape:
      raise ValueError(f"prediction {prediction.shape}, truth {truth.shape}")
    side = self._other + 1
    cell = self._codes(truth).astype(np.int64)
    cell *= side
    cell += self._codes(prediction)
    counts = np.bincount(cell.ravel(), minlength=side * side).reshape(side, side)
    self._counts += counts
    numbers = self._numbers(counts)
    if np.isnan(numbers["accuracy"]):
      return {}
    return {k: numbers[k] for k in ("miou", "accuracy")}

  def result(self) -> Numbers:
    return self._numbers(self._counts)

  def _codes(self, labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind not in "iu":
      raise ValueError(f"labels must be integers, not {labels.dtype}")
    if labels.dtype != np.uint8:  # Which has nothing negative, and is quicker as it is.
      labels = np.where(labels < 0, self._other, labels.astype(np.int64))
    return np.minimum(labels, labels.dtype.type(min(
        self._other, np.iinfo(labels.dtype).max)))

  def _numbers(self, counts: np.ndarray) -> Numbers:
    rows = counts[self._ids]
    hits = rows[np.arange(len(self._ids)), self._ids]
    union = rows.sum(1) + rows[:, self._ids].sum(0) - hits
    iou = [ratio(h, u) for h, u in zip(hits, union, strict=True)]
    return {"miou": mean([v for v in iou if not np.isnan(v)]),
            "accuracy": ratio(hits.sum(), rows.sum()),
            **{f"iou_{n}": v for n, v in zip(self.names, iou, strict=True)}}
