"""Shapes of furniture and of what hangs on walls; see `primitives.py`."""

from collections.abc import Callable

from vision_banana.data.rooms import paints
from vision_banana.data.rooms.scene import Material
from vision_banana.data.rooms.solids import (Piece, box, ellipsoid, lathe, lay_down,
                                             legs, rod, shift)


def _chair() -> list[Piece]:
  return [box((1, 1, .05), (0, 0, .45)), *legs(1, 1, .45, .09),
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
  return pieces + legs(.94, .94, .06, .05, paints.DARK)


def _bed() -> list[Piece]:
  return [*legs(1, 1, .15, .06, paints.WOOD),
          box((1, 1, .25), (0, 0, .15), paints.WOOD),
          box((1, .04, 1), (0, .48, 0), paints.WOOD),
          box((.96, .94, .2), (0, -.01, .4), paints.LINEN),
          box((.98, .6, .03), (0, -.19, .6)), box((.99, .02, .3), (0, -.485, .32)),
          *[ellipsoid((.4, .2, .18), (s * .24, .33, .64), paints.WHITE)
            for s in (-1, 1)]]


def _shelf() -> list[Piece]:
  sides = [box((.05, 1, 1), (s * .475, 0, 0)) for s in (-1, 1)]
  boards = [box((.9, .95, .025), (0, 0, z)) for z in (.02, .25, .5, .75, .975)]
  return [*sides, *boards, box((.9, .04, .98), (0, .48, .01))]


def _cabinet(columns: int, rows: int) -> list[Piece]:
  pieces = [box((1, .95, .94), (0, .025, .06)), *legs(.96, .9, .06, .06, paints.DARK)]
  w, h = .98 / columns, .9 / rows
  for i in range(columns):
    for j in range(rows):
      x, z = -.49 + w * (i + .5), .08 + h * j
      pieces.append(box((w - .025, .03, h - .025), (x, -.465, z + .0125)))
      knob = (x + (.4 * w if i < columns / 2 else -.4 * w) * (columns > 1),
              -.485, z + h / 2 - .01)
      pieces.append(box((.05, .03, .02), knob, paints.METAL))
  return pieces


def _lamp(stem: float = .62) -> list[Piece]:
  foot = [(0, 0), (.32, 0), (.32, .02), (.05, .04), (0, .04)]
  return [lathe(foot, (0, 0, 0), paints.DARK),
          rod(.03, stem, (0, 0, .03), paints.METAL),
          lathe([(.5, stem), (.3, 1), (.28, 1), (.48, stem), (.5, stem)])]


def _frame(inside: Material | None, frame: Material | None) -> list[Piece]:
  bar = .07
  return [box((1 - 2 * bar, .5, 1 - 2 * bar), (0, .25, bar), inside),
          *[box((bar, 1, 1), (s * (.5 - bar / 2), 0, 0), frame) for s in (-1, 1)],
          *[box((1 - 2 * bar, 1, bar), (0, 0, z), frame) for z in (0, 1 - bar)]]


def _window() -> list[Piece]:
  return [*_frame(paints.SKY, None), box((.03, .8, .86), (0, .1, .07)),
          box((.86, .8, .03), (0, .1, .485))]


BUILDERS: dict[str, Callable[[], list[Piece]]] = {
    "table": lambda: [box((1, 1, .06), (0, 0, .94)), *legs(.94, .94, .94, .07)],
    "round_table": lambda: [lathe([(0, .94), (.5, .94), (.5, 1), (0, 1)]),
                            rod(.07, .92, (0, 0, .03)),
                            lathe([(0, 0), (.3, 0), (.28, .04), (0, .06)])],
    "desk": lambda: [box((1, 1, .05), (0, 0, .95)), box((.3, .9, .75), (.34, 0, .2)),
                     *legs(.96, .94, .95, .06),
                     *[box((.26, .03, .21), (.34, -.46, z)) for z in (.22, .46, .7)],
                     *[box((.1, .03, .02), (.34, -.48, z), paints.METAL)
                       for z in (.32, .56, .8)]],
    "chair": _chair,
    "stool": lambda: [lathe([(0, .9), (.5, .9), (.5, .97), (.46, 1), (0, 1)]),
                      *legs(.68, .68, .9, .09), box((.6, .05, .05), (0, 0, .35))],
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
    "picture": lambda: _frame(None, paints.WOOD),
    "mirror": lambda: _frame(paints.MIRROR, None),
    "window": _window,
    "television": lambda: [box((1, .3, .86), (0, 0, .14), paints.DARK),
                           box((.95, .04, .78), (0, -.15, .18), paints.SCREEN),
                           box((.1, .3, .16), (0, 0, 0)), box((.4, 1, .03))],
    "clock": lambda: [shift(lay_down(lathe([(0, 0), (.5, 0), (.5, 1), (.43, 1),
                                           (.43, .7), (0, .7)])), (0, .5, .5)),
                      box((.02, .06, .3), (0, -.24, .5), paints.DARK),
                      box((.22, .06, .02), (.1, -.24, .49), paints.DARK)],
    "rug": lambda: [box((1, 1, 1))],
    "crate": lambda: [box((.94, .94, .96), (0, 0, .02)),
                      *[box((1, 1, .12), (0, 0, z)) for z in (0, .88)],
                      *legs(1, 1, 1, .12)],
    "bin": lambda: [lathe([(0, 0), (.36, 0), (.5, 1), (.46, 1), (.33, .05),
                           (0, .05)])],
}
