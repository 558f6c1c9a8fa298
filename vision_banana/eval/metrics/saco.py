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
from vision_banana.eval.metrics import mask_iou, rle
from vision_banana.eval.metrics.accumulate import Numbers
from vision_banana.eval.metrics.referring import matthews

IOUS = np.linspace(0.5, 0.95, 10)
MIN_SCORE = 0.5  # A prediction counts from here on.
_AT = {"": slice(None), "@0.5": [0], "@0.75": [5]}
# Added to the official denominators: of instances, and of pairs.
_BOX, _IMAGE = 1e-4, 1e-6


class SaCo:
  """Counts pairs of one subset.

  Keys, as the official evaluator names them, shares (the papers print ×100):
    cgF1 = positive_micro_F1 · IL_MCC, positive_micro_F1 ("pmF1"),
    positive_micro_precision, positive_macro_F1, precision, recall, F1: means over the
    IoU thresholds .5, .55, … .95; and each with @0.5 and @0.75.
    IL_MCC, IL_F1, IL_precision, IL_recall, IL_FPR: of "is there any?" over pairs.
  With no positive pair answered positive_macro_F1 is NaN (there it is -1).
  """

  def __init__(self):
    self._counts = np.zeros((3, len(IOUS)), np.int64)  # hits, false, missed
    self._false_on_positives = np.zeros(len(IOUS), np.int64)
    self._f1 = np.zeros(len(IOUS))
    self._pairs = np.zeros((2, 2), int)  # there, said

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
    return self.add_many([(prediction, truth)])[0]

  def add_many(self, pairs: Sequence[tuple[Sequence[rle.Rle],
                                           Sequence[Sequence[rle.Rle]]]]
               ) -> list[Numbers]:
    """Counts many pairs, much faster than one by one: (prediction, truth) as in `add`.

    Every pair has the same number of annotators.
    """
    if not pairs:
      return []
    predicted = np.array([len(p) for p, _ in pairs])[:, None]
    true = np.array([[len(masks) for masks in t] for _, t in pairs])
    hits = _hits(pairs, true)
    counts = np.stack([hits, predicted[..., None] - hits, true[..., None] - hits])
    f1 = _f1(counts)  # [pairs, annotators, thresholds], 1 - 1e-4 at most.
    quality = np.where((predicted == 0) & (true == 0), 1.0, f1.mean(-1))
    rows, best = np.arange(len(pairs)), quality.argmax(1)
    f1, counts, there = f1[rows, best], counts[:, rows, best], true[rows, best] > 0
    self._counts += counts.sum(1)
    self._f1 += f1[there].sum(0)
    self._false_on_positives += counts[1, there].sum(0)
    said = predicted[:, 0] > 0
    np.add.at(self._pairs, (there.astype(int), said.astype(int)), 1)
    return [{"f1": float(v)} for v in quality[rows, best]]

  def result(self) -> Numbers:
    hits, false, missed = self._counts
    precision, recall = _share(hits, false), _share(hits, missed)
    positive = _share(hits, self._false_on_positives)
    (tn, fp), (fn, tp) = self._pairs.tolist()
    mcc = matthews(tp, tn, fp, fn, _IMAGE)
    micro = _harmonic(positive, recall, _BOX)
    macro = self._f1 / (tp or float("nan"))
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
    UserError: a damaged mask, one not of its picture's size, or a pair that another
      annotator does not have.
  """
  ids = exhaustive(annotators)
  masks = {i: [[] for _ in annotators] for i in ids}
  sizes = _sizes(annotators[0])
  for a, file in enumerate(annotators):
    known = {row["id"] for row in file["images"]}
    missing = [i for i in ids if i not in known]
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
  sizes, masks = _sizes(files[0]), read_truth(files)
  rows = [row for row in _load(predictions)
          if row["image_id"] in masks and row["score"] >= MIN_SCORE]
  parsed = rle.parse([row["segmentation"] for row in rows],
                     [sizes[row["image_id"]] for row in rows])
  predicted = collections.defaultdict(list)
  for row, mask in zip(rows, parsed, strict=True):
    predicted[row["image_id"]].append(mask)
  total = SaCo()
  total.add_many([(predicted[pair], truth) for pair, truth in masks.items()])
  return total.result()


def _sizes(file: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
  return {row["id"]: (row["height"], row["width"]) for row in file["images"]}


def _load(path: pathlib.Path | str) -> Any:
  try:
    return json.loads(pathlib.Path(path).read_bytes())
  except (OSError, ValueError) as error:
    raise UserError(f"cannot read {path}: {error}") from error


def _hits(pairs, true: np.ndarray) -> np.ndarray:
  """Hits at each threshold, [pairs, annotators, thresholds].

  Predictions are matched one to one with an annotator's masks so that the sum of IoU
  is largest; a match is a hit at the thresholds it reaches.
  """
  ious = mask_iou.ious([(p, [m for masks in t for m in masks]) for p, t in pairs])
  matches, upto = [np.zeros(0)], []
  found = 0
  edges = np.concatenate([np.zeros((len(true), 1), int), true.cumsum(1)], 1).tolist()
  for matrix, cuts in zip(ious, edges):
    for a, b in zip(cuts, cuts[1:]):
      part = matrix[:, a:b]
      if part.size:
        matches.append(part[optimize.linear_sum_assignment(part, maximize=True)])
        found += len(matches[-1])
      upto.append(found)
  # Hits up to each annotator's last match, less those up to the one before.
  hits = np.zeros((found + 1, len(IOUS)), np.int64)
  np.cumsum(np.concatenate(matches)[:, None] >= IOUS, axis=0, out=hits[1:])
  return np.diff(hits[upto], axis=0, prepend=0).reshape(*true.shape, len(IOUS))


def _share(hits: np.ndarray, others: np.ndarray) -> np.ndarray:
  return hits / (hits + others + _BOX)


def _harmonic(precision, recall, offset: float):
  return 2 * precision * recall / (precision + recall + offset)


def _f1(counts: np.ndarray) -> np.ndarray:
  hits, false, missed = counts
  return _harmonic(_share(hits, false), _share(hits, missed), _BOX)
