"""Shapes of what stands outdoors; see `primitives.py`."""

from collections.abc import Callable

import numpy as np

from vision_banana.data.rooms import paints
from vision_banana.data.rooms.scene import Material
from vision_banana.data.rooms.solids import (Piece, arc, box, ellipsoid, lathe,
                                             lay_down, polyhedron, rod, shift)


def _gable(width: float, depth: float, low: float, high: float,
           material: Material | None) -> Piece:
  """A roof with its ridge along x."""
  x, y = width / 2, depth / 2
  return polyhedron([(sx * x, sy * y, low) for sx in (-1, 1) for sy in (-1, 1)]
                    + [(sx * x, 0, high) for sx in (-1, 1)], material)


def _house() -> list[Piece]:
  pieces = [box((.9, .86, .62)), _gable(1, 1, .62, 1, paints.ROOF),
            box((.1, .1, .2), (.25, .16, .8), paints.BRICK),
            box((.16, .02, .4), (0, -.435, 0), paints.WOOD)]
  for x in (-.28, .28):
    pieces += [box((.2, .02, .22), (x, -.435, .24), paints.WHITE),
               box((.17, .03, .18), (x, -.435, .26), paints.GLASS)]
  return pieces


def _shed() -> list[Piece]:
  roof = polyhedron([(sx * .5, sy * .5, z) for sx in (-1, 1)
                     for sy, low in ((-1, .9), (1, .74)) for z in (low, low + .1)],
                    paints.ROOF)
  walls = polyhedron([(sx * .46, sy * .45, z) for sx in (-1, 1)
                      for sy, top in ((-1, .9), (1, .75)) for z in (0, top)])
  return [walls, roof, box((.36, .03, .72), (-.1, -.455, 0), paints.WOOD),
          box((.03, .05, .03), (.04, -.47, .36), paints.METAL)]


def _fence() -> list[Piece]:
  return [*[box((.07, .5, .93), (x, 0, 0)) for x in np.linspace(-.45, .45, 9)],
          *[box((1, .3, .1), (0, .35, z)) for z in (.2, .65)],
          *[box((.04, .6, 1), (x, .3, 0)) for x in (-.48, .48)]]


def _wheel(radius: float, width: float, at: tuple[float, float, float]) -> list[Piece]:
  return [shift(lay_down(rod(radius, width, (0, 0, -width / 2), paints.DARK, 24)), at),
          shift(lay_down(rod(radius * .5, width * 1.1, (0, 0, -width * .55),
                             paints.METAL)), at)]


def _car() -> list[Piece]:
  """Of 1 x .42 x .36, to look its best; its front is at -x."""
  body = polyhedron([(x, y, z) for y in (-.2, .2) for x, z in (
      (-.49, .07), (-.5, .17), (-.44, .2), (.47, .22), (.5, .16), (.49, .07))])
  cabin = polyhedron([(x, sy * y, z) for sy in (-1, 1) for x, y, z in (
      (-.24, .185, .2), (-.1, .15, .35), (.24, .15, .35), (.4, .185, .2))],
                     paints.GLASS)
  roof = polyhedron([(x, sy * .155, z) for sy in (-1, 1) for x, z in (
      (-.11, .34), (-.09, .36), (.23, .36), (.26, .34))])
  wheels = [_wheel(.08, .05, (x, y, .08)) for x in (-.3, .3) for y in (-.19, .19)]
  lamps = [box((.02, .06, .04), (s * .485, y, .12), material)
           for s, material in ((-1, paints.BULB), (1, paints.BRICK))
           for y in (-.14, .14)]
  return [body, cabin, roof, *lamps, *[p for wheel in wheels for p in wheel]]


def _cart() -> list[Piece]:
  tray = [box((.7, .6, .05), (0, 0, .35)),
          *[box((.05, .6, .3), (s * .35, 0, .35)) for s in (-1, 1)],
          *[box((.7, .05, .3), (0, s * .3, .35)) for s in (-1, 1)]]
  wheels = [_wheel(.25, .06, (-.1, s * .36, .25)) for s in (-1, 1)]
  handles = [box((.4, .05, .05), (.5, s * .22, .42), paints.WOOD) for s in (-1, 1)]
  return [*tray, *[p for w in wheels for p in w], *handles,
          box((.05, .4, .35), (.3, 0, 0), paints.WOOD)]


def _tent() -> list[Piece]:
  cloth = polyhedron([(s * .5, y, 0) for s in (-1, 1) for y in (-.5, .5)]
                     + [(0, y, 1) for y in (-.46, .46)])
  door = polyhedron([(s * .2, -y, 0) for s in (-1, 1) for y in (.49, .505)]
                    + [(0, -y, .8) for y in (.46, .475)], paints.DARK)
  return [cloth, door]


def _rock() -> list[Piece]:
  rng = np.random.default_rng(4)
  points = rng.normal(size=(26, 3))
  points /= np.linalg.norm(points, axis=1, keepdims=True)
  points[:, 2] = np.maximum(points[:, 2], -.35)
  return [polyhedron(points * rng.uniform(.85, 1, (26, 1)))]


def _oak() -> list[Piece]:
  rng = np.random.default_rng(1)
  pieces = [lathe([(0, 0), (.09, 0), (.05, .15), (.045, .55), (0, .55)],
                  material=paints.WOOD)]
  for k in range(9):
    a, r = k * 2.4, .25 * (k > 0)
    pieces.append(ellipsoid((.5, .5, .4), (
        r * np.cos(a), r * np.sin(a), .72 + rng.uniform(-.14, .12) * (k > 0))))
  return pieces


def _bush() -> list[Piece]:
  rng = np.random.default_rng(2)
  return [ellipsoid((.5, .5, .6), (.24 * np.cos(k * 1.05) * (k > 0),
                                   .24 * np.sin(k * 1.05) * (k > 0),
                                   .3 + .3 * (k == 0) + rng.uniform(0, .12)))
          for k in range(7)]


def _flower() -> list[Piece]:
  petals = [ellipsoid((.42, .42, .1), (.3 * np.cos(a), .3 * np.sin(a), .9))
            for a in np.arange(6) * np.pi / 3]
  return [rod(.04, .9, (0, 0, 0), paints.LEAF), *petals,
          ellipsoid((.34, .34, .2), (0, 0, .9), paints.BULB),
          ellipsoid((.4, .16, .05), (.2, 0, .3), paints.LEAF),
          ellipsoid((.4, .16, .05), (-.2, 0, .45), paints.LEAF)]


BUILDERS: dict[str, Callable[[], list[Piece]]] = {
    "house": _house,
    "shed": _shed,
    "fence": _fence,
    "car": _car,
    "cart": _cart,
    "tent": _tent,
    "rock": _rock,
    "oak": _oak,
    "bush": _bush,
    "flower": _flower,
    "mushroom": lambda: [
        lathe([(0, 0), (.2, 0), (.15, .5), (0, .55)], material=paints.LINEN),
        lathe([(0, .48), (.5, .45), *arc(.5, .47, 10, 80, 8), (0, .97)])],
    "street_lamp": lambda: [
        lathe([(0, 0), (.3, 0), (.2, .05), (0, .05)]), rod(.09, .85, (0, 0, .03)),
        lathe([(0, .85), (.25, .86), (.4, .95), (0, .95)], material=paints.BULB),
        lathe([(0, .95), (.5, .95), (.1, 1), (0, 1)])],
    "mailbox": lambda: [
        box((.2, .2, .62), (0, 0, 0), paints.WOOD), box((.8, 1, .26), (0, 0, .62)),
        shift(lay_down(lathe([(0, 0), (.4, 0), (.4, 1), (0, 1)])), (0, .5, .86)),
        box((.04, .3, .04), (.42, .1, .95), paints.BRICK)],
    "hydrant": lambda: [
        lathe([(0, 0), (.5, 0), (.5, .06), (.33, .08), (.33, .68), (.42, .7),
               (.42, .76), (.33, .78), (.2, .94), (.1, .96), (.1, 1), (0, 1)]),
        shift(lay_down(rod(.16, .9, (0, 0, -.45), paints.METAL)), (0, 0, .52))],
    "sign": lambda: [rod(.06, .9, (0, .1, 0), paints.METAL),
                     box((1, .1, .36), (0, 0, .64))],
    "barrel": lambda: [
        lathe([(0, 0), (.42, 0), *arc(1.25, .5, -22, 22, 10, x=-.76), (.4, 1), (0, 1)]),
        *[rod(r, .05, (0, 0, z), paints.METAL, 28)
          for r, z in ((.46, .12), (.5, .32), (.5, .63), (.46, .83))]],
    "bucket": lambda: [lathe([(0, 0), (.34, 0), (.46, .96), (.5, 1), (.44, 1),
                              (.31, .05), (0, .05)])],
}
