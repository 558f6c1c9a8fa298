"""Objects made of boxes and surfaces of revolution.

`make(shape)` returns the pieces of a shape in a unit bounding box: x and y in
-0.5..0.5, z in 0..1. The front of furniture faces -y, towards the camera's side
of the room. `Item.size` scales it.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from vision_banana.data.rooms.scene import Material
from vision_banana.errors import UserError

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


def _plain(r: float, g: float, b: float, roughness: float = 0.5,
           metallic: float = 0.0) -> Material:
  return Material(None, (r, g, b), roughness=roughness, metallic=metallic)


_WOOD = _plain(0.22, 0.11, 0.05)
_DARK = _plain(0.03, 0.03, 0.035, 0.4)
_METAL = _plain(0.7, 0.7, 0.7, 0.3, 1.0)
_MIRROR = _plain(0.9, 0.9, 0.9, 0.04, 1.0)
_LEAF = _plain(0.06, 0.22, 0.05, 0.7)
_CLAY = _plain(0.45, 0.16, 0.08, 0.8)
_WHITE = _plain(0.8, 0.8, 0.78)
_LINEN = _plain(0.72, 0.68, 0.6, 0.9)
_SKY = _plain(0.35, 0.55, 0.85, 0.2)
_SCREEN = _plain(0.01, 0.012, 0.02, 0.12)


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
  along = np.concatenate([[0], np.cumsum(length)]) / length.sum()
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


def _arc(radius: float, z: float, start: float, stop: float,
         steps: int = 10, x: float = 0.0) -> list[tuple[float, float]]:
  """Profile points on a circle round (x, z); 0° points outwards."""
  a = np.radians(np.linspace(start, stop, steps + 1))
  r = np.maximum(x + radius * np.cos(a), 0)
  return list(zip(np.where(r < 1e-6, 0, r), z + radius * np.sin(a)))


def ellipsoid(size: Sequence[float], centre: Sequence[float],
              material: Material | None = None) -> Piece:
  """A ball stretched to `size` (diameters)."""
  return lathe(_arc(0.5, 0, -90, 90, 16), centre, material, scale=size)


def _turn(piece: Piece, axes: str) -> Piece:
  """Lays a piece down: 'x' turns +z to +x, 'y' turns +z to -y."""
  order, sign = {"x": ((2, 1, 0), (1, 1, -1)), "y": ((0, 2, 1), (1, -1, 1))}[axes]
  sign = np.array(sign, np.float32)
  return dataclasses.replace(piece, vertices=piece.vertices[:, order] * sign,
                             normals=piece.normals[:, order] * sign)


def _shift(piece: Piece, by: Sequence[float]) -> Piece:
  return dataclasses.replace(
      piece, vertices=piece.vertices + np.asarray(by, np.float32))


def _legs(width: float, depth: float, height: float, thick: float,
          material: Material | None = None) -> list[Piece]:
  return [box((thick, thick, height),
              (sx * (width - thick) / 2, sy * (depth - thick) / 2, 0), material)
          for sx in (-1, 1) for sy in (-1, 1)]


def _pyramid() -> list[Piece]:
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
  return [Piece(np.concatenate(v).astype(np.float32),
                np.concatenate(n).astype(np.float32),
                np.concatenate(uv).astype(np.float32), np.array(f, np.int32))]


def _torus() -> list[Piece]:
  return [lathe(_arc(0.15, 0.15, 180, 540, 18, x=0.35), scale=(1, 1, 1 / 0.3))]


def _mug() -> list[Piece]:
  body = lathe([(0, 0), (.38, 0), (.4, .04), (.4, 1), (.35, 1), (.35, .1),
                (0, .1)])
  ring = lathe(_arc(0.05, 0, 180, 540, 10, x=0.25), segments=20)
  handle = _shift(_turn(ring, "y"), (0.42, 0, 0.5))
  return [body, dataclasses.replace(handle, vertices=handle.vertices
                                    * np.array([1, 1.2, 1.1], np.float32))]


def _chair() -> list[Piece]:
  return [box((1, 1, .05), (0, 0, .45)), *_legs(1, 1, .45, .09),
          *[box((.09, .09, .5), (s * .455, .455, .5)) for s in (-1, 1)],
          box((.84, .06, .2), (0, .455, .76)), box((.84, .06, .06), (0, .455, .6))]


def _armchair(cushions: int = 1) -> list[Piece]:
  arm = .18 if cushions == 1 else .09
  inner = 1 - 2 * arm
  w = inner / cushions
  pieces = [box((1, 1, .32), (0, 0, .06)), box((1, .22, .94), (0, .39, .06))]
  pieces += [box((arm, .98, .6), (s * (.5 - arm / 2), -.01, .06)) for s in (-1, 1)]
  for i in range(cushions):
    x = -inner / 2 + w * (i + .5)
    pieces += [box((w * .97, .74, .13), (x, -.1, .37)),
               box((w * .95, .12, .42), (x, .24, .5))]
  return pieces + _legs(.94, .94, .06, .05, _DARK)


def _bed() -> list[Piece]:
  return [*_legs(1, 1, .15, .06, _WOOD), box((1, 1, .25), (0, 0, .15), _WOOD),
          box((1, .04, 1), (0, .48, 0), _WOOD), box((.96, .94, .2), (0, -.01, .4), _LINEN),
          box((.98, .6, .03), (0, -.19, .6)), box((.99, .02, .3), (0, -.485, .32)),
          *[ellipsoid((.4, .2, .18), (s * .24, .33, .64), _WHITE) for s in (-1, 1)]]


def _shelf() -> list[Piece]:
  sides = [box((.05, 1, 1), (s * .475, 0, 0)) for s in (-1, 1)]
  boards = [box((.9, .95, .025), (0, 0, z)) for z in (.02, .25, .5, .75, .975)]
  return [*sides, *boards, box((.9, .04, .98), (0, .48, .01))]


def _cabinet(columns: int, rows: int) -> list[Piece]:
  pieces = [box((1, .95, .94), (0, .025, .06)), *_legs(.96, .9, .06, .06, _DARK)]
  w, h = .98 / columns, .9 / rows
  for i in range(columns):
    for j in range(rows):
      x, z = -.49 + w * (i + .5), .08 + h * j
      pieces.append(box((w - .025, .03, h - .025), (x, -.465, z + .0125)))
      knob = (x + (.4 * w if i < columns / 2 else -.4 * w) * (columns > 1),
              -.485, z + h / 2 - .01)
      pieces.append(box((.05, .03, .02), knob, _METAL))
  return pieces


def _lamp(stem: float = .62) -> list[Piece]:
  return [lathe([(0, 0), (.32, 0), (.32, .02), (.05, .04), (0, .04)], (0, 0, 0), _DARK),
          rod(.03, stem, (0, 0, .03), _METAL),
          lathe([(.5, stem), (.3, 1), (.28, 1), (.48, stem), (.5, stem)])]


def _frame(inside: Material | None, frame: Material | None) -> list[Piece]:
  bar = .07
  return [box((1 - 2 * bar, .5, 1 - 2 * bar), (0, .25, bar), inside),
          *[box((bar, 1, 1), (s * (.5 - bar / 2), 0, 0), frame) for s in (-1, 1)],
          *[box((1 - 2 * bar, 1, bar), (0, 0, z), frame) for z in (0, 1 - bar)]]


def _window() -> list[Piece]:
  return [*_frame(_SKY, None), box((.03, .8, .86), (0, .1, .07)),
          box((.86, .8, .03), (0, .1, .485))]


def _plant() -> list[Piece]:
  rng = np.random.default_rng(0)
  pieces = [lathe([(0, 0), (.2, 0), (.3, .32), (.33, .32), (.33, .36), (.27, .36),
                   (.25, .3), (0, .3)])]
  for _ in range(16):
    a, r = rng.uniform(0, 2 * np.pi), rng.uniform(.05, .3)
    pieces.append(ellipsoid((rng.uniform(.2, .38), rng.uniform(.2, .38), .3),
                            (r * np.cos(a), r * np.sin(a), rng.uniform(.45, .85)),
                            _LEAF))
  return pieces


def _tree() -> list[Piece]:
  pieces = [lathe([(0, 0), (.22, 0), (.28, .2), (0, .2)], material=_CLAY),
            rod(.05, .2, (0, 0, .15), _WOOD)]
  for z, r in ((.28, .5), (.48, .42), (.66, .32)):
    pieces.append(lathe([(0, z), (r, z), (0, min(z + .36, 1))]))
  return pieces


def _book() -> list[Piece]:
  return [box((.94, .94, .76), (0.01, 0, .12), _WHITE), box((1, 1, .12)),
          box((1, 1, .12), (0, 0, .88)), box((.04, 1, .8), (-.48, 0, .1))]


def _books() -> list[Piece]:
  colors = ((.5, .05, .04), (.05, .15, .4), None, (.6, .45, .1), (.06, .3, .12))
  w = 1 / len(colors)
  heights = (.92, 1, .85, .95, .8)
  return [box((w * .96, .95, h), (-.5 + w * (i + .5), 0, 0),
              None if c is None else _plain(*c))
          for i, (c, h) in enumerate(zip(colors, heights))]


def _teapot() -> list[Piece]:
  ring = lathe(_arc(0.05, 0, 180, 540, 8, x=0.2), segments=18)
  spout = lathe([(.09, 0), (.05, .35), (0, .35)], segments=12)
  lean = spout.vertices @ np.array([[1, 0, 0], [0, 1, 0], [.5, 0, 1]], np.float32)
  return [lathe([(0, 0), (.2, 0), *_arc(.36, .38, -60, 60), (0, .75)]),
          ellipsoid((.1, .1, .12), (0, 0, .78)),
          _shift(_turn(ring, "y"), (-.36, 0, .42)),
          _shift(dataclasses.replace(spout, vertices=lean), (.27, 0, .35))]


def _gift() -> list[Piece]:
  ribbon = _plain(.75, .65, .15, .3)
  return [box((.96, .96, .9)), box((1, 1, .16), (0, 0, .76)),
          box((1.01, .16, .93), (0, 0, 0), ribbon),
          box((.16, 1.01, .93), (0, 0, 0), ribbon),
          *[ellipsoid((.26, .14, .12), (s * .13, 0, .96), ribbon) for s in (-1, 1)]]


_CYLINDER = [(0, 0), (.5, 0), (.5, 1), (0, 1)]
_BUILDERS: dict[str, Callable[[], list[Piece]]] = {
    "box": lambda: [box((1, 1, 1))],
    "ball": lambda: [ellipsoid((1, 1, 1), (0, 0, .5))],
    "cylinder": lambda: [lathe(_CYLINDER)],
    "cone": lambda: [lathe([(0, 0), (.5, 0), (0, 1)])],
    "torus": _torus,
    "capsule": lambda: [lathe(_arc(.5, .5, -90, 0) + _arc(.5, 1.5, 0, 90),
                              scale=(1, 1, .5))],
    "pyramid": _pyramid,
    "prism": lambda: [lathe(_CYLINDER, segments=6)],
    "table": lambda: [box((1, 1, .06), (0, 0, .94)), *_legs(.94, .94, .94, .07)],
    "round_table": lambda: [lathe([(0, .94), (.5, .94), (.5, 1), (0, 1)]),
                            rod(.07, .92, (0, 0, .03)),
                            lathe([(0, 0), (.3, 0), (.28, .04), (0, .06)])],
    "desk": lambda: [box((1, 1, .05), (0, 0, .95)), box((.3, .9, .75), (.34, 0, .2)),
                     *_legs(.96, .94, .95, .06),
                     *[box((.26, .03, .21), (.34, -.46, z)) for z in (.22, .46, .7)],
                     *[box((.1, .03, .02), (.34, -.48, z), _METAL)
                       for z in (.32, .56, .8)]],
    "chair": _chair,
    "stool": lambda: [lathe([(0, .9), (.5, .9), (.5, .97), (.46, 1), (0, 1)]),
                      *_legs(.68, .68, .9, .09), box((.6, .05, .05), (0, 0, .35))],
    "bench": lambda: [box((1, 1, .16), (0, 0, .84)),
                      *[box((.06, .9, .84), (s * .4, 0, 0)) for s in (-1, 1)]],
    "armchair": _armchair,
    "sofa": lambda: _armchair(3),
    "bed": _bed,
    "shelf": _shelf,
    "cabinet": lambda: _cabinet(2, 1),
    "dresser": lambda: _cabinet(1, 4),
    "lamp": _lamp,
    "desk_lamp": lambda: _lamp(.45),
    "picture": lambda: _frame(None, _WOOD),
    "mirror": lambda: _frame(_MIRROR, None),
    "window": _window,
    "television": lambda: [box((1, .3, .86), (0, 0, .14), _DARK),
                           box((.95, .04, .78), (0, -.15, .18), _SCREEN),
                           box((.1, .3, .16), (0, 0, 0)), box((.4, 1, .03))],
    "clock": lambda: [_shift(_turn(lathe([(0, 0), (.5, 0), (.5, 1), (.43, 1),
                                          (.43, .7), (0, .7)]), "y"), (0, .5, .5)),
                      box((.02, .06, .3), (0, -.24, .5), _DARK),
                      box((.22, .06, .02), (.1, -.24, .49), _DARK)],
    "rug": lambda: [box((1, 1, 1))],
    "vase": lambda: [lathe([(0, 0), (.25, 0), (.42, .2), (.5, .42), (.38, .66),
                            (.2, .82), (.22, .94), (.3, 1), (.25, 1), (.16, .85),
                            (0, .8)])],
    "bowl": lambda: [lathe([(0, 0), (.22, 0), (.24, .08), (.4, .4), (.5, 1),
                            (.46, 1), (.36, .46), (.2, .18), (0, .14)])],
    "plate": lambda: [lathe([(0, 0), (.3, 0), (.5, .85), (.49, 1), (.3, .35),
                             (0, .3)])],
    "mug": _mug,
    "glass": lambda: [lathe([(0, 0), (.38, 0), (.5, 1), (.46, 1), (.35, .08),
                             (0, .08)])],
    "bottle": lambda: [lathe([(0, 0), (.5, 0), (.5, .55), (.42, .66), (.17, .76),
                              (.17, .92), (0, .92)]),
                       rod(.2, .1, (0, 0, .9), _DARK)],
    "jar": lambda: [lathe([(0, 0), (.5, 0), (.5, .8), (.4, .86), (0, .86)]),
                    rod(.44, .14, (0, 0, .86), _METAL, SEGMENTS)],
    "teapot": _teapot,
    "book": _book,
    "books": _books,
    "candle": lambda: [lathe([(0, 0), (.5, 0), (.5, .84), (.4, .88), (0, .86)]),
                       rod(.04, .08, (0, 0, .85), _DARK),
                       ellipsoid((.14, .14, .1), (0, 0, .95), _plain(1, .7, .2))],
    "plant": _plant,
    "tree": _tree,
    "crate": lambda: [box((.94, .94, .96), (0, 0, .02)),
                      *[box((1, 1, .12), (0, 0, z)) for z in (0, .88)],
                      *_legs(1, 1, 1, .12)],
    "gift": _gift,
    "bin": lambda: [lathe([(0, 0), (.36, 0), (.5, 1), (.46, 1), (.33, .05),
                           (0, .05)])],
    "pillow": lambda: [ellipsoid((1, 1, 1), (0, 0, .5))],
    "apple": lambda: [lathe([(0, .08), (.15, 0), (.38, .12), (.5, .5), (.4, .8),
                             (.2, .92), (0, .8)]),
                      rod(.03, .22, (0, 0, .78), _WOOD)],
}
SHAPES = tuple(_BUILDERS)


@functools.cache
def make(shape: str) -> tuple[Piece, ...]:
  """The pieces of a shape, in a unit bounding box with its base at z = 0.

  Raises:
    UserError: there is no such shape.
  """
  if shape not in _BUILDERS:
    raise UserError(f"no shape {shape!r}: use one of {', '.join(SHAPES)}")
  pieces = _BUILDERS[shape]()
  points = np.concatenate([p.vertices for p in pieces])
  low, high = points.min(0), points.max(0)
  scale = (1 / (high - low)).astype(np.float32)
  shift = (low + high) / 2
  shift[2] = low[2]
  unit = []
  for p in pieces:
    n = p.normals / scale
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    unit.append(dataclasses.replace(
        p, vertices=(p.vertices - shift.astype(np.float32)) * scale, normals=n))
  return tuple(unit)
