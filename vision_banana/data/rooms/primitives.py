"""Objects made of boxes and surfaces of revolution.

`make(shape)` returns the pieces of a shape in a unit bounding box: x and y in
-0.5..0.5, z in 0..1. The front of furniture faces -y, towards the camera's side
of the room. `Item.size` scales it.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from vision_banana.data.rooms import solids
from vision_banana.data.rooms.scene import Material
from vision_banana.data.rooms.solids import (Piece, arc, box, ellipsoid, lathe,
                                             lay_down, rod, shift)
from vision_banana.errors import UserError


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


def _legs(width: float, depth: float, height: float, thick: float,
          material: Material | None = None) -> list[Piece]:
  return [box((thick, thick, height),
              (sx * (width - thick) / 2, sy * (depth - thick) / 2, 0), material)
          for sx in (-1, 1) for sy in (-1, 1)]


def _torus() -> list[Piece]:
  return [lathe(arc(0.15, 0.15, 180, 540, 18, x=0.35), scale=(1, 1, 1 / 0.3))]


def _mug() -> list[Piece]:
  body = lathe([(0, 0), (.38, 0), (.4, .04), (.4, 1), (.35, 1), (.35, .1),
                (0, .1)])
  ring = lathe(arc(0.05, 0, 180, 540, 10, x=0.25), segments=20)
  handle = shift(lay_down(ring), (0.42, 0, 0.5))
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
          box((1, .04, 1), (0, .48, 0), _WOOD),
          box((.96, .94, .2), (0, -.01, .4), _LINEN),
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
  foot = [(0, 0), (.32, 0), (.32, .02), (.05, .04), (0, .04)]
  return [lathe(foot, (0, 0, 0), _DARK),
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
  ring = lathe(arc(0.05, 0, 180, 540, 8, x=0.2), segments=18)
  spout = lathe([(.09, 0), (.05, .35), (0, .35)], segments=12)
  lean = spout.vertices @ np.array([[1, 0, 0], [0, 1, 0], [.5, 0, 1]], np.float32)
  return [lathe([(0, 0), (.2, 0), *arc(.36, .38, -60, 60), (0, .75)]),
          ellipsoid((.1, .1, .12), (0, 0, .78)),
          shift(lay_down(ring), (-.36, 0, .42)),
          shift(dataclasses.replace(spout, vertices=lean), (.27, 0, .35))]


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
    "capsule": lambda: [lathe(arc(.5, .5, -90, 0) + arc(.5, 1.5, 0, 90),
                              scale=(1, 1, .5))],
    "pyramid": lambda: [solids.pyramid()],
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
    "clock": lambda: [shift(lay_down(lathe([(0, 0), (.5, 0), (.5, 1), (.43, 1),
                                           (.43, .7), (0, .7)])), (0, .5, .5)),
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
                    rod(.44, .14, (0, 0, .86), _METAL, solids.SEGMENTS)],
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
