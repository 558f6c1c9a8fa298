"""SA-Co: cgF1, IL_MCC and pmF1, with up to three annotators.

Equal to `sam3/eval/cgf1_eval.py` (sam3 0.1.4). A pair is a picture and a noun phrase
that may fit nothing in it.
"""

import collections
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from vision_banana.errors import UserError
from vision_banana.eval.metrics import rle
from vision_banana.eval.metrics.accumulate import Numbers
from vision_banana.eval.metrics.referring import matthews

IOUS = np.linspace(0.5, 0.95, 10)
MIN_SCORE = 0.5  # A prediction counts from here on.
_AT = {"": slice(None), "@0.5": [0], "@0.75": [5]}
_BOX = 1e-4  # The official denominators: never exactly zero …
_IMAGE = 1e-6  # … neither those over pairs.


class SaCo:
  """Counts pairs of one subset.

  Keys, as the official evaluator names them, shares (the papers print ×100):
    cgF1 = positive_micro_F1 · IL_MCC, positive_micro_F1 ("pmF1"),
    positive_micro_precision, positive_macro_F1, precision, recall, F1: means over the
    IoU thresholds .5, .55, … .95; and each with @0.5 and @0.75.
    IL_MCC, IL_F1, IL_precision, IL_recall, IL_FPR: of "is there any?" over pairs.
  """

  def __init__(self):
    self._counts = np.zeros((3, len(IOUS)), np.int64)  # hits, false, missed
    self._false_on_positives = np.zeros(len(IOUS), np.int64)
    self._f1 = np.zeros(len(IOUS))
    self._answered_positives = 0
    self._pairs: collections.Counter[str] = collections.Counter()

  def add(self, prediction: Sequence[rle.Rle], truth: Sequence[Sequence[rle.Rle]]
          ) -> Numbers:
    """Counts one pair.

    The annotator who agrees best is the truth: the one with the largest mean F1 over
    thresholds (the first of equals), or one who, as the prediction, sees nothing.

    Args:
      prediction: masks with score ≥ MIN_SCORE.
      truth: the masks of each annotator.

    Returns:
      f1, the mean over thresholds; 1 where neither sees anything.
    """
    best = None
    matched = _matched(prediction, truth)
    for hits, masks in zip(matched, truth, strict=True):
      if not prediction and not masks:
        best = None
        break
      counts = np.stack([hits, len(prediction) - hits, len(masks) - hits])
      f1 = _f1(counts)
      if best is None or f1.mean() > best[1].mean():
        best = counts, f1, bool(masks)
    if best is None:
      self._pairs["tn"] += 1
      return {"f1": 1.0}
    counts, f1, there = best
    self._counts += counts
    if there:
      self._f1 += f1
      self._false_on_positives += counts[1]
      self._answered_positives += bool(prediction)
    self._pairs[("t" if there == bool(prediction) else "f") + (
        "p" if prediction else "n")] += 1
    return {"f1": float(f1.mean())}

  def result(self) -> Numbers:
    hits, false, missed = self._counts
    precision, recall = _share(hits, false), _share(hits, missed)
    positive = _share(hits, self._false_on_positives)
    tp, tn, fp, fn = (self._pairs[k] for k in ("tp", "tn", "fp", "fn"))
    mcc = matthews(tp, tn, fp, fn, _IMAGE)
    micro = _harmonic(positive, recall, _BOX)
    macro = self._f1 / (self._answered_positives or float("nan"))
    rows = {"cgF1": micro * mcc, "precision": precision, "recall": recall,
            "F1": _harmonic(precision, recall, _BOX), "positive_macro_F1": macro,
            "positive_micro_F1": micro, "positive_micro_precision": positive}
    il_precision, il_recall = tp / (tp + fp + _IMAGE), tp / (tp + fn + _IMAGE)
    return {
        **{name + at: float(np.mean(row[where]))
           for at, where in _AT.items() for name, row in rows.items()},
        "IL_precision": il_precision, "IL_recall": il_recall,
        "IL_F1": _harmonic(il_precision, il_recall, _IMAGE),
        "IL_FPR": fp / (fp + tn + _IMAGE), "IL_MCC": mcc}


def average(subsets: Sequence[Numbers]) -> Numbers:
  """The unweighted mean over subsets, as SA-Co/Gold is reported."""
  return {k: float(np.mean([s[k] for s in subsets])) for k in subsets[0]}


def exhaustive(annotators: Sequence[Mapping[str, Any]]) -> list[int]:
  """Ids of the pairs every annotator has annotated exhaustively: only they count.

  Args:
    annotators: the parsed files; the order of the first is kept.
  """
  left_out = {row["id"] for file in annotators for row in file["images"]
              if not row["is_instance_exhaustive"]}
  return [row["id"] for row in annotators[0]["images"] if row["id"] not in left_out]


def read_truth(annotators: Sequence[Mapping[str, Any]]
               ) -> dict[int, list[list[rle.Rle]]]:
  """Masks by pair and annotator, of the pairs that count.

  Args:
    annotators: the parsed files of each annotator.

  Raises:
    UserError: a damaged mask, or a pair that another annotator does not have.
  """
  ids = exhaustive(annotators)
  masks = {i: [[] for _ in annotators] for i in ids}
  for a, file in enumerate(annotators):
    sizes = {row["id"]: (row["height"], row["width"]) for row in file["images"]}
    missing = [i for i in ids if i not in sizes]
    if missing:
      raise UserError(f"annotator {a + 1} has no pair {missing[0]} (and "
                      f"{len(missing) - 1} more): the files are not of one subset.")
    rows = [row for row in file["annotations"]
            if row["image_id"] in masks and not row.get("iscrowd")]
    parsed = rle.parse([row["segmentation"] for row in rows],
                       [sizes[row["image_id"]] for row in rows])
    for row, mask in zip(rows, parsed, strict=True):
      masks[row["image_id"]][a].append(mask)
  return masks


def score_files(truths: Sequence[pathlib.Path | str], predictions: pathlib.Path | str
                ) -> Numbers:
  """Scores a COCO file of predictions, as the official evaluator does.

  Args:
    truths: the subset's file of each annotator.
    predictions: JSON list of {image_id, segmentation, score}.

  Raises:
    UserError: a file cannot be read or is damaged.
  """
  files = [_load(path) for path in truths]
  sizes = {row["id"]: (row["height"], row["width"]) for row in files[0]["images"]}
  masks = read_truth(files)
  rows = [row for row in _load(predictions)
          if row["image_id"] in masks and row["score"] >= MIN_SCORE]
  parsed = rle.parse([row["segmentation"] for row in rows],
                     [sizes[row["image_id"]] for row in rows])
  predicted = collections.defaultdict(list)
  for row, mask in zip(rows, parsed, strict=True):
    predicted[row["image_id"]].append(mask)
  total = SaCo()
  for pair, truth in masks.items():
    total.add(predicted[pair], truth)
  return total.result()


def _load(path: pathlib.Path | str) -> Any:
  try:
    return json.loads(pathlib.Path(path).read_bytes())
  except (OSError, ValueError) as error:
    raise UserError(f"cannot read {path}: {error}") from error


def _matched(prediction: Sequence[rle.Rle], truth: Sequence[Sequence[rle.Rle]]
             ) -> list[np.ndarray]:
  """Hits at each threshold, by annotator, of the matching with the largest sum."""
  ious = rle.iou(prediction, [m for masks in truth for m in masks])
  out, first = [], 0
  for masks in truth:
    some = ious[:, first:first + len(masks)]
    first += len(masks)
    matches = some[optimize.linear_sum_assignment(-some)]
    out.append((matches[:, None] >= IOUS).sum(0))
  return out


def _share(hits: np.ndarray, others: np.ndarray) -> np.ndarray:
  return hits / (hits + others + _BOX)


def _harmonic(precision, recall, offset: float):
  return 2 * precision * recall / (precision + recall + offset)


def _f1(counts: np.ndarray) -> np.ndarray:
  hits, false, missed = counts
  return _harmonic(_share(hits, false), _share(hits, missed), _BOX)
