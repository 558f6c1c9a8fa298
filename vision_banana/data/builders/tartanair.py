"""TartanAir v1 (Wang et al., IROS 2020): flights through rendered worlds; depth.

Reads `ENV/{Easy,Hard}/P###/{image_left,depth_left}` as the archives unpack, of any
of the environments. All of it is for training: there is one split. The segmentation
is left out: its numbers have no names, and differ between environments
(castacks/tartanair_tools, issues 22 and 53).
"""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from vision_banana.data.builders import files, storage
from vision_banana.errors import UserError

decode = storage.decode

SPLITS = ("train",)
# The sky is about 10 km away; nothing else is as far.
_SKY_METRES = 9000.0


class Tartanair(storage.SceneBuilder):
  """Frames of the left camera."""

  name = "tartanair"
  description = "TartanAir: rendered flights, in- and outdoors, with metric depth."
  fields = ("image", "depth")
  pkg_dir_path = None


@dataclasses.dataclass(frozen=True)
class Frame:
  """A frame: its unique key, and its two files."""
  key: str
  image: pathlib.Path
  depth: pathlib.Path


def records(folder: pathlib.Path, split: str) -> list[Frame]:
  """All frames, in the order of their paths.

  Raises:
    UserError: there is no trajectory in the folder.
  """
  del split  # There is one.
  flights = sorted(folder.glob("**/P[0-9][0-9][0-9]/image_left"))
  if not flights:
    raise UserError(f"{folder}: has no ENV/{{Easy,Hard}}/P###/image_left; unpack "
                    "TartanAir v1 here.")
  frames = []
  for flight in flights:
    for image in sorted(flight.glob("*_left.png")):
      depth = flight.parent / "depth_left" / f"{image.stem}_depth.npy"
      key = str(image.relative_to(folder).with_suffix(""))
      frames.append(Frame(key, image, depth))
  return frames


def read(frame: Frame) -> dict[str, Any]:
  """The scene of a frame: image, depth.

  Raises:
    UserError: a file is missing or damaged, or sizes disagree.
  """
  image, depth = files.image(frame.image), files.npy(frame.depth, 2)
  files.check_shapes({frame.image: image, frame.depth: depth})
  depth = depth.astype(np.float32)
  bad = np.isnan(depth) | (depth <= 0)
  sky = depth >= _SKY_METRES
  return {"image": image,
          "depth": np.where(bad, np.nan, np.where(sky, np.inf, depth))}
