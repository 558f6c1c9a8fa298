"""Reads meshes, textures and environments out of other people's packages.

The packages are unpacked, never imported or built. Licences: robosuite and
metaworld MIT, pybullet zlib, miniworld Apache 2.0, @pmndrs/assets CC0. None of
their data is part of this repository.
"""

import base64
import dataclasses
import os
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

from vision_banana.data.rooms import primitives
from vision_banana.data.rooms.assets import Library, Mesh, MeshInfo, Part

MAX_FACES = 1500
TEXTURE_SIZE = 128
ENVIRONMENT_SIZE = (64, 128)
MAX_RADIANCE = 200.0
ROBOSUITE = "robosuite/models/assets"
METAWORLD = "metaworld/assets"


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a mesh is and how it stands.

  Attributes:
    name: in the library.
    category: its noun.
    files: .obj, .stl or MuJoCo .xml paths below the unpacked packages.
    height: metres after standing it up, or None for the file's own scale.
    support: 'table' or 'floor'.
    up: the file's up axis.
    texture: image beside the mesh file; a material file may name another.
    color: sRGB of a mesh without texture; None takes its material file's.
    turn: degrees about +z, so that its front faces -y.
  """
  name: str
  category: str
  files: tuple[str, ...]
  height: float | None
  support: str = "table"
  up: str = "z"
  texture: str | None = None
  color: tuple[float, float, float] | None = None
  turn: float = 0.0


def _robosuite(name: str, category: str, texture: str, height: float) -> Source:
  return Source(name, category, (f"{ROBOSUITE}/objects/meshes/{name}.obj",), height,
                texture=f"{ROBOSUITE}/textures/{texture}.png")


def _metaworld(name: str, category: str, height: float, support: str = "table",
               turn: float = 0.0) -> Source:
  return Source(name.lower(), category, (f"{METAWORLD}/objects/assets/{name}.xml",),
                height, support, turn=turn)


def _pybullet(name: str, category: str, path: str, height: float, **kwargs) -> Source:
  return Source(name, category, (f"pybullet_data/{path}",), height, **kwargs)


def _miniworld(name: str, category: str, height: float, support: str,
               **kwargs) -> Source:
  return Source(name, category, (f"miniworld/meshes/{name}.obj",), height, support,
                "y", texture=f"miniworld/meshes/{name}.png", **kwargs)


MESHES = (
    _robosuite("bottle", "bottle", "glass", 0.16),
    _robosuite("bread", "bread", "bread", 0.07),
    _robosuite("can", "soda can", "soda", 0.12),
    _robosuite("cereal", "cereal box", "cereal", 0.2),
    _robosuite("lemon", "lemon", "lemon", 0.06),
    _robosuite("milk", "milk carton", "ceramic", 0.18),
    _metaworld("laptop", "laptop", 0.24),
    _metaworld("coffeemachine", "coffee machine", 0.34),
    _metaworld("thermos", "thermos", 0.24),
    _metaworld("hammer", "hammer", 0.05),
    _metaworld("faucet", "faucet", 0.2),
    _metaworld("drawer", "drawer", 0.2),
    _metaworld("basketball", "basketball", 0.24, "floor"),
    _metaworld("basketballhoop", "basketball hoop", 1.3, "floor"),
    _metaworld("soccer_goal", "soccer goal", 0.6, "floor"),
    _metaworld("doorlockA", "safe", 0.35, "floor"),
    _metaworld("buttonbox", "button box", 0.12),
    _metaworld("shelf", "rack", 0.3),
    _pybullet("duck", "rubber duck", "duck.obj", 0.12, up="y",
              texture="pybullet_data/duckCM.png"),
    _pybullet("bunny", "toy bunny", "bunny.obj", 0.18, color=(.75, .7, .65)),
    _pybullet("teddy", "teddy bear", "teddy2_VHACD_CHs.obj", 0.28, up="y",
              color=(.55, .35, .18)),
    _pybullet("lego", "toy brick", "lego/lego.obj", 0.06, up="y", color=(.8, .1, .1)),
    _pybullet("pybullet_mug", "mug", "urdf/mug.obj", 0.1, color=(.75, .75, .7), turn=90),
    _pybullet("soccerball", "soccer ball", "soccerball.obj", 0.22, up="y",
              support="floor"),
    _pybullet("tray", "tray", "tray/tray_textured.obj", 0.06,
              texture="pybullet_data/tray/tray.jpg"),
    _miniworld("office_chair", "office chair", 1.0, "floor"),
    _miniworld("office_desk", "office desk", 0.75, "floor"),
    _miniworld("cone", "traffic cone", 0.6, "floor"),
    _miniworld("barrel", "barrel", 0.85, "floor"),
    _miniworld("barrier", "barrier", 0.4, "floor"),
    _miniworld("tree", "potted tree", 1.4, "floor"),
    _miniworld("tree_pine", "pine tree", 1.5, "floor", color=(.15, .4, .2)),
    _miniworld("medkit", "first-aid kit", 0.2, "table"),
    _miniworld("potion", "potion", 0.2, "table"),
    _miniworld("key", "key", 0.12, "table", color=(.8, .6, .2)),
    _miniworld("duckie", "toy duck", 0.16, "table"),
    _miniworld("building", "toy building", 0.6, "floor"),
)

# Texture name → file; names are unique.
_R, _M, _W = f"{ROBOSUITE}/textures", f"{METAWORLD}/textures", "miniworld/textures"
TEXTURES = {
    "floor": [f"{_R}/{n}.png" for n in (
        "wood-tiles", "wood-varnished-panels", "light-gray-floor-tile", "gray-felt",
        "gray-woodgrain")]
             + [f"{_M}/{n}.png" for n in ("floor1", "floor2", "granite")]
             + [f"{_W}/{n}.png" for n in (
                 "floor_tiles_bw_1", "floor_tiles_white", "wood_planks_1",
                 "concrete_tiles_1", "marble_1", "marble_2", "wood_1")],
    "wall": [f"{_R}/{n}.png" for n in (
        "white-bricks", "pink-plaster", "cream-plaster", "gray-plaster",
        "light-gray-plaster", "white-plaster", "yellow-plaster")]
            + [f"{_M}/{n}.png" for n in ("brick1", "plaster1")]
            + [f"{_W}/{n}.png" for n in (
                "brick_wall_1", "cinder_blocks_1", "concrete_1", "concrete_2",
                "drywall_1", "stucco_1", "ceiling_tiles_1")],
    "table": [f"{_R}/{n}.png" for n in (
        "blue-wood", "dark-wood", "green-wood", "light-wood", "red-wood", "ceramic",
        "steel-brushed")]
             + [f"{_M}/{n}.png" for n in ("wood1", "wood2", "wood3", "marble")]
             + [f"{_W}/{n}.png" for n in ("wood_2", "cardboard_1")],
}
PICTURES = f"{_W}/portraits/*.png"
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


def read_mesh(root: pathlib.Path, source: Source) -> Mesh:
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
  import mitsuba as mi  # pylint: disable=g-import-not-at-top
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
  meshes = {s.name: read_mesh(root, s) for s in MESHES
            if all((root / f).exists() for f in s.files)}
  textures = {}
  files = {k: [root / p for p in v] for k, v in TEXTURES.items()}
  files["picture"] = sorted(root.glob(PICTURES))[:MAX_PICTURES]
  for kind, paths in files.items():
    for path in paths:
      if path.exists():
        textures[path.stem] = (kind, _image(path))
  environments = {}
  for path in sorted(root.glob("package/hdri/*.exr.js")):
    environments[path.name.split(".")[0]] = read_environment(path)
  return Library(meshes, textures, environments)
