"""Shapes of small things; see `primitives.py`."""

import dataclasses
from collections.abc import Callable

import numpy as np

from vision_banana.data.rooms import paints
from vision_banana.data.rooms import solids
from vision_banana.data.rooms.solids import (Piece, arc, box, ellipsoid, lathe,
                                             lay_down, rod, shift)


def _torus() -> list[Piece]:
  return [lathe(arc(0.15, 0.15, 180, 540, 18, x=0.35), scale=(1, 1, 1 / 0.3))]


def _mug() -> list[Piece]:
  body = lathe([(0, 0), (.38, 0), (.4, .04), (.4, 1), (.35, 1), (.35, .1),
                (0, .1)])
  ring = lathe(arc(0.05, 0, 180, 540, 10, x=0.25), segments=20)
  handle = shift(lay_down(ring), (0.42, 0, 0.5))
  return [body, dataclasses.replace(handle, vertices=handle.vertices
                                    * np.array([1, 1.2, 1.1], np.float32))]


def _plant() -> list[Piece]:
  rng = np.random.default_rng(0)
  pieces = [lathe([(0, 0), (.2, 0), (.3, .32), (.33, .32), (.33, .36), (.27, .36),
                   (.25, .3), (0, .3)])]
  for _ in range(16):
    a, r = rng.uniform(0, 2 * np.pi), rng.uniform(.05, .3)
    pieces.append(ellipsoid((rng.uniform(.2, .38), rng.uniform(.2, .38), .3),
                            (r * np.cos(a), r * np.sin(a), rng.uniform(.45, .85)),
                            paints.LEAF))
  return pieces


def _tree() -> list[Piece]:
  pieces = [lathe([(0, 0), (.22, 0), (.28, .2), (0, .2)], material=paints.CLAY),
            rod(.05, .2, (0, 0, .15), paints.WOOD)]
  for z, r in ((.28, .5), (.48, .42), (.66, .32)):
    pieces.append(lathe([(0, z), (r, z), (0, min(z + .36, 1))]))
  return pieces


def _book() -> list[Piece]:
  return [box((.94, .94, .76), (0.01, 0, .12), paints.WHITE), box((1, 1, .12)),
          box((1, 1, .12), (0, 0, .88)), box((.04, 1, .8), (-.48, 0, .1))]


def _books() -> list[Piece]:
  colors = ((.5, .05, .04), (.05, .15, .4), None, (.6, .45, .1), (.06, .3, .12))
  w = 1 / len(colors)
  heights = (.92, 1, .85, .95, .8)
  return [box((w * .96, .95, h), (-.5 + w * (i + .5), 0, 0),
              None if c is None else paints.plain(*c))
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
  ribbon = paints.plain(.75, .65, .15, .3)
  return [box((.96, .96, .9)), box((1, 1, .16), (0, 0, .76)),
          box((1.01, .16, .93), (0, 0, 0), ribbon),
          box((.16, 1.01, .93), (0, 0, 0), ribbon),
          *[ellipsoid((.26, .14, .12), (s * .13, 0, .96), ribbon) for s in (-1, 1)]]


_CYLINDER = [(0, 0), (.5, 0), (.5, 1), (0, 1)]
BUILDERS: dict[str, Callable[[], list[Piece]]] = {
    "box": lambda: [box((1, 1, 1))],
    "ball": lambda: [ellipsoid((1, 1, 1), (0, 0, .5))],
    "cylinder": lambda: [lathe(_CYLINDER)],
    "cone": lambda: [lathe([(0, 0), (.5, 0), (0, 1)])],
    "torus": _torus,
    "capsule": lambda: [lathe(arc(.5, .5, -90, 0) + arc(.5, 1.5, 0, 90),
                              scale=(1, 1, .5))],
    "pyramid": lambda: [solids.pyramid()],
    "prism": lambda: [lathe(_CYLINDER, segments=6)],
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
                       rod(.2, .1, (0, 0, .9), paints.DARK)],
    "jar": lambda: [lathe([(0, 0), (.5, 0), (.5, .8), (.4, .86), (0, .86)]),
                    rod(.44, .14, (0, 0, .86), paints.METAL, solids.SEGMENTS)],
    "teapot": _teapot,
    "book": _book,
    "books": _books,
    "candle": lambda: [lathe([(0, 0), (.5, 0), (.5, .84), (.4, .88), (0, .86)]),
                       rod(.04, .08, (0, 0, .85), paints.DARK),
                       ellipsoid((.14, .14, .1), (0, 0, .95), paints.plain(1, .7, .2))],
    "plant": _plant,
    "tree": _tree,
    "gift": _gift,
    "pillow": lambda: [ellipsoid((1, 1, 1), (0, 0, .5))],
    "apple": lambda: [lathe([(0, .08), (.15, 0), (.38, .12), (.5, .5), (.4, .8),
                             (.2, .92), (0, .8)]),
                      rod(.03, .22, (0, 0, .78), paints.WOOD)],
}
