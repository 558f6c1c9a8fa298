"""The benchmarks by name, and the two that come with the package.

Everything that moves a number is in the record, in the `Protocol` of a task or in
`questions`, and is printed with the number.
"""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import motorcycle
from vision_banana.eval.datasets import (
    cityscapes, diode, dsine, eth3d, genai_bench, ibims, imgedit, kitti, nuscenes, nyu,
    reasonseg, refcocog, saco)
from vision_banana.eval.metrics import (
    depth, edges, instances, normals, pictures, referring, semantic)
from vision_banana.eval.metrics.depth_protocols import DepthProtocol
from vision_banana.eval.protocols import ANGLES, F1
from vision_banana.eval.questions import CLASSES, Scene, ask
from vision_banana.eval.records import Answer, Benchmark, Metric, Protocol, Split


def split_hash(scenes: Sequence[Scene]) -> str:
  """16 hex digits over image and depth of every scene, in order."""
  digest = hashlib.sha256()
  for scene in scenes:
    digest.update(np.ascontiguousarray(scene["image"]).tobytes())
    digest.update(np.ascontiguousarray(scene["depth"], np.float32).tobytes())
  return digest.hexdigest()[:16]


def from_scenes(source: Callable[[], Sequence[Scene]]
                ) -> Callable[[pathlib.Path | None], Split]:
  """A reader of scenes that fit in memory, with questions drawn for each task."""
  def read(data: pathlib.Path | None) -> Split:
    found = source()
    scenes = [found[i] for i in range(len(found))]
    return Split(tuple(f"{i:04d}" for i in range(len(scenes))), split_hash(scenes),
                 lambda task, keep, seed: ask(task, scenes, seed, keep))
  return read


def _mask(answer: Answer, item: Any) -> tuple[np.ndarray, np.ndarray]:
  return answer.value > 0, item.truth


_CAP = 20.0  # metres
_IN_ROOMS = DepthProtocol("rooms", near=1e-3, far=_CAP, closed=True, clip=True)

_DEPTH = Protocol(
    "depth",
    f"Canonical prompt, cube colours. Truth: finite and ≤ {_CAP:g} m; predictions are "
    f"clipped to [0.001, {_CAP:g}] m; no alignment. Per image, then the mean.",
    (Metric("delta1", "δ1", True), Metric("abs_rel", "AbsRel", False),
     Metric("rmse", "RMSE", False, "m")),
    lambda: depth.Depth(_IN_ROOMS), best="-abs_rel")
_NORMALS = Protocol(
    "normals",
    "Canonical prompt. Truth: not zero. All pixels of the set pooled.",
    ANGLES, normals.Normals, best="-mean")
_SEMANTIC = Protocol(
    "semantic",
    f"Classes {', '.join(CLASSES[1:])}, and background for everything else; colours "
    "drawn anew for each picture. Nearest colour; one confusion matrix over the set.",
    (Metric("miou", "mIoU", True), Metric("accuracy", "accuracy", True),
     *(Metric(f"iou_{name}", f"IoU {name}", True) for name in CLASSES)),
    lambda: semantic.Semantic(CLASSES), best="miou")
_INSTANCE = Protocol(
    "instance",
    "The category with most instances in the picture, named in the prompt, black "
    "background. One-to-one matches with IoU ≥ .5, counted over the set.",
    F1, instances.Instances, best="f1")
_REFERRING = Protocol(
    "referring",
    "Per picture one phrase that fits something and one that fits nothing. A mask "
    "under 0.1 % of the picture says \"not there\". cIoU and gIoU over phrases that "
    "fit.",
    (Metric("ciou", "cIoU", True), Metric("giou", "gIoU", True),
     Metric("false_positives", "masks for absent things", False),
     Metric("false_negatives", "no mask for what is there", False),
     Metric("presence_accuracy", "“is it there?” accuracy", True),
     Metric("presence_mcc", "“is it there?” MCC", True)),
    referring.Presence, _mask, best="iou")
_EDGES = Protocol(
    "edges",
    "Canonical prompt. Edge pixels agree within one pixel; pooled over the set.",
    F1, edges.Edges, _mask, best="f1")
_MODALITY = Protocol(
    "modality",
    "True depth in cube colours is shown, normals are asked for; scored as normals.",
    ANGLES, normals.Normals, best="-mean")
_EDITING = Protocol(
    "editing",
    "One edit of each picture; the target is the scene rendered again. Mean over "
    "images. Changed pixels: the target differs from the input by more than 0.1.",
    (Metric("psnr", "PSNR", True, "dB"),
     Metric("gain", "PSNR over handing back the input", True, "dB"),
     Metric("better", "nearer the target than the input is", True),
     Metric("psnr_changed", "PSNR of changed pixels", True, "dB")),
    pictures.Editing, lambda answer, item: (answer.value, (item.truth, item.picture)),
    best="psnr")
_TEXT_TO_IMAGE = Protocol(
    "text_to_image",
    "From the caption alone. Total variation between pooled 8×8×8 RGB histograms: it "
    "compares colours and says nothing of content; look at the pictures.",
    (Metric("histogram_distance", "colour histogram distance", False),),
    pictures.ColorHistogram)

ROOMS = Benchmark(
    name="rooms",
    about="Rendered rooms that no training set holds: other seeds, and in each a "
          "combination of object and look that training never showed.",
    read=from_scenes(lambda: sources.open_source("rooms", "test")),
    split="test",
    sha256="ed17fdbbe9732948",
    seed=0,
    crop="none",
    units="scenes",
    size=128,
    resolution="64x64",
    constant=True,
    protocols=(_DEPTH, _NORMALS, _SEMANTIC, _INSTANCE, _REFERRING, _EDGES, _MODALITY,
               _EDITING, _TEXT_TO_IMAGE))
MOTORCYCLE = Benchmark(
    name="motorcycle",
    about="One real photograph with measured depth (Middlebury 2014, from "
          "scikit-image): a smoke test on one image, not a benchmark.",
    read=from_scenes(motorcycle.read),
    split="the one image",
    sha256="f0addb648c919fd1",
    seed=0,
    crop="none",
    size=1,
    resolution="500x741",
    constant=True,
    protocols=(_DEPTH,))

# In the order of the paper's table; the package's own first.
BENCHMARKS = {b.name: b for b in (
    ROOMS, MOTORCYCLE, refcocog.REFCOCOG, reasonseg.REASONSEG, cityscapes.CITYSCAPES,
    saco.SACO, nyu.NYU_DEPTH, ibims.IBIMS, eth3d.ETH3D, diode.DIODE_DEPTH, kitti.KITTI,
    nuscenes.NUSCENES, dsine.NYU_NORMALS, diode.DIODE_NORMALS, dsine.SCANNET_NORMALS,
    dsine.VKITTI_NORMALS, genai_bench.GENAI_BENCH, imgedit.IMGEDIT)}


def get(name: str) -> Benchmark:
  """The benchmark of that name.

  Raises:
    UserError: there is none.
  """
  if name not in BENCHMARKS:
    raise UserError(f"unknown benchmark '{name}'; known: {', '.join(BENCHMARKS)}, all.")
  return BENCHMARKS[name]


def find(data: pathlib.Path | str) -> tuple[list[Benchmark], dict[str, str]]:
  """Which published benchmarks are under a folder, and why the others are not."""
  found, missing = [], {}
  for benchmark in BENCHMARKS.values():
    if not benchmark.folder:
      continue
    try:
      benchmark.open(data)
    except UserError as e:
      missing[benchmark.name] = str(e)
    else:
      found.append(benchmark)
  return found, missing
