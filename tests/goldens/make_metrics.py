"""Numbers of the official evaluators on random data: `make metric-goldens` runs this.

Its own environment: `pip install --no-deps -r tests/goldens/requirements_metrics.txt`.
With --check nothing is written: the numbers are made anew and compared.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import types

import numpy as np
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as cityscapes
from nuscenes.nuscenes import NuScenesExplorer
from PIL import Image
from pycocotools import mask as coco

import metrics_data as data  # Beside this file.

FILE = pathlib.Path(__file__).parent / "metrics.json"


def semantic(folder: pathlib.Path) -> dict:
  """Class IoU and their mean, by cityscapesScripts."""
  predictions, truths = [], []
  for i, pair in enumerate(data.cityscapes()):
    for labels, kind, paths in zip(pair, ("pred", "gt"), (predictions, truths)):
      paths.append(str(folder / f"{kind}_{i}.png"))
      Image.fromarray(labels).save(paths[-1])
  args = cityscapes.args
  args.evalInstLevelScore, args.JSONOutput, args.quiet = False, False, True
  found = cityscapes.evaluateImgLists(predictions, truths, args)
  return {"miou": found["averageScoreClasses"],
          "classes": {k: v for k, v in found["classScores"].items() if v == v}}


def _rle(mask: np.ndarray) -> dict:
  rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
  return {"size": rle["size"], "counts": rle["counts"].decode("ascii")}


def masks() -> dict:
  """Compressed runs, areas and IoU of all pairs, and polygons filled."""
  rles = [_rle(m) for m in data.masks()]
  crowd = [i % 2 for i in range(len(rles))]
  polygons = [coco.merge(coco.frPyObjects(p, data.HEIGHT, data.WIDTH))
              for p in data.polygons()]
  return {
      "counts": [r["counts"] for r in rles],
      "area": [int(v) for v in coco.area(rles)],
      "iou": coco.iou(rles, rles, [0] * len(rles)).tolist(),
      "crowd_iou": coco.iou(rles, rles, crowd).tolist(),
      "polygons": [p["counts"].decode("ascii") for p in polygons]}


def saco(folder: pathlib.Path) -> dict:
  """All numbers of sam3's evaluator with one annotator, another, and three."""
  # By its path: the package would import torch.
  package = pathlib.Path(importlib.util.find_spec("sam3").origin).parent
  spec = importlib.util.spec_from_file_location(
      "cgf1_eval", package / "eval" / "cgf1_eval.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  files, predictions = data.saco()
  paths = []
  for i, file in enumerate(files):
    for row in file["annotations"]:
      row["segmentation"] = _rle(row["segmentation"])
      row["area"] = float(coco.area(row["segmentation"]))
    paths.append(str(folder / f"{i}.json"))
    pathlib.Path(paths[-1]).write_text(json.dumps(file))
  for row in predictions:
    row["segmentation"] = _rle(row["segmentation"])
    # Its `loadRes` fails with several annotators if it has to make the box.
    row["bbox"] = coco.toBbox(row["segmentation"]).tolist()
  predicted = folder / "predictions.json"
  predicted.write_text(json.dumps(predictions))
  prefix = "cgF1_eval_segm_"
  out = {}
  for name, chosen in (("a", paths[:1]), ("c", paths[2:]), ("abc", paths)):
    with contextlib.redirect_stdout(io.StringIO()):
      found = module.CGF1Evaluator(chosen).evaluate(str(predicted))
    out[name] = {k.removeprefix(prefix): v for k, v in found.items()}
  return out


def nuscenes(folder: pathlib.Path) -> dict:
  """Pixels and depths of a sweep on a picture, by the devkit."""
  sweep = data.nuscenes()
  sweep["points"].tofile(folder / "sweep.pcd.bin")
  Image.new("RGB", sweep["size"][::-1]).save(folder / "picture.jpg")
  tables = {
      ("sample_data", "sweep"): {
          "filename": "sweep.pcd.bin", "sensor_modality": "lidar",
          "calibrated_sensor_token": "lidar", "ego_pose_token": "lidar_pose"},
      ("sample_data", "picture"): {
          "filename": "picture.jpg", "calibrated_sensor_token": "camera",
          "ego_pose_token": "camera_pose"}}
  for table, names in (("calibrated_sensor", ("lidar", "camera")),
                       ("ego_pose", ("lidar_pose", "camera_pose"))):
    tables |= {(table, name): sweep[name] for name in names}
  base = types.SimpleNamespace(
      get=lambda table, token: tables[table, token], dataroot=str(folder))
  explorer = types.SimpleNamespace(nusc=base)
  pixels, depth, _ = NuScenesExplorer.map_pointcloud_to_image(
      explorer, "sweep", "picture")
  return {"pixels": pixels[:2].tolist(), "depth": depth.astype(float).tolist()}


def _differences(new, old, at: str = "") -> list[str]:
  if isinstance(new, dict) and isinstance(old, dict) and new.keys() == old.keys():
    return [d for k in new for d in _differences(new[k], old[k], f"{at}.{k}")]
  if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
    return [d for i, (a, b) in enumerate(zip(new, old))
            for d in _differences(a, b, f"{at}[{i}]")]
  numbers = isinstance(new, (int, float)) and isinstance(old, (int, float))
  same = abs(new - old) <= 1e-9 if numbers else new == old
  return [] if same else [f"{at}: {old} is stored, {new} was made"]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--check", action="store_true", help="compare, do not write")
  check = parser.parse_args().check
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    made = {"semantic": semantic(folder), "masks": masks(), "saco": saco(folder),
            "nuscenes": nuscenes(folder)}
  if not check:
    FILE.write_text(json.dumps(made, indent=1) + "\n")
    print(f"wrote {FILE.name}")
    return
  found = _differences(made, json.loads(FILE.read_text()))
  print("\n".join(found[:20]) or f"{FILE.name}: the same again")
  sys.exit(bool(found))


if __name__ == "__main__":
  main()
