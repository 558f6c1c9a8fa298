"""Several samples of one answer made one, and where they disagree."""

from collections.abc import Sequence

import numpy as np

from vision_banana.codecs import depth as depth_codec
from vision_banana.tasks.tasks import Request

Voted = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def vote(request: Request, values: Sequence[np.ndarray]) -> Voted:
  """Label vote, median depth, mean normal; of instance maps the most typical one.

  Args:
    request: what was asked.
    values: K decoded values, as `decoding.Prediction.value`.

  Returns:
    (value, disagreement float32 [H,W], scores): disagreement is, for labels, the
    share of samples that say something else; for depth, the mean of |d - median| /
    median; for normals, 1 - the length of the mean; for instances, the share of
    other samples that say the opposite about "is there an instance here"; for
    pictures, the standard deviation of RGB in 0..1. None for one sample. `scores`
    float32 [N] are for instances 1..N (see `typical`), else None.
  """
  instance = request.codec == "segmentation" and request.palette is None
  if len(values) == 1:
    scores = np.ones(int(values[0].max(initial=0)), np.float32) if instance else None
    return values[0], None, scores
  if instance:
    return typical(values)
  stack = np.stack(values)
  if request.codec == "depth":
    value = np.median(stack, axis=0)
    near = np.minimum(stack, depth_codec.MAX_DEPTH)
    middle = np.maximum(np.minimum(value, depth_codec.MAX_DEPTH), 1e-3)
    spread = np.mean(np.abs(near - middle) / middle, axis=0)
    return value.astype(np.float32), spread.astype(np.float32), None
  if request.codec == "normals":
    mean = stack.astype(np.float64).mean(axis=0)
    size = np.linalg.norm(mean, axis=-1, keepdims=True)
    value = np.where(size > 1e-6, mean / np.maximum(size, 1e-6), stack[0])
    return value.astype(np.float32), (1 - size[..., 0]).astype(np.float32), None
  if request.codec == "segmentation":
    labels = np.unique(stack)
    votes = np.stack([(stack == label).sum(axis=0) for label in labels])
    value = labels[np.argmax(votes, axis=0)].astype(stack.dtype)
    return value, (1 - votes.max(axis=0) / len(values)).astype(np.float32), None
  spread = stack.astype(np.float32).std(axis=0).mean(axis=-1)
  return values[0], spread / (255 if stack.dtype == np.uint8 else 1), None


def typical(values: Sequence[np.ndarray]) -> Voted:
  """Of K instance maps the one that agrees best with the others (the first on a tie).

  An instance's score is its best IoU in each other sample, averaged: near 1 it is
  found every time, below 0.5 it is most often not there or another shape.
  """
  everything = [[value == i for i in range(1, int(value.max(initial=0)) + 1)]
                for value in values]
  best = None
  for k, mine in enumerate(everything):
    others = everything[:k] + everything[k + 1:]
    # Its instances in the other samples, and theirs in it: none may be missing.
    scores = _found(mine, others)
    agreement = float(np.mean([
        1.0 if not mine and not other
        else np.mean([*_found(mine, [other]), *_found(other, [mine])])
        for other in others]))
    if best is None or agreement > best[0]:
      best = (agreement, k, scores)
  _, k, scores = best
  there = np.stack([value > 0 for value in values])
  disagreement = (there != there[k]).sum(axis=0) / (len(values) - 1)
  return values[k], disagreement.astype(np.float32), scores.astype(np.float32)


def _found(mine: Sequence[np.ndarray], others: Sequence[Sequence[np.ndarray]]
           ) -> np.ndarray:
  """Mean over `others` of each mask's best IoU there, float64 [N]."""
  iou = lambda a, b: (a & b).sum() / (a | b).sum()
  return np.array([np.mean([max((iou(m, o) for o in other), default=0.0)
                            for other in others]) for m in mine])
