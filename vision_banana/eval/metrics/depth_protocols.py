"""Depth protocols: which pixels count, and what is done to a prediction.

The same predictions score differently by another paper's rules, and by more than one
model differs from the next. A protocol is what one published evaluation does on one
data set; its `rule` is printed with every number.

  unidepth  UniDepth, the only published suite with all six sets of the paper:
            unidepth/utils/evaluation_depth.py and unidepth/datasets/*.py.
  zoe       ZoeDepth: zoedepth/utils/misc.py and config.py. It has no ETH3D, nuScenes.
  moge      MoGe: moge/test/metrics.py, `depth_metric`, on the pictures as published.
"""

import dataclasses
from collections.abc import Callable

from vision_banana.errors import UserError

Window = tuple[slice, slice]


@dataclasses.dataclass(frozen=True)
class Crop:
  """A part of a picture: its name as printed, and (height, width) → slices."""
  name: str
  window: Callable[[int, int], Window]


def _kb(height: int, width: int) -> Window:
  if height < 352 or width < 1216:
    raise UserError(f"a picture of {height}x{width} has no 352x1216 KITTI crop.")
  top, left = height - 352, (width - 1216) // 2
  return slice(top, top + 352), slice(left, left + 1216)


def _shares(top: float, bottom: float, left: float, right: float
            ) -> Callable[[int, int], Window]:
  return lambda height, width: (slice(int(top * height), int(bottom * height)),
                                slice(int(left * width), int(right * width)))


# Pixels, whatever the picture's size: made for the 480x640 of NYUv2.
NYU = Crop("rows 45:471, columns 41:601",
           lambda height, width: (slice(45, 471), slice(41, 601)))
GARG = Crop("Garg crop", _shares(0.40810811, 0.99189189, 0.03594771, 0.96405229))
EIGEN = Crop("Eigen crop", _shares(0.3324324, 0.91351351, 0.03594771, 0.96405229))
# The benchmark crop: 352 rows at the bottom, 1216 columns in the middle.
KB = Crop("KITTI benchmark crop 352x1216", _kb)


@dataclasses.dataclass(frozen=True)
class DepthProtocol:
  """How metric depth is scored. There is no alignment in any of them.

  Attributes:
    name: `unidepth`, `zoe`, `moge`, or of our own.
    near: metres; nearer truth does not count.
    far: metres; farther truth does not count. Also what a prediction counts as that is
      not finite or `codecs.depth.MAX_DEPTH` (white). Infinity = no limit.
    closed: truth at exactly `near` and `far` counts.
    view: what the model is shown, and all that is scored; None = the picture.
      Whoever reads the data cuts picture and truth by it.
    crop: which pixels of the view count; None = all.
    clip: predictions are clipped to [near, far].
    corners: a prediction of another size is resized so that the centres of the corner
      pixels stay in place (torch's align_corners=True); else their outer edges.
    ddof: of the standard deviation that is SIlog: 1 = the sample's.
    relative_offset: metres added to the truth that AbsRel divides by.
    near_quantile_factor: truth beyond this many times its own 1 % quantile does not
      count; None = no such limit.
  """
  name: str
  near: float
  far: float
  closed: bool = False
  view: Crop | None = None
  crop: Crop | None = None
  clip: bool = False
  corners: bool = False
  ddof: int = 0
  relative_offset: float = 0.0
  near_quantile_factor: float | None = None

  @property
  def rule(self) -> str:
    """One line of words, for the table."""
    below, upto = ("≤", "≤") if self.closed else ("<", "<")
    parts = [f"truth {self.near:g} {below} d" + (
        "" if self.far == float("inf") else f" {upto} {self.far:g} m")]
    if self.near_quantile_factor is not None:
      parts.append(f"d ≤ {self.near_quantile_factor:g} × its 1 % quantile")
    if self.view:
      parts.append(f"on the {self.view.name}")
    if self.crop:
      parts.append(self.crop.name)
    if self.clip:
      parts.append("predictions clipped")
    return f"{self.name}: {', '.join(parts)}, no alignment; mean over images"


_INFINITE = float("inf")
_UNIDEPTH_FAR = {"nyuv2": 10.0, "ibims1": 25.0, "eth3d": 50.0, "diode_indoor": 25.0,
                 "kitti": 80.0, "nuscenes": 80.0}
_UNIDEPTH_CROPS = {"nyuv2": {"crop": NYU}, "kitti": {"view": KB, "crop": GARG}}
_ZOE = {
    "nyuv2": {"near": 1e-3, "far": 10.0, "crop": NYU},
    "ibims1": {"near": 0.0, "far": 10.0, "crop": NYU},
    "diode_indoor": {"near": 1e-3, "far": 10.0, "crop": NYU},
    "kitti": {"near": 1e-3, "far": 80.0, "view": KB, "crop": GARG},
}
_PROTOCOLS = {
    "unidepth": {
        name: DepthProtocol("unidepth", 0.0, far, ddof=1,
                            **_UNIDEPTH_CROPS.get(name, {}))
        for name, far in _UNIDEPTH_FAR.items()},
    "zoe": {name: DepthProtocol("zoe", clip=True, corners=True, **fields)
            for name, fields in _ZOE.items()},
    "moge": {
        name: DepthProtocol("moge", 0.0, _INFINITE, relative_offset=1e-6,
                            near_quantile_factor=1000.0)
        for name in _UNIDEPTH_FAR},
}
NAMES = tuple(_PROTOCOLS)
DATASETS = tuple(_UNIDEPTH_FAR)


def get(name: str, dataset: str) -> DepthProtocol:
  """The protocol `name` on a data set.

  Args:
    name: one of NAMES.
    dataset: one of DATASETS.

  Raises:
    UserError: there is no such protocol, or it says nothing of that data set.
  """
  if name not in _PROTOCOLS:
    raise UserError(f"unknown depth protocol '{name}'; known: {', '.join(NAMES)}.")
  if dataset not in _PROTOCOLS[name]:
    raise UserError(f"depth protocol '{name}' says nothing of '{dataset}'; it has "
                    f"{', '.join(_PROTOCOLS[name])}.")
  return _PROTOCOLS[name][dataset]
