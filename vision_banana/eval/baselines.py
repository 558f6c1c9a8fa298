"""The best constant picture: one answer for every question of a task.

In rooms the floor is below and the ceiling above, so the per-pixel median depth of
the training scenes, their mean normal and their most frequent class are strong
answers. A model that does not beat them has not looked at the picture.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from vision_banana.eval import images
from vision_banana.eval.metrics import accumulate, edges, referring
from vision_banana.eval.questions import CLASSES, Item, Scene, ask

NAME = "constant picture"
# The questions behind an answer are drawn with another seed than the benchmark's.
_SEED = 1
# Training questions behind a mask: its thresholds are tried on all of them.
_MASKS = 256


@dataclasses.dataclass(frozen=True)
class Constant:
  """Answers by task, at the size of the training scenes, fitted to each item."""
  answers: dict[str, np.ndarray]

  def values(self, task: str, items: Sequence[Item]) -> list[np.ndarray]:
    """One value per item, in the layout of `decoding.Prediction.value`.

    Editing hands back the picture it was given: no constant picture is as good.
    """
    if task == "editing":
      return [item.picture for item in items]
    return [_fit(self.answers[task], item.truth.shape[:2]) for item in items]


def fit(scenes: Sequence[Scene], tasks: Sequence[str]) -> Constant:
  """Finds the best constant answers.

  Depth: median; normals: mean direction; semantic: most frequent class; edges and
  masks: the pixels that are set in at least a share of the training answers, the
  share that scores best there; instances: none; pictures: mean.

  Args:
    scenes: training scenes, all of one size.
    tasks: which answers to find.
  """
  return Constant({task: _ANSWERS[task](ask(task, scenes, _SEED))
                   for task in tasks if task in _ANSWERS})


def _truths(items: Sequence[Item]) -> np.ndarray:
  return np.stack([item.truth for item in items])


def _median(items: Sequence[Item]) -> np.ndarray:
  truths = np.ma.masked_invalid(_truths(items))
  # A pixel that is never known takes the median of all others.
  return np.ma.median(truths, axis=0).filled(np.ma.median(truths))


def _direction(items: Sequence[Item]) -> np.ndarray:
  mean = _truths(items).mean(axis=0)
  return mean / np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)


def _majority(items: Sequence[Item]) -> np.ndarray:
  truths = _truths(items)
  counts = [(truths == label).sum(axis=0) for label in range(len(CLASSES))]
  return np.argmax(counts, axis=0).astype(np.int32)


def _nothing(items: Sequence[Item]) -> np.ndarray:
  return np.zeros_like(items[0].truth)


def _mask(metric: Callable[[], accumulate.Accumulator], key: str):
  def best(items: Sequence[Item]) -> np.ndarray:
    truths = _truths(items[:_MASKS])
    share = truths.mean(axis=0)
    masks = [share >= level for level in np.unique(np.quantile(
        share, np.linspace(0, 0.99, 34)))]
    scores = [accumulate.over(metric, [m] * len(truths), truths)[key] for m in masks]
    return masks[int(np.nanargmax(scores))].astype(np.int32)
  return best


def _mean_picture(items: Sequence[Item]) -> np.ndarray:
  return images.to_uint8(_truths(items).mean(axis=0) / 255)


_ANSWERS = {
    "depth": _median,
    "normals": _direction,
    "semantic": _majority,
    "instance": _nothing,
    "referring": _mask(referring.Presence, "ciou"),
    "edges": _mask(edges.Edges, "f1"),
    "modality": _direction,
    "text_to_image": _mean_picture,
}


def _fit(answer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Crops and repeats pixels, so that [h,w,...] becomes [*size,...]."""
  top, left, height, width = images.Letterbox(size, answer.shape[:2]).box
  rows = top + (np.arange(size[0]) + 0.5) * height / size[0]
  columns = left + (np.arange(size[1]) + 0.5) * width / size[1]
  return answer[np.ix_(rows.astype(int), columns.astype(int))]
