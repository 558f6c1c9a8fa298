"""SA-Co/Gold: noun phrases in pictures, all their instances, three annotators."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images, records
from vision_banana.eval.datasets import layout
from vision_banana.eval.metrics import rle, saco
from vision_banana.tasks import tasks

SUBSETS = ("metaclip", "sa1b", "crowded", "fg_food", "fg_sports_equipment",
           "attributes", "wiki_common")
ANNOTATORS = ("a", "b", "c")
_KEYS = ("cgF1", "IL_MCC", "positive_micro_F1")


@dataclasses.dataclass(frozen=True, eq=False)
class Annotated:
  """What three people marked for one noun phrase in one picture.

  Attributes:
    subset: one of `SUBSETS`.
    pair: id of the (picture, phrase) pair.
    size: (height, width).
    masks: of each annotator, of all instances; none says that it is not there.
  """
  subset: str
  pair: int
  size: tuple[int, int]
  masks: Sequence[Sequence[rle.Rle]]


class Gold:
  """The subsets' own numbers and their unweighted mean, as the paper prints them."""

  def __init__(self):
    self._subsets: dict[str, saco.SaCo] = {}

  def add(self, prediction: Sequence[rle.Rle], truth: Annotated) -> dict[str, float]:
    """Counts one pair; its number is the mean F1 over thresholds."""
    subset = self._subsets.setdefault(truth.subset, saco.SaCo())
    return subset.add(prediction, truth.masks)

  def result(self) -> dict[str, float]:
    """`cgF1`, `IL_MCC`, `positive_micro_F1`, and each with ` NAME` for a subset.

    NaN for a subset without a pair, and then for the means: those of fewer than seven
    are other numbers.
    """
    numbers = {name: s.result() for name, s in self._subsets.items()}
    mean = (saco.average(list(numbers.values()))
            if len(numbers) == len(SUBSETS) else {})
    made = {key: mean.get(key, float("nan")) for key in _KEYS}
    for subset in SUBSETS:
      own = numbers.get(subset, {})
      made |= {f"{key} {subset}": own.get(key, float("nan")) for key in _KEYS}
    return made


def predicted(answer: records.Answer) -> list[rle.Rle]:
  """The instances of a prediction that count: score ≥ 0.5."""
  scores = answer.scores
  if scores is None:
    scores = np.ones(int(answer.value.max(initial=0)))
  return [rle.encode(answer.value == i + 1) for i, score in enumerate(scores)
          if score >= saco.MIN_SCORE]


def _load(folders: list[pathlib.Path], file: str, truth: Annotated):
  path = layout.first([f / file for f in folders], "picture")
  picture = images.read(path)
  if picture.shape[:2] != truth.size:
    raise UserError(f"{path}: is {picture.shape[0]}x{picture.shape[1]}, its annotation "
                    f"says {truth.size[0]}x{truth.size[1]} (height x width); restore "
                    "the picture.")
  return picture, truth


def _subset(root: pathlib.Path, subset: str) -> tuple[list[Any], int]:
  """Questions, and how many pairs are left out because someone was not exhaustive."""
  paths = [layout.first(
      [root / folder / f"gold_{subset}_merged_{a}_release_test.json"
       for folder in ("gt-annotations", "annotations", "")], "annotations")
      for a in ANNOTATORS]
  tables = [layout.parsed(p) for p in paths]
  with layout.entries_of(paths[0]):
    masks = saco.read_truth(tables)
    rows = {row["id"]: row for row in tables[0]["images"]}
    folders = [root / f for f in (f"{subset}-images", "metaclip-images", "sa1b-images",
                                  "images", "")]
    questions = []
    for pair, marked in masks.items():
      row = rows[pair]
      truth = Annotated(subset, pair, (row["height"], row["width"]), marked)
      questions.append(layout.question(
          f"{subset}-{pair}", tasks.request("instance", name=row["text_input"]), _load,
          folders, row["file_name"], truth, text=row["text_input"]))
  return questions, len(rows) - len(masks)


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "saco_gold", *(
      f"{folder}gold_*_merged_*_release_test.json"
      for folder in ("gt-annotations/", "annotations/", "")))
  questions, notes = [], []
  for subset in SUBSETS:
    try:
      found, loose = _subset(root, subset)
    except UserError as e:
      # The other subsets are scored; the mean of seven is not one of six.
      notes.append(f"{subset} is left out: {e}")
      continue
    questions += found
    if loose:
      notes.append(f"{subset}: {loose} pairs are not exhaustive for all annotators")
  if not questions:
    raise UserError(f"{root}: no whole subset; {notes[0]}")
  return layout.split_of(questions, [f"{q.name} {q.text}" for q in questions], notes)


SACO = records.Benchmark(
    name="saco",
    about="SA-Co/Gold, all instances of a noun phrase.",
    read=_read, split="release test, 7 subsets", sha256="", seed=0, crop="none",
    units="phrases",
    protocols=(records.Protocol(
        "instance",
        "The noun phrase, one a picture, black background; the instances of the "
        "paper's decoder. An empty mask says that there is none, unless an outside model "
        "is asked. Pairs exhaustive for all three annotators; the best annotator counts; "
        "IoU .50:.05:.95; unweighted mean of the seven subsets, none where one lacks.",
        (records.Metric("cgF1", "cgF1", True, "%", 100),
         records.Metric("IL_MCC", "IL_MCC", True),
         records.Metric("positive_micro_F1", "pmF1", True, "%", 100),
         *(records.Metric(f"cgF1 {name}", f"cgF1 {name}", True, "%", 100)
           for name in SUBSETS)),
        Gold, lambda answer, item: (predicted(answer), item.truth), best="f1"),),
    folder="saco_gold")
