"""nuScenes v1.0 val: front camera key frames with depth from the lidar."""

import pathlib
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import images, nuscenes_projection, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks

# Numbers of the 150 val scenes, first and last of each run.
_SCENES = (
    (3, 3), (12, 18), (35, 36), (38, 39), (92, 110), (221, 221), (268, 278), (329, 332),
    (344, 346), (519, 524), (552, 565), (625, 627), (629, 630), (632, 638), (770, 771),
    (775, 775), (777, 778), (780, 784), (794, 800), (802, 802), (904, 917), (919, 931),
    (962, 963), (966, 969), (971, 972), (1059, 1073))
SCENES = tuple(f"scene-{i:04d}" for a, b in _SCENES for i in range(a, b + 1))
TABLES = ("scene", "sample", "sample_data", "calibrated_sensor", "ego_pose", "sensor")


def _load(root: pathlib.Path, camera: dict[str, Any], lidar: dict[str, Any]):
  picture = images.read(root / camera["filename"])
  path, size = root / lidar["filename"], picture.shape[:2]
  try:
    points = nuscenes_projection.read_sweep(path.read_bytes())
  except OSError as e:
    raise UserError(f"{path}: cannot be read ({e.strerror}); restore the file.") from e
  except ValueError as e:
    raise UserError(f"{path}: not a lidar sweep ({e}); restore the file.") from e
  pixels, depth = nuscenes_projection.project(
      points, lidar["sensor"], lidar["pose"], camera["pose"], camera["sensor"], size)
  return picture, nuscenes_projection.depth_map(pixels, depth, size)


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "nuscenes", "v1.0-trainval")
  tables = {}
  for name in TABLES:
    rows = layout.parsed(root / f"v1.0-trainval/{name}.json")
    tables[name] = {row["token"]: row for row in rows}
  try:
    wanted = {token for token, s in tables["scene"].items() if s["name"] in SCENES}
    frames: dict[str, dict[str, Any]] = {}
    for row in tables["sample_data"].values():
      sensor = tables["calibrated_sensor"][row["calibrated_sensor_token"]]
      channel = tables["sensor"][sensor["sensor_token"]]["channel"]
      if row["is_key_frame"] and channel in ("CAM_FRONT", "LIDAR_TOP"):
        pose = tables["ego_pose"][row["ego_pose_token"]]
        frames.setdefault(row["sample_token"], {})[channel] = {
            **row, "sensor": sensor, "pose": pose}
    samples = sorted((s["timestamp"], token) for token, s in tables["sample"].items()
                     if s["scene_token"] in wanted)
    asked = tasks.request("depth")
    questions = [
        layout.question(token, asked, _load, root, frames[token]["CAM_FRONT"],
                        frames[token]["LIDAR_TOP"]) for _, token in samples]
  except KeyError as e:
    raise UserError(f"{root / 'v1.0-trainval'}: the tables do not fit together (no "
                    f"{e}); restore them.") from e
  lack = len(SCENES) - len(wanted)
  return layout.split_of(questions, SCENES, [
      f"{lack} of the {len(SCENES)} val scenes are not there"] if lack else ())


NUSCENES = records.Benchmark(
    name="nuscenes",
    about="nuScenes val, front camera key frames, metric depth. The paper does not say "
          "which pictures of val it takes.",
    read=_read, split="val, CAM_FRONT (hash of the scene list)",
    sha256=records.list_hash(SCENES), seed=0, size=6019,
    **protocols.depth_record("nuscenes"), folder="nuscenes")
