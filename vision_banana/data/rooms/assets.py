"""The asset library: meshes, textures and environments for rendered rooms.

Public: `library(path=None) -> Library`, `catalog(library) -> Catalog`, `fetch()`.
"""

import dataclasses

import numpy as np

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
