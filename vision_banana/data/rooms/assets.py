"""The asset library: meshes, textures and environments for rendered rooms.

`fetch()` downloads the packages of `asset_packages.py`, reads them and writes one
file to the cache; `library()` reads that file. Without it rooms are made of plain
primitives under a constant sky.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile
import zlib

import numpy as np

from vision_banana.errors import UserError

PIP_PACKAGES = ("robosuite==1.5.2", "metaworld==3.1.1", "pybullet==3.2.7",
                "miniworld==2.1.0")
NPM_PACKAGE = "@pmndrs/assets@1.7.0"  # Environments; skipped without npm.
FILE = "assets-1.npz"
TEXTURE_KINDS = ("floor", "wall", "table", "picture")


@dataclasses.dataclass(frozen=True)
class MeshInfo:
  """What the scene sampler needs to know of a mesh.

  Attributes:
    category: its noun, for example 'rubber duck'.
    size: native bounding box (x, y, z) in metres.
    support: 'table' for something that stands on furniture, else 'floor'.
  """
  category: str
  size: tuple[float, float, float]
  support: str


@dataclasses.dataclass(frozen=True)
class Catalog:
  """Names only: enough to sample a room; any field may be empty.

  Attributes:
    meshes: name → MeshInfo; `Item.shape` is 'asset:' + name.
    textures: kind of `TEXTURE_KINDS` → names for `Material.texture`.
    environments: names for `Light.environment`.
  """
  meshes: dict[str, MeshInfo]
  textures: dict[str, tuple[str, ...]]
  environments: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Part:
  """Triangles of one material.

  Attributes:
    vertices: float32 [V, 3], metres, z up, base at z = 0, centred in x and y.
    normals: float32 [V, 3], unit.
    uvs: float32 [V, 2] in 0..1, v down the texture.
    faces: int32 [F, 3].
    texture: uint8 [h, w, 3] sRGB, or None for a plain colour.
    rgb: linear RGB in 0..1.
  """
  vertices: np.ndarray
  normals: np.ndarray
  uvs: np.ndarray
  faces: np.ndarray
  texture: np.ndarray | None
  rgb: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Mesh:
  """A named mesh: `info` and its parts."""
  info: MeshInfo
  parts: tuple[Part, ...]


@dataclasses.dataclass(frozen=True)
class Library:
  """Everything the renderer can draw by name.

  Attributes:
    meshes: name → Mesh.
    textures: name → (kind of `TEXTURE_KINDS`, uint8 [h, w, 3] sRGB).
    environments: name → float32 [h, w, 3], linear, h ≤ 64.
  """
  meshes: dict[str, Mesh]
  textures: dict[str, tuple[str, np.ndarray]]
  environments: dict[str, np.ndarray]


def catalog(assets: Library) -> Catalog:
  """The names of a library, light enough to send to every worker."""
  textures = {k: tuple(n for n, (kind, _) in assets.textures.items() if kind == k)
              for k in TEXTURE_KINDS}
  return Catalog({n: m.info for n, m in assets.meshes.items()}, textures,
                 tuple(assets.environments))


def directory(path: str | os.PathLike[str] | None = None) -> pathlib.Path:
  """The cache: `path`, $VISION_BANANA_ASSETS or ~/.cache/vision_banana/assets."""
  path = path or os.environ.get("VISION_BANANA_ASSETS")
  return pathlib.Path(path or "~/.cache/vision_banana/assets").expanduser()


def library(path: str | os.PathLike[str] | None = None) -> Library:
  """Reads the cached library; warns and returns an empty one if there is none.

  Raises:
    UserError: the file cannot be read.
  """
  file = directory(path) / FILE
  if not file.exists():
    warnings.warn(f"no asset library at {file}: rooms will be plain primitives; run "
                  "`vision-banana render --fetch-assets` for meshes and textures")
    return Library({}, {}, {})
  try:
    with np.load(file, allow_pickle=False) as data:
      return _unpack(dict(data))
  except (OSError, ValueError, KeyError, EOFError, zlib.error,
          zipfile.BadZipFile) as e:
    raise UserError(f"asset library {file} is damaged ({e}): delete it and run "
                    "`vision-banana render --fetch-assets`") from e


def save(assets: Library, path: str | os.PathLike[str] | None = None) -> pathlib.Path:
  """Writes a library to the cache atomically; returns the file."""
  file = directory(path) / FILE
  file.parent.mkdir(parents=True, exist_ok=True)
  temporary = file.with_name(f"{FILE}.{os.getpid()}.tmp")
  with temporary.open("wb") as f:
    np.savez_compressed(f, **_pack(assets))
  os.replace(temporary, file)
  return file


def fetch(path: str | os.PathLike[str] | None = None) -> pathlib.Path:
  """Downloads the packages (about 350 MB, not kept) and caches their assets.

  Raises:
    UserError: pip cannot download a package.
  """
  # Not above: it imports this module.
  from vision_banana.data.rooms import asset_packages
  with tempfile.TemporaryDirectory() as temporary:
    root = pathlib.Path(temporary)
    for package in PIP_PACKAGES:
      _download([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet",
                 "--dest", temporary, package], root, package)
    try:
      _download(["npm", "pack", "--silent", NPM_PACKAGE], root, NPM_PACKAGE)
    except UserError as e:
      warnings.warn(f"{e}; rooms will have a constant sky")
    for archive in (*root.glob("*.whl"), *root.glob("*.gz"), *root.glob("*.tgz")):
      if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as z:
          z.extractall(root / "all")
      else:
        with tarfile.open(archive) as t:
          t.extractall(root / "all", filter="data")
    return save(asset_packages.read_packages(root / "all"), path)


def _download(command: list[str], root: pathlib.Path, package: str) -> None:
  try:
    subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
  except FileNotFoundError as e:
    raise UserError(f"cannot download {package}: {command[0]} is not installed") from e
  except subprocess.CalledProcessError as e:
    reason = (e.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise UserError(f"cannot download {package}: {reason}") from e


_ARRAYS = ("vertices", "normals", "uvs", "faces")


def _pack(assets: Library) -> dict[str, np.ndarray]:
  """A library as flat arrays and one JSON index."""
  arrays = {}
  index = {"meshes": {}, "textures": {}, "environments": list(assets.environments)}
  for name, mesh in assets.meshes.items():
    index["meshes"][name] = dict(dataclasses.asdict(mesh.info),
                                 rgb=[part.rgb for part in mesh.parts])
    for i, part in enumerate(mesh.parts):
      for key in _ARRAYS:
        arrays[f"mesh/{name}/{i}/{key}"] = getattr(part, key)
      if part.texture is not None:
        arrays[f"mesh/{name}/{i}/texture"] = part.texture
  for name, (kind, image) in assets.textures.items():
    index["textures"][name] = kind
    arrays[f"texture/{name}"] = image
  for name, image in assets.environments.items():
    arrays[f"environment/{name}"] = image
  arrays["index"] = np.frombuffer(json.dumps(index).encode(), np.uint8)
  return arrays


def _unpack(arrays: dict[str, np.ndarray]) -> Library:
  index = json.loads(arrays["index"].tobytes())
  meshes = {}
  for name, entry in index["meshes"].items():
    parts = []
    for i, rgb in enumerate(entry["rgb"]):
      prefix = f"mesh/{name}/{i}/"
      parts.append(Part(*[arrays[prefix + key] for key in _ARRAYS],
                        arrays.get(prefix + "texture"), tuple(rgb)))
    info = MeshInfo(entry["category"], tuple(entry["size"]), entry["support"])
    meshes[name] = Mesh(info, tuple(parts))
  textures = {n: (kind, arrays[f"texture/{n}"])
              for n, kind in index["textures"].items()}
  return Library(meshes, textures,
                 {n: arrays[f"environment/{n}"] for n in index["environments"]})
