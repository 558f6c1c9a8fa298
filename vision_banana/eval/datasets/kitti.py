"""KITTI, Eigen's test list where there is improved ground truth: 652 road scenes."""

import pathlib

import numpy as np

from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks

# Frames of each drive as (first, last, step) without some: 652 in all.
_FRAMES = {
    "2011_09_26_drive_0002": ([(6, 69, 3)], {66}),
    "2011_09_26_drive_0009": ([(16, 176, 16), (196, 388, 16)], set()),
    "2011_09_26_drive_0013": ([(5, 135, 5)], {15, 25, 55, 75}),
    "2011_09_26_drive_0020": ([(6, 78, 3)], {24, 30, 39}),
    "2011_09_26_drive_0023": ([(18, 468, 18)], {234}),
    "2011_09_26_drive_0027": ([(7, 182, 7)], {105, 154}),
    "2011_09_26_drive_0029": ([(14, 196, 14), (268, 408, 14)], {282}),
    "2011_09_26_drive_0036": ([(32, 768, 32)], {736}),
    "2011_09_26_drive_0046": ([(5, 115, 5)], set()),
    "2011_09_26_drive_0048": ([(5, 16, 1)], set()),
    "2011_09_26_drive_0052": ([(6, 52, 2)], {24, 34}),
    "2011_09_26_drive_0056": ([(11, 286, 11)], {132}),
    "2011_09_26_drive_0059": ([(14, 238, 14), (274, 358, 14)], {168}),
    "2011_09_26_drive_0064": ([(22, 550, 22)], {132}),
    "2011_09_26_drive_0084": ([(49, 374, 13)], {166}),
    "2011_09_26_drive_0086": ([(7, 682, 27)], {547}),
    "2011_09_26_drive_0093": ([(16, 256, 16), (305, 417, 16)], set()),
    "2011_09_26_drive_0096": ([(19, 456, 19)], set()),
    "2011_09_26_drive_0101": ([(80, 930, 34)], {250}),
    "2011_09_26_drive_0106": ([(15, 15, 1), (35, 219, 8)], set()),
    "2011_09_26_drive_0117": ([(26, 650, 26)], {520}),
    "2011_09_28_drive_0002": ([(6, 90, 3)], {15, 27, 42, 66, 69, 75}),
    "2011_09_29_drive_0071": ([(36, 612, 36), (735, 951, 36)], {843}),
    "2011_09_30_drive_0016": ([(11, 264, 11)], {99}),
    "2011_09_30_drive_0018": ([(107, 2247, 107), (2419, 2740, 107)], {321}),
    "2011_09_30_drive_0027": ([(41, 656, 41), (753, 1081, 41)], {999}),
    "2011_10_03_drive_0027": ([(181, 543, 181), (734, 4535, 181)], {2182}),
    "2011_10_03_drive_0047": ([(32, 800, 32)], {256}),
}


def eigen() -> list[tuple[str, int]]:
  """(drive, frame) of the 652 pictures, sorted."""
  return [(drive, frame) for drive, (spans, without) in sorted(_FRAMES.items())
          for a, b, step in spans for frame in range(a, b + 1, step)
          if frame not in without]


def _load(root: pathlib.Path, drive: str, frame: int):
  name, sync = f"{frame:010d}", f"{drive}_sync"
  day = drive[:10]
  image = layout.first(
      [parent / day / sync / "image_02/data" / f"{name}.{end}"
       for end in ("jpg", "png") for parent in (root / "raw", root)], "picture")
  path = layout.first(
      [root / folder / part / sync / "proj_depth/groundtruth/image_02" / f"{name}.png"
       for folder in ("data_depth_annotated", "depth", "")
       for part in ("train", "val", "")], "ground truth")
  picture, depth = images.read(image), layout.raw_image(path)
  layout.same_size(picture, depth, image, path)
  depth = depth.astype(np.float32) / 256
  return picture, np.where(depth > 0, depth, np.nan)


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "kitti", "raw/20??_??_??", "20??_??_??")
  asked = tasks.request("depth")
  listed = eigen()
  names = [f"{drive}-{frame:010d}" for drive, frame in listed]
  found = [layout.question(name, asked, _load, root, *where)
           for name, where in zip(names, listed, strict=True)
           if any(next(root.glob(f"{raw}{where[0][:10]}/{where[0]}_sync/image_02/data/"
                                 f"{where[1]:010d}.*"), None) for raw in ("raw/", ""))]
  lack = len(names) - len(found)
  return layout.split_of(found, names, [
      f"{lack} of the {len(names)} listed pictures are not there"] if lack else ())


KITTI = records.Benchmark(
    name="kitti",
    about="KITTI, Eigen's test list with improved ground truth, metric depth of roads.",
    read=_read, split="Eigen test with ground truth",
    sha256=records.list_hash([f"{d}-{f:010d}" for d, f in eigen()]), seed=0, size=652,
    **protocols.depth_record("kitti"), folder="kitti")
