"""Tiny datasets in the layouts their authors distribute, made from a seed.

Each function fills a folder and returns what a reader should find in it: the key of
each record → its scene.
"""

import csv
import json
import pathlib

import h5py
import numpy as np
from PIL import Image

from tests.data import fake

# A lens that is shifted and tilted, so that rays are not those of a plain pinhole.
TILTED = np.array([[.58, .02, .06], [-.01, .43, -.05], [.03, .05, -1.]])
PINHOLE = np.array([[.577, 0, 0], [0, .433, 0], [0, 0, -1.]])

# (unit normal n, distance d): points with n·X = -d. Floor, ceiling, two side walls
# and a slanted one at the back, of a room seen from its inside.
_PLANES = [((0, 1, 0), 1.2), ((0, -1, 0), 1.3), ((1, 0, 0), 1.5), ((-1, 0, 0), 2.),
           ((.28, 0, .96), 4.)]
_FLOOR, _CEILING, _WALL, _PICTURE, _OTHER = 2, 22, 1, 11, 40


def room(matrix: np.ndarray, height: int, width: int) -> dict[str, np.ndarray]:
  """Distance along the ray, z-depth, normals and plane of each pixel, analytically."""
  distance = np.zeros((height, width))
  depth, normals = np.zeros((height, width)), np.zeros((height, width, 3))
  plane = np.zeros((height, width), int)
  for j in range(height):
    for i in range(width):
      ray = matrix @ [-1 + (2 * i + 1) / width, 1 - (2 * j + 1) / height, 1]
      slopes = [float(np.array(n) @ ray) for n, _ in _PLANES]
      hits = [(-_PLANES[k][1] / s, k) for k, s in enumerate(slopes) if s < 0]
      t, k = min(hits)
      point = t * ray
      distance[j, i], depth[j, i] = np.sqrt(point @ point), -point[2]
      normals[j, i], plane[j, i] = _PLANES[k][0], k
  return {"distance": distance, "depth": depth, "normals": normals, "plane": plane}


def hypersim(folder: pathlib.Path, seed: int = 0, height: int = 24, width: int = 32,
             dtype: type = np.float16) -> dict[str, dict]:
  """Two scenes, three frames of train and one of test; one more is not public.

  `dtype` is of the colours, distances and normals: float16 in the real files.
  """
  rng = np.random.default_rng(seed)
  scenes = {"ai_001_001": (TILTED, "train"), "ai_002_003": (PINHOLE, "test")}
  head = ["scene_name", "settings_units_info_meters_scale"] + [
      f"M_cam_from_uv_{i}{j}" for i in range(3) for j in range(3)]
  _csv(folder / "metadata_camera_parameters.csv", head, [
      [name, .0254, *matrix.ravel().tolist()] for name, (matrix, _) in scenes.items()])
  frames = [("ai_001_001", "cam_00", i, True) for i in (0, 7)]
  frames += [("ai_001_001", "cam_01", 3, True), ("ai_001_001", "cam_01", 4, False),
             ("ai_002_003", "cam_00", 0, True)]
  _csv(folder / "metadata_images_split_scene_v1.csv", [
      "scene_name", "camera_name", "frame_id", "included_in_public_release",
      "exclude_reason", "split_partition_name"], [
          [scene, camera, i, public, "" if public else "person",
           scenes[scene][1] if public else ""]
          for scene, camera, i, public in frames])
  return {f"{scene}/{camera}/{i:04d}": _hypersim_frame(
      folder / scene / "images", camera, i, scenes[scene][0], rng, height, width, dtype)
          for scene, camera, i, public in frames if public}


def _hypersim_frame(images, camera, index, matrix, rng, height, width, dtype):
  truth = room(matrix, height, width)
  semantic = np.array([_FLOOR, _CEILING, _WALL, _WALL, _WALL])[truth["plane"]]
  instance = np.full_like(semantic, -1)
  back = truth["plane"] == 4
  rows = np.arange(height)[:, None] < height // 2
  for number, part in ((5, back & rows), (9, back & ~rows)):
    part = part & (np.arange(width) % 6 > 2)
    semantic[part], instance[part] = _PICTURE, number
  semantic[-2:, :4], instance[-2:, :4] = _OTHER, 70_000
  semantic[-2:, 4:8] = -1
  valid = np.ones((height, width), bool)
  valid[:3, -5:] = False
  distance = np.where(valid, truth["distance"], np.nan)
  # Some meshes are seen from behind.
  sign = np.where(truth["plane"] == 2, -1, 1)[..., None]
  light = .2 + np.clip(truth["normals"] @ [.3, .8, .5], 0, 1)
  texture = 1 + .5 * np.sin(np.arange(width)[None] * .9 + np.arange(height)[:, None])
  color = (light * texture)[..., None] * rng.uniform(.5, 4, 3)
  arrays = {
      "final/color": color.astype(dtype),
      "geometry/depth_meters": distance.astype(dtype),
      "geometry/normal_cam": (sign * truth["normals"]).astype(dtype),
      "geometry/semantic": semantic.astype(np.int16),
      "geometry/semantic_instance": instance.astype(np.int32),
      "geometry/render_entity_id": np.where(valid, 1 + truth["plane"], -1).astype(
          np.int32)}
  for name, array in arrays.items():
    kind, field = name.split("/")
    path = images / f"scene_{camera}_{kind}_hdf5" / f"frame.{index:04d}.{field}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
      file["dataset"] = array
  names = {_FLOOR: "floor", _CEILING: "ceiling", _WALL: "wall", _PICTURE: "picture"}
  classes = np.full(semantic.shape, "", dtype=object)
  for number, name in names.items():
    classes[(semantic == number) & valid] = name
  return {"color": color, "valid": valid, "classes": classes, "instance": instance,
          "depth": np.where(valid, truth["depth"], np.nan),
          "normals": np.where(valid[..., None], truth["normals"], 0)}


def tartanair(folder: pathlib.Path, seed: int = 0, size: int = 32) -> dict[str, dict]:
  """Two environments, three trajectories, four frames with a strip of sky."""
  truth = {}
  for i, flight in enumerate(("abandoned/Easy/P001", "abandoned/Hard/P000",
                              "office/office/Easy/P002")):
    for index in range(1 + (i == 0)):
      scene = fake.scene(100 * seed + 10 * i + 3 * index + 1, size)
      depth = scene["depth"].copy()
      depth[:5] = 10_000 + np.arange(size)
      name = f"{index:06d}_left"
      _image(folder / flight / "image_left" / f"{name}.png", scene["image"])
      path = folder / flight / "depth_left" / f"{name}_depth.npy"
      path.parent.mkdir(parents=True, exist_ok=True)
      np.save(path, depth)
      truth[f"{flight}/image_left/{name}"] = {
          "image": scene["image"],
          "depth": np.where(np.arange(size)[:, None] < 5, np.inf, depth)}
  return truth


_ADE_NAMES = {"floor": (976, "floor, flooring"), "wall": (2978, "wall"),
              "ceiling": (447, "ceiling"), "box": (236, "box"),
              "crate": (616, "crate"), "mug": (1598, "mug"), "book": (190, "book"),
              "lamp": (1395, "lamp")}


def ade20k(folder: pathlib.Path, seed: int = 0, size: int = 40) -> dict[str, dict]:
  """Three photographs of training and one of validation, wider than high."""
  truth = {}
  for i in range(4):
    split, short = ("training", "train") if i < 3 else ("validation", "val")
    stem = f"ADE_{short}_{i + 1:08d}"
    place = folder / "ADE20K_2021_17_01" / "images" / "ADE" / split / "home" / "kitchen"
    scene = fake.scene(100 * seed + i, size)
    image, ids = scene["image"][:-7 - i], scene["instances"][:-7 - i]
    names = ["", *scene["categories"]]
    numbers = np.array([0] + [_ADE_NAMES[name][0] for name in names[1:]])[ids]
    # Instances of a class are told apart by blue; any other number would do.
    codes = np.stack([numbers // 256 * 10, numbers % 256, ids * 13 % 256], -1)
    _image(place / f"{stem}.jpg", image, quality=100, subsampling=0)
    _image(place / f"{stem}_seg.png", codes.astype(np.uint8))
    _image(place / f"{stem}_parts_1.png", np.zeros_like(image))
    objects = [{"id": k, "name": _ADE_NAMES[name][1], "name_ndx": _ADE_NAMES[name][0],
                "raw_name": "café" if k == 0 else name, "parts": {"part_level": 0},
                "instance_mask": f"{stem}/instance_{k:03d}_{stem}.png",
                "polygon": {"x": [0, 1, 1], "y": [0, 0, 1]}}
               for k, name in enumerate(names[1:])]
    about = json.dumps({"annotation": {"filename": f"{stem}.jpg", "object": objects}},
                       ensure_ascii=False)
    (place / f"{stem}.json").write_bytes(about.encode("latin-1" if i == 1 else "utf-8"))
    truth[stem] = {"image": image, "instances": ids, "categories": scene["categories"]}
  return truth


_OI_LABELS = {"box": "/m/025dyy", "crate": "/m/0crate", "mug": "/m/02jvh9",
              "book": "/m/0bt_c3", "lamp": "/m/0dtln", "tree": "/m/07j7r",
              "human hand": "/m/0k65p"}


def open_images(folder: pathlib.Path, seed: int = 0, size: int = 40) -> dict[str, dict]:
  """Three photographs of train; masks of half the resolution; rows in any order."""
  rng = np.random.default_rng(seed)
  masks, labels, truth = [], [], {}
  for i, key in enumerate(("0007cebe1b2ba653", "ffee0cb1f3000000", "00a5e6d0b7f0c1aa")):
    scene = fake.scene(100 * seed + i, size)
    # An Open Images archive unpacks to a folder by the first digit of the id.
    part = f"_{key[0]}" if i else ""
    _image(folder / f"train{part}" / f"{key}.jpg", scene["image"], quality=100,
           subsampling=0)
    ids = np.repeat(np.repeat(scene["instances"][::2, ::2], 2, 0), 2, 1)
    found = []
    for k, name in enumerate(scene["categories"], 1):
      if name not in _OI_LABELS or not (ids == k).any():
        continue
      box = f"{rng.integers(2**32):08x}"
      file = f"{key}_{_OI_LABELS[name][1:].replace('/', '')}_{box}.png"
      place = folder / f"train-masks{part.replace('_', '-')}" / file
      place.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(ids[::2, ::2] == k).save(place)
      masks.append([file, key, _OI_LABELS[name], box, 0, 1, 0, 1, .8, "0.5 0.5 1"])
      labels.append([key, "verification", _OI_LABELS[name], 1])
      found.append((name, ids == k))
    labels.append([key, "verification", _OI_LABELS["tree"], 0])
    labels.append([key, "crowdsource-verification", _OI_LABELS["human hand"], i % 2])
    truth[key] = {"image": scene["image"], "masks": found,
                  "absent": ["human hand", "tree"] if i % 2 == 0 else ["tree"]}
  rng.shuffle(masks)
  rng.shuffle(labels)
  _csv(folder / "train-annotations-object-segmentation.csv", [
      "MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin",
      "BoxYMax", "PredictedIoU", "Clicks"], masks)
  _csv(folder / "oidv7-train-annotations-human-imagelabels-boxable.csv", [
      "ImageID", "Source", "LabelName", "Confidence"], labels)
  _csv(folder / "oidv7-class-descriptions-boxable.csv", ["LabelName", "DisplayName"],
       [[label, name.capitalize()] for name, label in _OI_LABELS.items()])
  return truth


def _csv(path: pathlib.Path, head: list, rows: list) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([head, *rows])


def _image(path: pathlib.Path, array: np.ndarray, **options) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(array).save(path, **options)
