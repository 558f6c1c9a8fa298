"""The numbers of the paper's goal table (arXiv 2604.20329), to stand beside ours.

'Open Vision Banana' is a PyTorch reproduction on public data; where its protocol is
another, the entry says so.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Goal:
  """One number that others report.

  Attributes:
    benchmark: as in `benchmarks`.
    metric: key in its results.
    banana: Vision Banana.
    best: best other, with its name, or ''.
    open: Open Vision Banana, or ''.
  """
  benchmark: str
  metric: str
  banana: str
  best: str = ""
  open: str = ""


GOALS = (
    Goal("refcocog", "ciou", "73.8", "73.4 (SAM 3 Agent)", "68.5"),
    Goal("reasonseg", "giou", "79.3", "77.0 (SAM 3 Agent)", "73.6"),
    Goal("cityscapes", "miou", "69.9", "65.2 (SAM 3)", "69.2; 74.9 with 20 votes (9B)"),
    Goal("saco", "cgF1", "47.5", "24.6 (OWLv2, zero-shot)", "38.9"),
    Goal("saco", "IL_MCC", ".84"),
    Goal("saco", "positive_micro_F1", "56.0"),
    Goal("nyu_depth", "delta1", ".948", "", ".967 (relative depth, aligned)"),
    Goal("nyu_depth", "abs_rel", ".081"),
    Goal("ibims", "delta1", ".934"), Goal("ibims", "abs_rel", ".078"),
    Goal("eth3d", "delta1", ".935"), Goal("eth3d", "abs_rel", ".103"),
    Goal("diode_depth", "delta1", ".917"), Goal("diode_depth", "abs_rel", ".108"),
    Goal("kitti", "delta1", ".915"), Goal("kitti", "abs_rel", ".107"),
    Goal("nuscenes", "delta1", ".643"), Goal("nuscenes", "abs_rel", ".219"),
    Goal("nyu_normals", "mean", "17.778", "", "13.34"),
    Goal("nyu_normals", "median", "8.876"),
    Goal("diode_normals", "mean", "13.818"), Goal("diode_normals", "median", "11.556"),
    Goal("scannet_normals", "mean", "15.052"),
    Goal("scannet_normals", "median", "7.468"),
    Goal("vkitti_normals", "mean", "29.063"),
    Goal("vkitti_normals", "median", "10.699"),
)


@dataclasses.dataclass(frozen=True)
class Mean:
  """A mean over benchmarks that the paper prints; ours needs all of them."""
  label: str
  metric: str
  benchmarks: tuple[str, ...]
  banana: str
  best: str = ""


_DEPTH_FOUR = ("nyu_depth", "eth3d", "diode_depth", "kitti")
_DEPTH_SIX = (*_DEPTH_FOUR, "ibims", "nuscenes")
_INDOOR = ("nyu_normals", "diode_normals", "scannet_normals")
MEANS = (
    Mean("mean of six, δ1", "delta1", _DEPTH_SIX, ".882", ".823 (UniK3D)"),
    Mean("mean of six, AbsRel", "abs_rel", _DEPTH_SIX, ".116"),
    Mean("mean of NYUv2, ETH3D, DIODE and KITTI, δ1", "delta1", _DEPTH_FOUR, ".929",
         ".918 (Depth Anything 3)"),
    Mean("mean of four, mean error", "mean", (*_INDOOR, "vkitti_normals"), "18.928",
         "19.642 (Lotus-2)"),
    Mean("mean of the indoor three, mean error", "mean", _INDOOR, "15.549"),
    Mean("mean of the indoor three, median error", "median", _INDOOR, "9.300"),
)
# Of text to image and editing the paper gives win rates against its own base model.
WIN_RATES = {"genai_bench": "53.5 %", "imgedit": "47.8 %"}
