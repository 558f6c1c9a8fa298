"""Reads meshes, textures and environments out of other people's packages.

The packages are unpacked, never imported or built.
"""

import base64
import dataclasses
import os
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

from vision_banana.data.rooms import asset_sources
from vision_banana.data.rooms import backend
from vision_banana.data.rooms import primitives
from vision_banana.data.rooms.assets import Library, Mesh, MeshInfo, Part

MAX_FACES = 1500
TEXTURE_SIZE = 128
ENVIRONMENT_SIZE = (64, 128)
MAX_RADIANCE = 200.0
MAX_PICTURES = 48
_EXR = re.compile(rb"base64,([A-Za-z0-9+/=]+)")


def _linear(rgb: np.ndarray) -> tuple[float, float, float]:
  return tuple(float(c) for c in np.clip(rgb, 0.02, 0.9) ** 2.2)


def _image(path: pathlib.Path | Image.Image) -> np.ndarray:
  image = path if isinstance(path, Image.Image) else Image.open(path)
  return np.asarray(image.convert("RGB").resize((TEXTURE_SIZE,) * 2, Image.LANCZOS))


def _read_mesh(path: pathlib.Path, texture: pathlib.Path | None,
               color: tuple[float, float, float] | None) -> list[Part]:
  """Triangles of an .obj or .stl, one part a material."""
  import trimesh  # pylint: disable=g-import-not-at-top
  parts = []
  for geometry in trimesh.load(str(path), force="scene").dump():
    material = getattr(geometry.visual, "material", None)
    uv = getattr(geometry.visual, "uv", None)
    picture, rgb = None, color or (0.6, 0.6, 0.6)
    if uv is not None and len(uv):
      image = getattr(material, "image", None)
      if texture is not None and texture.exists():
        picture = _image(texture)
      elif image is not None and min(image.size) > 4:  # Smaller: a placeholder.
        picture = _image(image)
    if color is None and material is not None:
      rgb = tuple(np.asarray(material.main_color[:3]) / 255.0)
    if picture is None:
      geometry = _decimate(geometry)
      corners = geometry.faces.reshape(-1)
      smooth = np.repeat(geometry.face_normals, 3, 0)
      vertices, faces = geometry.vertices[corners], np.arange(len(corners))
      vn = geometry.vertex_normals[corners]
      # Smooth where the surface is nearly flat, crisp at edges.
      normals = np.where((vn * smooth).sum(1, keepdims=True) > 0.8, vn, smooth)
      coordinates = np.zeros((len(vertices), 2))
    else:
      vertices, faces = geometry.vertices, geometry.faces
      normals = geometry.vertex_normals
      coordinates = np.stack([uv[:, 0], 1 - uv[:, 1]], 1)
      if np.abs(coordinates - 0.5).max() > 0.51:
        coordinates = coordinates - np.floor(coordinates)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 0.5, normals / np.maximum(length, 1e-9), (0, 0, 1))
    parts.append(Part(vertices.astype(np.float32), normals.astype(np.float32),
                      coordinates.astype(np.float32),
                      faces.reshape(-1, 3).astype(np.int32), picture,
                      _linear(np.asarray(rgb))))
  return parts


def _decimate(geometry):
  import fast_simplification  # pylint: disable=g-import-not-at-top
  import trimesh  # pylint: disable=g-import-not-at-top
  mesh = trimesh.Trimesh(geometry.vertices, geometry.faces)
  mesh.merge_vertices(merge_tex=True, merge_norm=True)
  if len(mesh.faces) > MAX_FACES:
    vertices, faces = fast_simplification.simplify(
        np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32),
        target_count=MAX_FACES)
    mesh = trimesh.Trimesh(vertices, faces)
  return mesh


def _floats(node: ElementTree.Element, key: str, default: str) -> np.ndarray:
  return np.array([float(x) for x in node.get(key, default).split()])


def _pose(node: ElementTree.Element) -> np.ndarray:
  """4x4 of a body's or geom's `pos` and `quat` or `euler` (radians, intrinsic)."""
  from scipy.spatial.transform import Rotation  # pylint: disable=g-import-not-at-top
  matrix = np.eye(4)
  matrix[:3, 3] = _floats(node, "pos", "0 0 0")
  if "quat" in node.attrib:
    w, x, y, z = _floats(node, "quat", "1 0 0 0")
    matrix[:3, :3] = Rotation.from_quat((x, y, z, w)).as_matrix()
  elif "euler" in node.attrib:
    matrix[:3, :3] = Rotation.from_euler("XYZ", _floats(node, "euler", "")).as_matrix()
  return matrix


def _read_mujoco(path: pathlib.Path) -> list[Part]:
  """The visible geoms of a metaworld object and its `_dependencies.xml`."""
  stem = path.stem.split("_")[0]
  stem = {"doorlockA": "doorlock", "basketballhoop": "basketball"}.get(stem, stem)
  assets = ElementTree.parse(path.with_name(f"{stem}_dependencies.xml")).getroot()
  colors = {m.get("name"): _floats(m, "rgba", "0.6 0.6 0.6 1")[:3]
            for m in assets.iter("material")}
  meshes = {m.get("name"): m for m in assets.iter("mesh")}
  parts = []

  def visit(node: ElementTree.Element, pose: np.ndarray) -> None:
    for child in node:
      if child.tag == "body":
        visit(child, pose @ _pose(child))
      elif child.tag == "geom" and not child.get("class", "").endswith("col"):
        place = pose @ _pose(child)
        color = colors.get(child.get("material"), np.full(3, 0.6))
        if "mesh" in child.attrib:
          mesh = meshes[child.get("mesh")]
          file = path.parents[1] / mesh.get("file").split("objects/")[1]
          scale = _floats(mesh, "scale", "1 1 1")
          found = _read_mesh(file, None, tuple(color))
        else:
          found, scale = _primitive(child, _linear(color)), np.ones(3)
        for part in found:
          vertices = part.vertices * scale @ place[:3, :3].T + place[:3, 3]
          parts.append(dataclasses.replace(
              part, vertices=vertices, normals=part.normals @ place[:3, :3].T))

  visit(ElementTree.parse(path).getroot(), np.eye(4))
  return parts


def _primitive(geom: ElementTree.Element,
               rgb: tuple[float, float, float]) -> list[Part]:
  size = np.resize(_floats(geom, "size", "0.01"), 3)
  kind = geom.get("type", "sphere")
  shape = {"box": "box", "cylinder": "cylinder", "capsule": "capsule"}.get(kind, "ball")
  extent = 2 * size
  if kind in ("cylinder", "capsule"):
    extent = 2 * np.array([size[0], size[0], size[1]])
  return [Part((p.vertices - (0, 0, 0.5)) * extent, p.normals, p.uvs, p.faces, None,
               rgb) for p in primitives.make(shape)]


def read_mesh(root: pathlib.Path, source: asset_sources.Source) -> Mesh:
  """One mesh, stood up, scaled to metres and centred on its base."""
  parts = []
  for file in source.files:
    path = root / file
    if path.suffix == ".xml":
      parts += _read_mujoco(path)
    else:
      parts += _read_mesh(path, root / source.texture if source.texture else None,
                          source.color)
  stand = np.eye(3)
  if source.up == "y":
    stand = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
  c, s = np.cos(np.radians(source.turn)), np.sin(np.radians(source.turn))
  stand = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ stand
  points = np.concatenate([p.vertices for p in parts]) @ stand.T
  low, high = points.min(0), points.max(0)
  scale = 1.0 if source.height is None else source.height / (high[2] - low[2])
  origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
  parts = tuple(dataclasses.replace(
      p, vertices=((p.vertices @ stand.T - origin) * scale).astype(np.float32),
      normals=(p.normals @ stand.T).astype(np.float32)) for p in parts)
  size = tuple(float(x) for x in (high - low) * scale)
  return Mesh(MeshInfo(source.category, size, source.support), parts)


def read_environment(path: pathlib.Path) -> np.ndarray:
  """A float32 [64, 128, 3] panorama from a JavaScript module holding an EXR."""
  mi = backend.mitsuba()
  match = _EXR.search(path.read_bytes())
  stream = mi.MemoryStream()
  stream.write(base64.b64decode(match.group(1)))
  stream.seek(0)
  bitmap = mi.Bitmap(stream).convert(
      mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, False)
  # Some hold negative values; a bare sun would turn into noise.
  image = np.clip(np.array(bitmap), 0, MAX_RADIANCE)
  height, width = ENVIRONMENT_SIZE
  rows, columns = image.shape[0] // height, image.shape[1] // width
  image = image[:rows * height, :columns * width]
  return image.reshape(height, rows, width, columns, 3).mean((1, 3)).astype(np.float32)


def read_packages(root: str | os.PathLike[str]) -> Library:
  """Everything that is found below `root`, where the packages are unpacked."""
  root = pathlib.Path(root)
  meshes = {s.name: read_mesh(root, s) for s in asset_sources.MESHES
            if all((root / f).exists() for f in s.files)}
  textures = {}
  files = {k: [root / p for p in v] for k, v in asset_sources.TEXTURES.items()}
  files["picture"] = sorted(root.glob(asset_sources.PICTURES))[:MAX_PICTURES]
  for kind, paths in files.items():
    for path in paths:
      if path.exists():
        textures[path.stem] = (kind, _image(path))
  environments = {}
  for path in sorted(root.glob("package/hdri/*.exr.js")):
    environments[path.name.split(".")[0]] = read_environment(path)
  return Library(meshes, textures, environments)
