"""HyperSim (Roberts et al., ICCV 2021): rendered rooms; depth, normals, classes.

Reads the layout of github.com/apple/ml-hypersim: `ai_VVV_NNN/images/…` as the
download script unpacks it, and beside the scenes two files of that repository,
`metadata_images_split_scene_v1.csv` and `metadata_camera_parameters.csv`. Of each
frame color, depth_meters, normal_cam, semantic, semantic_instance and
render_entity_id are needed.
"""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from vision_banana.data.builders import files, storage
from vision_banana.errors import UserError

decode = storage.decode

SPLITS = ("train", "val", "test")
# NYU40 without 'otherstructure', 'otherfurniture' and 'otherprop' (38 to 40), which
# are no names anybody would ask for: these pixels are unnamed.
NAMES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window",
    "bookshelf", "picture", "counter", "blinds", "desk", "shelves", "curtain",
    "dresser", "pillow", "mirror", "floor mat", "clothes", "ceiling", "books",
    "refrigerator", "television", "paper", "towel", "shower curtain", "box",
    "whiteboard", "person", "nightstand", "toilet", "sink", "lamp", "bathtub", "bag")

_SPLIT_FILE = "metadata_images_split_scene_v1.csv"
_CAMERA_FILE = "metadata_camera_parameters.csv"
_PERCENTILE, _BRIGHTNESS, _GAMMA = 90, 0.8, 1 / 2.2
_DARK = 1e-4


class Hypersim(storage.SceneBuilder):
  """Frames of one split."""

  name = "hypersim"
  description = "HyperSim: photorealistic rooms with depth, normals and NYU40 classes."
  fields = ("image", "depth", "normals", "many_instances", "categories")
  pkg_dir_path = None


@dataclasses.dataclass(frozen=True)
class Frame:
  """Where a frame is.

  Attributes:
    folder: `ai_VVV_NNN/images`.
    camera: for example 'cam_00'.
    index: for example 17.
    matrix: M_cam_from_uv of the scene, row by row.
  """
  folder: pathlib.Path
  camera: str
  index: int
  matrix: tuple[float, ...]

  @property
  def key(self) -> str:
    return f"{self.folder.parent.name}/{self.camera}/{self.index:04d}"


def records(folder: pathlib.Path, split: str) -> list[Frame]:
  """Frames of the official split whose scenes are in the folder.

  Raises:
    UserError: one of the two CSV files is missing, or damaged, or lacks a scene; or
      h5py is not installed.
  """
  files.h5py()
  cameras = files.rows(folder / _CAMERA_FILE,
                       "contrib/mikeroberts3000 of github.com/apple/ml-hypersim")
  frames = files.rows(folder / _SPLIT_FILE,
                      "evermotion_dataset/analysis of github.com/apple/ml-hypersim")
  here: dict[str, bool] = {}
  found = []
  try:
    matrices = {row["scene_name"]: tuple(
        float(row[f"M_cam_from_uv_{i}{j}"]) for i in range(3) for j in range(3))
                for row in cameras}
    for row in frames:
      if (row["split_partition_name"] != split
          or row["included_in_public_release"].strip().lower() != "true"):
        continue
      scene = row["scene_name"]
      images = folder / scene / "images"
      if scene not in here:
        here[scene] = images.is_dir()
      if here[scene]:
        found.append(Frame(images, row["camera_name"], int(row["frame_id"]),
                           matrices[scene]))
  except (KeyError, TypeError, ValueError) as e:
    raise UserError(f"{folder}: {_CAMERA_FILE} or {_SPLIT_FILE} lacks a column, scene "
                    f"or number ({e}); fetch both again.") from e
  if sum(here.values()) < len(here):
    print(f"hypersim {split}: {sum(here.values())} of {len(here)} scenes are in "
          f"{folder}")
  return found


def read(frame: Frame) -> dict[str, Any]:
  """The scene of a frame: image, depth, normals, instances, categories.

  Raises:
    UserError: a file is missing or damaged, or sizes disagree.
  """
  def path(kind: str, name: str) -> pathlib.Path:
    return (frame.folder / f"scene_{frame.camera}_{kind}_hdf5"
            / f"frame.{frame.index:04d}.{name}.hdf5")

  ndims = {path("final", "color"): 3, path("geometry", "depth_meters"): 2,
           path("geometry", "normal_cam"): 3, path("geometry", "semantic"): 2,
           path("geometry", "semantic_instance"): 2,
           path("geometry", "render_entity_id"): 2}
  arrays = {p: files.hdf5(p, ndim) for p, ndim in ndims.items()}
  files.check_shapes(arrays)
  color, distance, normals, semantic, instance, entity = arrays.values()
  valid = entity != -1
  directions = rays(np.reshape(frame.matrix, (3, 3)), *distance.shape)
  ids, categories = _instances(np.where(valid, semantic, -1), instance)
  return {
      "image": tone_map(color, valid),
      "depth": planar_depth(np.where(valid, distance, np.nan), directions),
      "normals": face_camera(np.where(valid[..., None], normals, 0), directions),
      "instances": ids,
      "categories": categories,
  }


def rays(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
  """Unit directions through the pixels' centres, camera frame, float64 [H, W, 3].

  Args:
    matrix: M_cam_from_uv [3, 3], from (u, v, 1) with u right and v up in -1..1. Some
      scenes have shifted or tilted lenses: their rays are not those of a plain
      pinhole.
    height, width: in pixels.
  """
  u = (2 * np.arange(width) + 1) / width - 1
  v = 1 - (2 * np.arange(height) + 1) / height
  uv = np.stack([*np.meshgrid(u, v), np.ones((height, width))], -1)
  directions = uv @ np.asarray(matrix, np.float64).T
  return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def planar_depth(distance: np.ndarray, directions: np.ndarray) -> np.ndarray:
  """Distances along rays → z-depth in metres, float32 [H, W]; NaN where none is.

  The camera looks along -z: a point at distance d on the unit ray r has depth -d r_z.
  """
  depth = distance.astype(np.float64) * -directions[..., 2]
  return np.where(np.isfinite(depth) & (depth > 0), depth, np.nan).astype(np.float32)


def face_camera(normals: np.ndarray, directions: np.ndarray) -> np.ndarray:
  """Unit normals towards the viewer, float32 [H, W, 3]; 0 where there is none.

  HyperSim's camera frame is ours, but single-sided meshes seen from behind have
  normals that point away (ml-hypersim, issue 26).
  """
  normals = normals.astype(np.float64)
  length = np.linalg.norm(normals, axis=-1, keepdims=True)
  good = np.isfinite(length) & (length > 0.5)
  with np.errstate(divide="ignore", invalid="ignore"):
    normals = np.where(good, normals / length, 0)
  away = (normals * directions).sum(-1, keepdims=True) > 0
  return np.where(away, -normals, normals).astype(np.float32)


def tone_map(color: np.ndarray, valid: np.ndarray) -> np.ndarray:
  """HDR colours → uint8 [H, W, 3], as `scene_generate_images_tonemap.py` does.

  The 90th percentile of the brightness of valid pixels becomes 0.8.
  """
  color = np.nan_to_num(color.astype(np.float32), posinf=1e30, neginf=0)
  scale = 1.0
  if valid.any():
    brightness = (color @ np.float32([0.3, 0.59, 0.11]))[valid]
    current = np.percentile(brightness, _PERCENTILE)
    scale = 0.0 if current < _DARK else _BRIGHTNESS**(1 / _GAMMA) / current
  mapped = np.maximum(scale * color, 0)**_GAMMA
  return np.round(np.clip(mapped, 0, 1) * 255).astype(np.uint8)


def _instances(semantic: np.ndarray,
               instance: np.ndarray) -> tuple[np.ndarray, list[str]]:
  """Ids from 1 of (class, instance) pairs, int32 [H, W], and each id's name.

  Walls and the like have instance -1: all of it in view is one.
  """
  named = (semantic >= 1) & (semantic <= len(NAMES))
  pairs = np.where(named, semantic.astype(np.int64) << 32 | (instance + 1), 0)
  values, ids = np.unique(pairs, return_inverse=True)
  ids = ids.reshape(pairs.shape) + (0 if values[0] == 0 else 1)
  return ids.astype(np.int32), [NAMES[(v >> 32) - 1] for v in values.tolist() if v]
