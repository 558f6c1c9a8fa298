"""Protocols of the tasks: how an answer is counted, and in which rows it is printed."""

import functools
from collections.abc import Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval.metrics import depth as depth_metric
from vision_banana.eval.metrics import depth_protocols
from vision_banana.eval.metrics import normals as normals_metric
from vision_banana.eval.metrics import referring as referring_metric
from vision_banana.eval.metrics import semantic as semantic_metric
from vision_banana.eval.records import Metric, Protocol

ANGLES = (Metric("mean", "mean error", False, "°"),
          Metric("median", "median error", False, "°"),
          Metric("within_11", "< 11.25°", True), Metric("within_22", "< 22.5°", True),
          Metric("within_30", "< 30°", True))
F1 = (Metric("f1", "F1", True), Metric("precision", "precision", True),
      Metric("recall", "recall", True))


def depth(protocol: depth_protocols.DepthProtocol) -> Protocol:
  """Metric depth by one of the named protocols."""
  return Protocol(
      "depth", f"Canonical prompt, cube colours. {protocol.rule}.",
      (Metric("delta1", "δ1", True), Metric("abs_rel", "AbsRel", False),
       Metric("delta2", "δ2", True), Metric("delta3", "δ3", True),
       Metric("rmse", "RMSE", False, "m"), Metric("silog", "SIlog", False)),
      functools.partial(depth_metric.Depth, protocol), best="-abs_rel",
      name=protocol.name, view=protocol.view)


def depth_record(dataset: str) -> dict[str, Any]:
  """Crop, protocols and variants of a depth benchmark; UniDepth's is the default."""
  variants = []
  for name in depth_protocols.NAMES:
    try:
      variants.append(depth(depth_protocols.get(name, dataset)))
    except UserError:  # It says nothing of this data set.
      continue
  return {"crop": "as the protocol says", "protocols": (variants[0],),
          "variants": tuple(variants)}


def normals(truth: str) -> Protocol:
  """Normals, all valid pixels of the set pooled."""
  return Protocol(
      "normals", f"Canonical prompt. {truth} All valid pixels of the set pooled "
      "(DSINE); beside it the mean over images of each one's own.",
      (*ANGLES, Metric("image_mean", "mean error, per image", False, "°"),
       Metric("image_median", "median error, per image", False, "°")),
      normals_metric.Normals, best="-mean")


def semantic(names: Sequence[str], rule: str) -> Protocol:
  """One confusion matrix over the set."""
  return Protocol(
      "semantic", rule,
      (Metric("miou", "mIoU", True, "%", 100),
       Metric("accuracy", "accuracy", True, "%", 100),
       *(Metric(f"iou_{n}", f"IoU {n}", True, "%", 100) for n in names)),
      functools.partial(semantic_metric.Semantic, names), best="miou")


def masks(headline: str, rule: str) -> Protocol:
  """Masks of phrases that fit something; the headline is 'ciou' or 'giou'."""
  rows = {"ciou": Metric("ciou", "cIoU", True, "%", 100),
          "giou": Metric("giou", "gIoU", True, "%", 100)}
  metric = {"ciou": referring_metric.Referring,
            "giou": referring_metric.Reasoning}[headline]
  return Protocol(
      "referring", rule, (rows.pop(headline), *rows.values()), metric,
      pair=lambda answer, item: (answer.value > 0, item.truth), best="iou")


class Uncounted:
  """Of pictures that only people or a judge can compare: no numbers."""

  def add(self, prediction: Any, truth: Any) -> dict[str, float]:
    return {}

  def result(self) -> dict[str, float]:
    return {}


def votes(task: str) -> Protocol:
  """Pictures for `vision-banana compare`."""
  return Protocol(
      task, "The prompt as it is. Pictures are painted and kept; the win rate comes "
      "from votes on two models' pictures.", (), Uncounted)
