"""Metrics on whole sets, in numpy, by the rules of the official evaluators.

Every function takes a list of predictions and a list of truths, one per image,
and returns a dict of floats. A metric with nothing to measure is NaN.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, optimize

Arrays = Sequence[np.ndarray]


def _mean(values: Sequence[float]) -> float:
  return float(np.mean(values)) if len(values) else float("nan")


def _ratio(part: float, whole: float) -> float:
  return float(part / whole) if whole else float("nan")


def depth(predictions: Arrays, truths: Arrays, cap: float) -> dict[str, float]:
  """δ1, AbsRel and RMSE: per image, then the mean over images; no alignment.

  Args:
    predictions: metres [H,W]; clipped to [0.001, cap], since white decodes to
      infinity.
    truths: metres [H,W]; a pixel counts if it is finite and in [0.001, cap].
    cap: the far limit in metres.

  Returns:
    delta1 (share with max(p/t, t/p) < 1.25, strict), abs_rel, rmse (metres).
  """
  rows = []
  for prediction, truth in zip(predictions, truths, strict=True):
    valid = np.isfinite(truth) & (truth >= 1e-3) & (truth <= cap)
    if not valid.any():
      continue
    t = truth[valid].astype(np.float64)
    p = np.clip(prediction[valid].astype(np.float64), 1e-3, cap)
    rows.append((np.mean(np.maximum(p / t, t / p) < 1.25),
                 np.mean(np.abs(p - t) / t), np.sqrt(np.mean((p - t) ** 2))))
  names = ("delta1", "abs_rel", "rmse")
  return {n: _mean([r[i] for r in rows]) for i, n in enumerate(names)}


def normals(predictions: Arrays, truths: Arrays) -> dict[str, float]:
  """Angular errors in degrees, all valid pixels of the set pooled (DSINE's rule).

  Args:
    predictions: [H,W,3], need not be unit length.
    truths: [H,W,3]; zero vectors are invalid.

  Returns:
    mean, median (degrees), within_11 (11.25°), within_22 (22.5°), within_30
    (shares, strict) and image_mean, the mean over images of each image's mean.
  """
  errors = []
  for prediction, truth in zip(predictions, truths, strict=True):
    p, t = prediction.astype(np.float64), truth.astype(np.float64)
    size = np.linalg.norm(p, axis=-1) * np.linalg.norm(t, axis=-1)
    valid = np.linalg.norm(t, axis=-1) > 0
    cosine = (p * t).sum(-1)[valid] / np.maximum(size[valid], 1e-12)
    errors.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
  pooled = np.concatenate(errors) if errors else np.zeros(0)
  if not pooled.size:
    return dict.fromkeys(("mean", "median", "within_11", "within_22", "within_30",
                          "image_mean"), float("nan"))
  return {
      "mean": float(pooled.mean()),
      "median": float(np.median(pooled)),
      "within_11": float((pooled < 11.25).mean()),
      "within_22": float((pooled < 22.5).mean()),
      "within_30": float((pooled < 30).mean()),
      "image_mean": _mean([e.mean() for e in errors if e.size]),
  }


def semantic(predictions: Arrays, truths: Arrays, names: Sequence[str]
             ) -> dict[str, float]:
  """mIoU and accuracy from one confusion matrix over the set (Cityscapes' rule).

  Args:
    predictions: int [H,W] indices into `names`; another number is a miss.
    truths: int [H,W]; a negative label is void and not counted.
    names: the classes.

  Returns:
    miou (mean over the classes that occur in truth or prediction), accuracy and
    iou_<name> for each class.
  """
  k = len(names)
  confusion = np.zeros((k, k + 1), np.int64)  # last column: predicted nothing
  for prediction, truth in zip(predictions, truths, strict=True):
    valid = truth >= 0
    p = prediction[valid]
    p = np.where((p >= 0) & (p < k), p, k)
    confusion += np.bincount(
        truth[valid] * (k + 1) + p, minlength=k * (k + 1)).reshape(k, k + 1)
  hits = np.diag(confusion)
  union = confusion.sum(1) + confusion[:, :k].sum(0) - hits
  iou = [_ratio(h, u) for h, u in zip(hits, union, strict=True)]
  present = [v for v in iou if not np.isnan(v)]
  return {"miou": _mean(present), "accuracy": _ratio(hits.sum(), confusion.sum()),
          **{f"iou_{n}": v for n, v in zip(names, iou, strict=True)}}


def instances(predictions: Arrays, truths: Arrays, threshold: float = 0.5
              ) -> dict[str, float]:
  """F1, precision and recall of instances over the set.

  Within an image, instances are matched one to one so that the sum of IoU is
  largest; a match with IoU ≥ threshold is a true positive.

  Args:
    predictions: int [H,W], 0 = no instance.
    truths: int [H,W], 0 = no instance.
    threshold: IoU.
  """
  hits = predicted = true = 0
  for prediction, truth in zip(predictions, truths, strict=True):
    p = [prediction == i for i in np.unique(prediction) if i != 0]
    t = [truth == i for i in np.unique(truth) if i != 0]
    predicted, true = predicted + len(p), true + len(t)
    if p and t:
      iou = np.array([[(a & b).sum() / (a | b).sum() for b in t] for a in p])
      rows, columns = optimize.linear_sum_assignment(-iou)
      hits += int((iou[rows, columns] >= threshold).sum())
  return {"f1": _ratio(2 * hits, predicted + true),
          "precision": _ratio(hits, predicted), "recall": _ratio(hits, true)}


def referring(predictions: Arrays, truths: Arrays, min_area: float = 1e-3
              ) -> dict[str, float]:
  """Masks of phrases, some of which fit nothing (an empty truth).

  Args:
    predictions: bool [H,W].
    truths: bool [H,W]; all False = the phrase fits nothing.
    min_area: share of the image a prediction must cover to say "it is there".

  Returns:
    Over phrases that fit something: ciou = ΣI/ΣU and giou = mean IoU. Over those
    that fit nothing: false_positives, the share answered with a mask. Over both:
    presence_accuracy and presence_mcc of "is it there?" (image-level Matthews
    correlation, 0 when one answer is never given).
  """
  inter, union, ious, said, there = [], [], [], [], []
  for prediction, truth in zip(predictions, truths, strict=True):
    said.append(prediction.mean() >= min_area)
    there.append(truth.any())
    if truth.any():
      inter.append(int((prediction & truth).sum()))
      union.append(int((prediction | truth).sum()))
      ious.append(inter[-1] / union[-1])
  s, t = np.array(said, bool), np.array(there, bool)
  tp, tn, fp, fn = (s & t).sum(), (~s & ~t).sum(), (s & ~t).sum(), (~s & t).sum()
  scale = np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
  return {
      "ciou": _ratio(sum(inter), sum(union)),
      "giou": _mean(ious),
      "false_positives": _ratio(fp, fp + tn),
      "presence_accuracy": _ratio(tp + tn, len(s)),
      "presence_mcc": float(tp * tn - fp * fn) / scale if scale else 0.0,
  }


def edges(predictions: Arrays, truths: Arrays, tolerance: int = 1
          ) -> dict[str, float]:
  """F1, precision and recall of edge pixels pooled over the set.

  Args:
    predictions: bool [H,W].
    truths: bool [H,W].
    tolerance: pixels (in both axes) within which two edge pixels agree.
  """
  near = np.ones((2 * tolerance + 1,) * 2, bool)
  found = predicted = covered = true = 0
  for prediction, truth in zip(predictions, truths, strict=True):
    found += int((prediction & ndimage.binary_dilation(truth, near)).sum())
    covered += int((truth & ndimage.binary_dilation(prediction, near)).sum())
    predicted, true = predicted + int(prediction.sum()), true + int(truth.sum())
  precision, recall = _ratio(found, predicted), _ratio(covered, true)
  total = np.nan_to_num(precision) + np.nan_to_num(recall)
  f1 = 2 * precision * recall / total if total else 0.0
  return {"f1": float(f1), "precision": precision, "recall": recall}


def psnr(prediction: np.ndarray, truth: np.ndarray,
         where: np.ndarray | None = None) -> float:
  """Peak signal-to-noise ratio in dB of two uint8 [H,W,3] pictures.

  Args:
    prediction: uint8.
    truth: uint8.
    where: bool [H,W], the pixels to compare; None = all; none set = NaN.

  Returns:
    dB, at most 100 (equal pictures).
  """
  square = (prediction.astype(np.float64) / 255 - truth.astype(np.float64) / 255) ** 2
  square = square if where is None else square[where]
  if not square.size:
    return float("nan")
  return float(-10 * np.log10(max(square.mean(), 1e-10)))


def editing(predictions: Arrays, truths: Arrays, inputs: Arrays,
            changed: float = 0.1) -> dict[str, float]:
  """PSNR against the exact target, mean over images, and inside what changes.

  Args:
    predictions: uint8 [H,W,3].
    truths: uint8 [H,W,3], the scene rendered again after the edit.
    inputs: uint8 [H,W,3], the picture to edit.
    changed: a pixel changes if a channel differs by more than this (0..1).

  Returns:
    psnr, psnr_changed (over changed pixels only; pictures without any are left
    out) and gain, psnr minus that of handing back the input (dB).
  """
  everywhere, inside, gain = [], [], []
  for prediction, truth, given in zip(predictions, truths, inputs, strict=True):
    where = np.abs(truth.astype(int) - given).max(-1) > changed * 255
    everywhere.append(psnr(prediction, truth))
    inside.append(psnr(prediction, truth, where))
    gain.append(everywhere[-1] - psnr(given, truth))
  return {"psnr": _mean(everywhere), "gain": _mean(gain),
          "psnr_changed": _mean([v for v in inside if not np.isnan(v)])}


def color_histogram(predictions: Arrays, truths: Arrays, bins: int = 8
                    ) -> dict[str, float]:
  """Distance of the colours of two sets of pictures; says nothing of content.

  Args:
    predictions: uint8 [H,W,3].
    truths: uint8 [H,W,3].
    bins: cells per channel.

  Returns:
    histogram_distance: total variation, 0..1, of the pooled RGB histograms.
  """
  def histogram(pictures: Arrays) -> np.ndarray:
    counts = np.zeros(bins ** 3, np.int64)
    for picture in pictures:
      cell = picture.reshape(-1, 3).astype(np.int64) * bins // 256
      counts += np.bincount(cell @ [bins * bins, bins, 1], minlength=bins ** 3)
    return counts / max(counts.sum(), 1)
  if not len(truths):
    return {"histogram_distance": float("nan")}
  difference = np.abs(histogram(predictions) - histogram(truths)).sum() / 2
  return {"histogram_distance": float(difference)}
