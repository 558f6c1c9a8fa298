"""Masks of phrases: cIoU, gIoU, and "is it there?"."""

import numpy as np

from vision_banana.eval.metrics.accumulate import Numbers, mean, ratio

_PRECISION_AT = (0.5, 0.7, 0.9)
# Share of the picture a mask must cover to say "it is there".
MIN_AREA = 1e-3
IGNORE = 255  # Label of a pixel of ReasonSeg that does not count.


class Referring:
  """RefCOCO's rule, where every phrase fits something.

  Keys: ciou = ΣI/ΣU ("overall IoU"), giou = the mean IoU, and precision_50, _70, _90,
  the shares with IoU above .5, .7, .9.
  """

  def __init__(self):
    self._inter = self._union = 0
    self._ious: list[float] = []

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one phrase.

    Args:
      prediction: bool [H,W], at the truth's resolution.
      truth: bool [H,W], not empty.

    Returns:
      iou of this one.
    """
    inter = int(np.count_nonzero(prediction & truth))
    union = int(np.count_nonzero(prediction | truth))
    if not union:
      return {}
    self._inter, self._union = self._inter + inter, self._union + union
    self._ious.append(inter / union)
    return {"iou": self._ious[-1]}

  def result(self) -> Numbers:
    return {"ciou": ratio(self._inter, self._union), "giou": mean(self._ious),
            **{f"precision_{round(100 * t)}": mean([v > t for v in self._ious])
               for t in _PRECISION_AT}}


class Reasoning:
  """ReasonSeg's rule (LISA's `validate`): an empty union is a perfect answer.

  Keys: giou, the mean over pictures of I/(U + 1e-5), or 1 where U = 0; ciou =
  ΣI/(ΣU + 1e-10).
  """

  def __init__(self):
    self._inter = self._union = 0
    self._ious: list[float] = []

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture.

    Args:
      prediction: bool [H,W].
      truth: uint8 [H,W]: 1 inside, 0 outside, `IGNORE` does not count.

    Returns:
      iou of this one.
    """
    counts = truth != IGNORE
    p, t = prediction & counts, truth == 1
    inter, union = int(np.count_nonzero(p & t)), int(np.count_nonzero(p | t))
    self._inter, self._union = self._inter + inter, self._union + union
    self._ious.append(inter / (union + 1e-5) if union else 1.0)
    return {"iou": self._ious[-1]}

  def result(self) -> Numbers:
    ciou = self._inter / (self._union + 1e-10) if self._ious else float("nan")
    return {"giou": mean(self._ious), "ciou": ciou}


class Presence:
  """Masks of phrases, some of which fit nothing (an empty truth).

  Keys, over phrases that fit something: ciou and giou as in `Referring`, and
  false_negatives, the share answered without a mask. Over those that fit nothing:
  false_positives, the share answered with one. Over both: presence_accuracy and
  presence_mcc of "is it there?" (image-level Matthews correlation, 0 when one answer
  is never given).
  """

  def __init__(self, min_area: float = MIN_AREA):
    """
    Args:
      min_area: share of the picture a mask must cover to say "it is there".
    """
    self._min_area = min_area
    self._masks = Referring()
    self._answers = np.zeros((2, 2), int)  # there, said

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one phrase: bool [H,W] each; a truth without pixels fits nothing."""
    there, said = bool(truth.any()), bool(prediction.mean() >= self._min_area)
    self._answers[int(there), int(said)] += 1
    numbers = self._masks.add(prediction, truth) if there else {}
    return {**numbers, "presence_correct": float(there == said)}

  def result(self) -> Numbers:
    (tn, fp), (fn, tp) = self._answers.tolist()
    masks = self._masks.result()
    return {"ciou": masks["ciou"], "giou": masks["giou"],
            "false_positives": ratio(fp, fp + tn),
            "false_negatives": ratio(fn, fn + tp),
            "presence_accuracy": ratio(tp + tn, tp + tn + fp + fn),
            "presence_mcc": matthews(tp, tn, fp, fn)}


def matthews(tp: int, tn: int, fp: int, fn: int, offset: float = 0.0) -> float:
  """Matthews correlation of yes/no answers, 0 when one answer is never given.

  Args:
    tp: true positives; tn, fp, fn likewise.
    offset: added to the denominator (SA-Co adds 1e-6).
  """
  scale = np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) + offset
  return float(tp * tn - fp * fn) / float(scale) if scale else 0.0
