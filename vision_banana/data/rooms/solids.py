"""Boxes and surfaces of revolution, the solids that objects are made of."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import spatial

from vision_banana.data.rooms.scene import Material

SEGMENTS = 28
# Neighbouring segments of a profile that turn less than this share a normal.
SMOOTH_COSINE = 0.6


@dataclasses.dataclass(frozen=True)
class Piece:
  """Triangles of one material.

  Attributes:
    vertices: float32 [V, 3].
    normals: float32 [V, 3], unit.
    uvs: float32 [V, 2] in 0..1, v down the texture.
    faces: int32 [F, 3].
    material: None takes the material of the item.
  """
  vertices: np.ndarray
  normals: np.ndarray
  uvs: np.ndarray
  faces: np.ndarray
  material: Material | None = None


def box(size: Sequence[float], base: Sequence[float] = (0, 0, 0),
        material: Material | None = None) -> Piece:
  """A box of `size` whose base is centred at `base`; each side one texture."""
  sx, sy, sz = (float(s) for s in size)
  vertices, normals, uvs, faces = [], [], [], []
  for axis in range(3):
    for sign in (-1.0, 1.0):
      n = np.zeros(3)
      n[axis] = sign
      up = np.array([0.0, 0, 1]) if axis < 2 else np.array([0.0, 1, 0])
      right = np.cross(up, n)
      first = len(vertices)
      for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        vertices.append((n + a * right + b * up) / 2)
        normals.append(n)
        uvs.append(((a + 1) / 2, (1 - b) / 2))
      faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
  v = (np.array(vertices) + (0, 0, 0.5)) * (sx, sy, sz) + np.asarray(base, float)
  return Piece(v.astype(np.float32), np.array(normals, np.float32),
               np.array(uvs, np.float32), np.array(faces, np.int32), material)


def lathe(profile: Sequence[Sequence[float]], base: Sequence[float] = (0, 0, 0),
          material: Material | None = None, segments: int = SEGMENTS,
          scale: Sequence[float] = (1, 1, 1)) -> Piece:
  """Turns a profile of (radius, height) points, bottom first, around z.

  The outside is to the right of the path. Corners sharper than about 50° keep
  two normals, so that rims look crisp.
  """
  p = np.asarray(profile, float)
  d = np.diff(p, axis=0)
  keep = np.linalg.norm(d, axis=1) > 1e-9
  if not keep.all():
    raise ValueError("a profile repeats a point")
  length = np.linalg.norm(d, axis=1)
  n2 = np.stack([d[:, 1], -d[:, 0]], 1) / length[:, None]
  along = np.concatenate([[0], np.cumsum(length)])
  along /= along[-1]
  angle = np.linspace(0, 2 * np.pi, segments + 1)
  c, s = np.cos(angle), np.sin(angle)
  vertices, normals, uvs, faces = [], [], [], []
  offset = 0
  for i in range(len(d)):
    ends = []
    for end, other in ((i, i - 1), (i + 1, i + 1)):
      n = n2[i]
      if 0 <= other < len(d) and n2[i] @ n2[other] > SMOOTH_COSINE:
        n = n2[i] + n2[other]
        n = n / np.linalg.norm(n)
      ends.append((p[end], n, along[end]))
    for (r, z), (nr, nz), t in ends:
      vertices.append(np.stack([r * c, r * s, np.full_like(c, z)], 1))
      normals.append(np.stack([nr * c, nr * s, np.full_like(c, nz)], 1))
      uvs.append(np.stack([angle / (2 * np.pi), np.full_like(c, 1 - t)], 1))
    k = np.arange(segments) + offset
    m = k + segments + 1
    if ends[0][0][0] > 1e-9:
      faces.append(np.stack([k, k + 1, m + 1], 1))
    if ends[1][0][0] > 1e-9:
      faces.append(np.stack([k, m + 1, m], 1))
    offset += 2 * (segments + 1)
  v = np.concatenate(vertices) * np.asarray(scale, float) + np.asarray(base, float)
  n = np.concatenate(normals) / np.asarray(scale, float)
  n /= np.linalg.norm(n, axis=1, keepdims=True)
  return Piece(v.astype(np.float32), n.astype(np.float32),
               np.concatenate(uvs).astype(np.float32),
               np.concatenate(faces).astype(np.int32), material)


def rod(radius: float, height: float, base: Sequence[float] = (0, 0, 0),
        material: Material | None = None, segments: int = 16) -> Piece:
  """An upright cylinder."""
  return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], base,
               material, segments)


def arc(radius: float, z: float, start: float, stop: float,
        steps: int = 10, x: float = 0.0) -> list[tuple[float, float]]:
  """Profile points on a circle round (x, z); 0° points outwards."""
  a = np.radians(np.linspace(start, stop, steps + 1))
  r = np.maximum(x + radius * np.cos(a), 0)
  return list(zip(np.where(r < 1e-6, 0, r), z + radius * np.sin(a)))


def ellipsoid(size: Sequence[float], centre: Sequence[float],
              material: Material | None = None) -> Piece:
  """A ball stretched to `size` (diameters)."""
  return lathe(arc(0.5, 0, -90, 90, 16), centre, material, scale=size)


def lay_down(piece: Piece) -> Piece:
  """Turns +z to -y, towards the front."""
  sign = np.array((1, -1, 1), np.float32)
  return dataclasses.replace(piece, vertices=piece.vertices[:, (0, 2, 1)] * sign,
                             normals=piece.normals[:, (0, 2, 1)] * sign)


def shift(piece: Piece, by: Sequence[float]) -> Piece:
  """Moves a piece."""
  return dataclasses.replace(
      piece, vertices=piece.vertices + np.asarray(by, np.float32))


def legs(width: float, depth: float, height: float, thick: float,
          material: Material | None = None) -> list[Piece]:
  """Four legs at the corners of a rectangle."""
  return [box((thick, thick, height),
              (sx * (width - thick) / 2, sy * (depth - thick) / 2, 0), material)
          for sx in (-1, 1) for sy in (-1, 1)]


def polyhedron(corners: Sequence[Sequence[float]], material: Material | None = None
               ) -> Piece:
  """The convex hull of some points, with flat sides."""
  p = np.asarray(corners, float)
  hull = spatial.ConvexHull(p)
  vertices = p[hull.simplices]
  normals = hull.equations[:, :3]
  across = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
  inward = (across * normals).sum(1) < 0
  vertices[inward] = vertices[inward][:, ::-1]
  count = len(vertices)
  return Piece(vertices.reshape(-1, 3).astype(np.float32),
               np.repeat(normals, 3, 0).astype(np.float32),
               np.tile(np.array([(0, 1), (1, 1), (.5, 0)], np.float32), (count, 1)),
               np.arange(3 * count, dtype=np.int32).reshape(-1, 3), material)


def pyramid() -> Piece:
  """A pyramid over a unit square, of height one."""
  corners = np.array([(-.5, -.5, 0), (.5, -.5, 0), (.5, .5, 0), (-.5, .5, 0)])
  v, n, uv, f = [], [], [], []
  for i in range(4):
    tri = np.array([corners[i], corners[(i + 1) % 4], (0, 0, 1)])
    normal = np.cross(tri[1] - tri[0], tri[2] - tri[0])
    v.append(tri)
    n.append(np.repeat(normal[None] / np.linalg.norm(normal), 3, 0))
    uv.append([(0, 1), (1, 1), (.5, 0)])
    f.append(np.arange(3) + 3 * i)
  v.append(corners)
  n.append(np.tile([0.0, 0, -1], (4, 1)))
  uv.append([(0, 0), (1, 0), (1, 1), (0, 1)])
  f += [np.array([12, 14, 13]), np.array([12, 15, 14])]
  return Piece(np.concatenate(v).astype(np.float32),
                np.concatenate(n).astype(np.float32),
                np.concatenate(uv).astype(np.float32), np.array(f, np.int32))
