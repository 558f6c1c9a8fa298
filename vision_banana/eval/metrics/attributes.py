"""Whether a picture painted from a caption has the colours that the caption names.

For rooms only, and for their two largest surfaces only: a caption says "red walls and
a blue floor", and in nearly every room the floor is below and a wall in the middle.
The judge looks at the pixels where training rooms have floor (or wall) at least half
of the time, takes their median colour, and names it by a linear discriminant fitted
on the true pictures of training rooms: twelve colours under the light of a room are
not the twelve colours of a paint box. Whether small things have their colour it
cannot say; that needs a detector, and rooms have none that is better than nano.

The judge itself errs. Its accuracy on the true held-out pictures is the ceiling, and
that of the mean training picture is the floor: always give both beside a model's.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana.data.rooms import vocabulary
from vision_banana.errors import UserError
from vision_banana.eval import images
from vision_banana.eval.metrics.accumulate import Numbers, mean

_COLORS = "|".join(vocabulary.COLORS)
# A floor lamp is no floor.
_SURFACES = {"floor": re.compile(rf"\b({_COLORS}) floor(?! lamp)\b", re.IGNORECASE),
             "wall": re.compile(rf"\b({_COLORS}) walls\b", re.IGNORECASE)}
_FEWEST = 4  # Training pictures of a colour, below which it is not judged.


def named(caption: str) -> dict[str, str]:
  """The colours that a caption names: {'floor': 'red', 'wall': 'blue'}, or fewer."""
  found = {surface: pattern.search(caption) for surface, pattern in _SURFACES.items()}
  return {surface: match[1].lower() for surface, match in found.items() if match}


@dataclasses.dataclass(frozen=True)
class Judge:
  """Names the colour of floor and walls.

  Attributes:
    regions: surface → bool [H,W], the pixels looked at.
    colors: surface → the words known for it.
    means: surface → float64 [K,3], the median colour that pictures of each have.
    whiten: surface → float64 [3,3], to the space where they spread alike.
  """
  regions: dict[str, np.ndarray]
  colors: dict[str, tuple[str, ...]]
  means: dict[str, np.ndarray]
  whiten: dict[str, np.ndarray]

  def color(self, picture: np.ndarray, surface: str) -> str:
    """The word for a surface of a picture, uint8 [h,w,3] of any size."""
    region = self.regions[surface]
    if picture.shape[:2] != region.shape:
      picture = images.Letterbox(picture.shape[:2], region.shape).place(picture)
    offset = _feature(picture, region) - self.means[surface]
    distance = np.square(offset @ self.whiten[surface]).sum(-1)
    return self.colors[surface][int(np.argmin(distance))]


def fit(scenes: Sequence[Mapping[str, Any]]) -> Judge:
  """Fits a judge to training rooms, all of one size.

  Raises:
    UserError: too few of them name the colour of their floor or walls.
  """
  regions, colors, means, whiten = {}, {}, {}, {}
  for surface in _SURFACES:
    there = np.mean([np.isin(s["instances"], [
        i for i, name in enumerate(s["categories"], 1) if name == surface])
        for s in scenes], axis=0)
    region = there >= 0.5
    groups: dict[str, list[np.ndarray]] = {}
    for scene in scenes:
      word = named(scene["caption"]).get(surface)
      if word and region.any():
        groups.setdefault(word, []).append(_feature(scene["image"], region))
    groups = {word: np.stack(g) for word, g in sorted(groups.items())
              if len(g) >= _FEWEST}
    if len(groups) < 2:
      raise UserError(f"captions of {len(scenes)} training rooms name too few colours "
                      f"of the {surface}; give more rooms.")
    centres = np.stack([g.mean(0) for g in groups.values()])
    within = np.concatenate([g - g.mean(0) for g in groups.values()])
    # A little of the identity, for colours without any spread.
    spread = within.T @ within / len(within) + np.eye(3)
    regions[surface], colors[surface] = region, tuple(groups)
    means[surface] = centres
    whiten[surface] = np.linalg.cholesky(np.linalg.inv(spread))
  return Judge(regions, colors, means, whiten)


def _feature(picture: np.ndarray, region: np.ndarray) -> np.ndarray:
  """Median colour of the region, 0..255 each."""
  return np.median(picture[region].astype(np.float64), axis=0)


class SurfaceColors:
  """Share of named floors and walls that have the colour of the caption.

  Keys: accuracy (of all), floor, wall, asked (how many colours were named).
  """

  def __init__(self, judge: Judge):
    self._judge = judge
    self._hits: dict[str, list[float]] = {surface: [] for surface in _SURFACES}

  def add(self, prediction: np.ndarray, truth: str) -> Numbers:
    """Counts one picture: uint8 [h,w,3] and its caption. {} if that names none."""
    hits = []
    for surface, word in named(truth).items():
      if word in self._judge.colors[surface]:
        hits.append(float(self._judge.color(prediction, surface) == word))
        self._hits[surface].append(hits[-1])
    return {"accuracy": mean(hits)} if hits else {}

  def result(self) -> Numbers:
    every = [hit for hits in self._hits.values() for hit in hits]
    share = lambda hits: mean(hits) if hits else float("nan")
    return {"accuracy": share(every), **{s: share(h) for s, h in self._hits.items()},
            "asked": float(len(every))}
