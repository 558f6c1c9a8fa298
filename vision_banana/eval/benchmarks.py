"""Benchmarks: frozen records of what is asked, of which pictures, and how it counts.

Everything that moves a number is in the record, in the `Protocol` of a task or in
`questions`, and is printed with the number.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import motorcycle
from vision_banana.eval.metrics import accumulate
from vision_banana.eval.metrics import depth
from vision_banana.eval.metrics import edges
from vision_banana.eval.metrics import instances
from vision_banana.eval.metrics import normals
from vision_banana.eval.metrics import pictures
from vision_banana.eval.metrics import referring
from vision_banana.eval.metrics import semantic
from vision_banana.eval.metrics.depth_protocols import DepthProtocol
from vision_banana.eval.questions import CLASSES, Item, Scene


@dataclasses.dataclass(frozen=True)
class Metric:
  """A number in a table: its key in `metrics`, how to print it, which way is up."""
  key: str
  label: str
  higher_is_better: bool
  unit: str = ""


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How one task of a benchmark is asked and scored.

  Attributes:
    task: name in `tasks.TASKS`.
    rule: prompt, truth, valid pixels, pooling: what moves the number, in words.
    metrics: the rows of the table; the first is the headline.
    score: (values, items) → numbers by metric key.
  """
  task: str
  rule: str
  metrics: tuple[Metric, ...]
  score: Callable[[Sequence[np.ndarray], Sequence[Item]], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """A frozen record.

  Attributes:
    name: as given to `eval --benchmark`.
    about: one sentence on what the numbers can be taken for.
    read: () → the scenes of the split, in order.
    split: the split's name.
    sha256: of the split (see `split_hash`), first 16 digits.
    seed: draws questions (phrases, colours, edits) and the sampler's noise.
    crop: which part of a picture is shown and scored.
    protocols: its tasks.
  """
  name: str
  about: str
  read: Callable[[], Sequence[Scene]]
  split: str
  sha256: str
  seed: int
  crop: str
  protocols: tuple[Protocol, ...]

  def scenes(self) -> list[Scene]:
    """Reads the split.

    Raises:
      UserError: it is not the split the record names.
    """
    source = self.read()
    found = [source[i] for i in range(len(source))]
    if split_hash(found) != self.sha256:
      raise UserError(
          f"benchmark '{self.name}': these {len(found)} scenes have hash "
          f"{split_hash(found)}, the record says {self.sha256}; restore the data.")
    return found


def split_hash(scenes: Sequence[Scene]) -> str:
  """16 hex digits over image and depth of every scene, in order."""
  digest = hashlib.sha256()
  for scene in scenes:
    digest.update(np.ascontiguousarray(scene["image"]).tobytes())
    digest.update(np.ascontiguousarray(scene["depth"], np.float32).tobytes())
  return digest.hexdigest()[:16]


def _score(metric: Callable[..., accumulate.Accumulator], *arguments: Any):
  return lambda values, items: accumulate.over(
      lambda: metric(*arguments), values, (i.truth for i in items))


def _score_masks(metric: Callable[[], accumulate.Accumulator]):
  return lambda values, items: accumulate.over(
      metric, (np.asarray(v) > 0 for v in values), (i.truth for i in items))


def _score_editing(values: Sequence[np.ndarray], items: Sequence[Item]):
  return accumulate.over(
      pictures.Editing, values, ((i.truth, i.picture) for i in items))


_ANGLES = (Metric("mean", "mean error", False, "°"),
           Metric("median", "median error", False, "°"),
           Metric("within_11", "< 11.25°", True), Metric("within_22", "< 22.5°", True),
           Metric("within_30", "< 30°", True))
_F1 = (Metric("f1", "F1", True), Metric("precision", "precision", True),
       Metric("recall", "recall", True))
_CAP = 20.0  # metres

_DEPTH = Protocol(
    "depth",
    f"Canonical prompt, cube colours. Truth: finite and ≤ {_CAP:g} m; predictions are "
    f"clipped to [0.001, {_CAP:g}] m; no alignment. Per image, then the mean.",
    (Metric("delta1", "δ1", True), Metric("abs_rel", "AbsRel", False),
     Metric("rmse", "RMSE", False, "m")),
    _score(depth.Depth, DepthProtocol(
        "rooms", near=1e-3, far=_CAP, closed=True, clip=True)))
_NORMALS = Protocol(
    "normals",
    "Canonical prompt. Truth: not zero. All pixels of the set pooled.",
    _ANGLES, _score(normals.Normals))
_SEMANTIC = Protocol(
    "semantic",
    f"Classes {', '.join(CLASSES[1:])}, and background for everything else; colours "
    "drawn anew for each picture. Nearest colour; one confusion matrix over the set.",
    (Metric("miou", "mIoU", True), Metric("accuracy", "accuracy", True),
     *(Metric(f"iou_{name}", f"IoU {name}", True) for name in CLASSES)),
    _score(semantic.Semantic, CLASSES))
_INSTANCE = Protocol(
    "instance",
    "The category with most instances in the picture, named in the prompt, black "
    "background. One-to-one matches with IoU ≥ .5, counted over the set.",
    _F1, _score(instances.Instances))
_REFERRING = Protocol(
    "referring",
    "Per picture one phrase that fits something and one that fits nothing. A mask "
    "under 0.1 % of the picture says \"not there\". cIoU and gIoU over phrases that "
    "fit.",
    (Metric("ciou", "cIoU", True), Metric("giou", "gIoU", True),
     Metric("false_positives", "masks for absent things", False),
     Metric("presence_accuracy", "“is it there?” accuracy", True),
     Metric("presence_mcc", "“is it there?” MCC", True)),
    _score_masks(referring.Presence))
_EDGES = Protocol(
    "edges",
    "Canonical prompt. Edge pixels agree within one pixel; pooled over the set.",
    _F1, _score_masks(edges.Edges))
_MODALITY = Protocol(
    "modality",
    "True depth in cube colours is shown, normals are asked for; scored as normals.",
    _ANGLES, _score(normals.Normals))
_EDITING = Protocol(
    "editing",
    "One edit of each picture; the target is the scene rendered again. Mean over "
    "images. Changed pixels: the target differs from the input by more than 0.1.",
    (Metric("psnr", "PSNR", True, "dB"),
     Metric("gain", "PSNR over handing back the input", True, "dB"),
     Metric("psnr_changed", "PSNR of changed pixels", True, "dB")),
    _score_editing)
_TEXT_TO_IMAGE = Protocol(
    "text_to_image",
    "From the caption alone. Total variation between pooled 8×8×8 RGB histograms: it "
    "compares colours and says nothing of content; look at the pictures.",
    (Metric("histogram_distance", "colour histogram distance", False),),
    _score(pictures.ColorHistogram))

ROOMS = Benchmark(
    name="rooms",
    about="Rendered rooms that no training set holds: other seeds, and in each a "
          "combination of object and look that training never showed.",
    read=lambda: sources.open_source("rooms", "test"),
    split="test",
    sha256="ed17fdbbe9732948",
    seed=0,
    crop="none",
    protocols=(_DEPTH, _NORMALS, _SEMANTIC, _INSTANCE, _REFERRING, _EDGES, _MODALITY,
               _EDITING, _TEXT_TO_IMAGE))
MOTORCYCLE = Benchmark(
    name="motorcycle",
    about="One real photograph with measured depth (Middlebury 2014, from "
          "scikit-image): a smoke test on one image, not a benchmark.",
    read=motorcycle.read,
    split="the one image",
    sha256="f0addb648c919fd1",
    seed=0,
    crop="none",
    protocols=(_DEPTH,))

BENCHMARKS = {b.name: b for b in (ROOMS, MOTORCYCLE)}


def get(name: str) -> Benchmark:
  """The benchmark of that name.

  Raises:
    UserError: there is none.
  """
  if name not in BENCHMARKS:
    raise UserError(f"unknown benchmark '{name}'; known: {', '.join(BENCHMARKS)}.")
  return BENCHMARKS[name]
