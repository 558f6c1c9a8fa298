"""Random things for rooms, and free places to put them."""

import dataclasses
import math

import numpy as np

from vision_banana.data.rooms import assets
from vision_banana.data.rooms import grounds
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary

_GAP = .03  # metres between pieces of furniture


class Furnisher:
  """Draws parts of rooms; `edits` uses it for things to add.

  Args:
    rng: source of randomness, advanced by every call.
    catalog: names to use.
    split: 'train' never draws a reserved look, 'test' draws them half of the time.
  """

  def __init__(self, rng: np.random.Generator, catalog: assets.Catalog, split: str):
    self._rng = rng
    self._catalog = catalog
    self._split = split

  def _pick(self, options):
    return options[int(self._rng.integers(len(options)))]

  def _uniform(self, low: float, high: float) -> float:
    return float(self._rng.uniform(low, high))

  def _allowed(self, category: str, looks: tuple[str, ...]) -> list[str]:
    """The looks of `looks` this split may use now."""
    held = [x for x in looks if vocabulary.reserved(category, x)]
    if self._split == "test" and held and self._rng.random() < .5:
      return held
    return [x for x in looks if x not in held]

  def color(self, category: str, colors: tuple[str, ...] = tuple(vocabulary.COLORS)
            ) -> scene.Material:
    """A plain material in a slightly varied named colour."""
    name = self._pick(self._allowed(category, colors))
    rgb = np.array(vocabulary.COLORS[name]) * self._uniform(.85, 1.15)
    rgb = np.clip(rgb + self._rng.uniform(-.012, .012, 3), .005, .9)
    return scene.Material(
        None, tuple(round(float(x), 4) for x in rgb), name,
        roughness=round(self._uniform(.15, .8), 3),
        metallic=float(self._rng.random() < .1 and category not in vocabulary.SOFT))

  def surface(self, category: str) -> scene.Material:
    """A floor, wall or ground: textured or plain, the ground mostly textured."""
    known = (tuple(grounds.TEXTURES) if category == "ground"
             else self._catalog.textures.get(category, ()))
    textures = self._allowed(category, known)
    if textures and self._rng.random() < (.85 if category == "ground" else .55):
      return scene.Material(self._pick(textures), (.5, .5, .5), "",
                            round(self._uniform(.6, 1.8), 2), self._uniform(.3, .9))
    wall = category == "wall"
    plain = self.color(
        category, vocabulary.WALL_COLORS if wall else tuple(vocabulary.COLORS))
    blend = self._uniform(.1, .3) if wall and plain.color not in ("red", "gray") else 0
    rgb = tuple(round(x + (.82 - x) * blend, 4) for x in plain.rgb)
    return dataclasses.replace(plain, rgb=rgb, roughness=.8, metallic=0.)

  def material(self, kind: kinds.Kind) -> scene.Material:
    """A look for a primitive: a texture for tables and pictures, or a colour."""
    source = {"focus": "table", "wall": "picture"}.get(kind.place)
    if source == "table" or kind.shape == "picture":
      names = self._allowed(kind.category, self._catalog.textures.get(source, ()))
      if names and self._rng.random() < (.6 if source == "table" else .85):
        return scene.Material(self._pick(names), (.5, .5, .5), roughness=.4)
    return self.color(kind.category)

  def thing(self, place: str) -> scene.Item:
    """A primitive or mesh for 'table' or 'floor' (or any other `Kind.place`).

    It stands at the origin with yaw 0.
    """
    support = "floor" if place == "outdoors" else place
    meshes = [n for n, m in self._catalog.meshes.items() if m.support == support
              and not (place == "outdoors" and m.category in kinds.INDOORS)]
    if meshes and self._rng.random() < (.3 if place == "outdoors" else .45):
      name = self._pick(meshes)
      info = self._catalog.meshes[name]
      grow = max(1., .11 / max(info.size)) * self._uniform(.95, 1.15)
      grow = min(grow, {"table": .36, "floor": 1.9}[support] / max(info.size))
      shape = "asset:" + name
      own = self._allowed(info.category, (shape,))
      material = (None if own and self._rng.random() < .8
                  else self.color(info.category))
      return scene.Item(info.category, shape, tuple(s * grow for s in info.size),
                        (0., 0., 0.), 0., material)
    return self.primitive(self._pick(kinds.at(place)))

  def primitive(self, kind: kinds.Kind) -> scene.Item:
    """A primitive of this kind at the origin."""
    t = self._rng.random(3)
    t[:kind.equal] = t[0]
    size = np.array(kind.low) * (1 - t) + np.array(kind.high) * t
    size = tuple(round(float(s), 4) for s in size)
    return scene.Item(kind.category, kind.shape, size, (0., 0., 0.), 0.,
                      self.material(kind))

  def on_top(self, item: scene.Item, support: scene.Item, index: int,
             others: list[scene.Item]) -> scene.Item | None:
    """`item` at a free place on the top of `support`, or None after 12 tries."""
    usable = np.array(support.size[:2]) * kinds.TOPS[support.shape]
    margin = float((support.size[0] - usable[0]) / 2)
    c, s = math.cos(support.yaw), math.sin(support.yaw)
    for _ in range(12):
      u, v = self._rng.uniform(-.5, .5, 2) * usable
      at = (support.position[0] + c * u - s * v, support.position[1] + s * u + c * v,
            support.position[2] + support.size[2])
      placed = dataclasses.replace(
          item, position=tuple(float(x) for x in at), support=str(index),
          yaw=self._uniform(-math.pi, math.pi))
      if layout.rests_on(placed, support, margin) and not any(
          layout.overlap(placed, other, .015) for other in others):
        return placed
    return None

  def on_floor(self, item: scene.Item, size: tuple[float, float, float],
               others: list[scene.Item], around: tuple[float, float] | None = None,
               radius: float = 1.) -> scene.Item | None:
    """`item` at a free place on the floor, near `around` when given, or None."""
    half = np.array(size[:2]) / 2
    for _ in range(16):
      at = self._rng.uniform(-half, half)
      if around is not None:
        at = np.array(around) + self._rng.uniform(-radius, radius, 2)
      placed = dataclasses.replace(
          item, position=(float(at[0]), float(at[1]), 0.), support="floor",
          yaw=self._uniform(-math.pi, math.pi))
      if layout.inside(placed, size) and not any(
          layout.overlap(placed, other, .04) for other in others):
        return placed
    return None

  def against_wall(self, item: scene.Item, size: tuple[float, float, float],
                   others: list[scene.Item], height: float = 0.
                   ) -> scene.Item | None:
    """`item` with its back to the far or a side wall, or None after 10 tries.

    With a `height` above zero it hangs there, else it stands on the floor.
    """
    width, depth, _ = size
    for _ in range(10):
      turn = int(self._rng.integers(3)) - 1  # right wall, far wall, left wall
      length = depth if turn else width
      away = (width if turn else depth) / 2 - item.size[1] / 2 - .005
      if length < item.size[0]:
        continue
      along = self._uniform(-.5, .5) * (length - item.size[0])
      x, y = (-turn * away, along) if turn else (along, away)
      placed = dataclasses.replace(
          item, position=(x, y, height), yaw=turn * math.pi / 2,
          support="wall" if height else "floor")
      if layout.inside(placed, size) and not any(
          layout.overlap(placed, other, _GAP) for other in others):
        return placed
    return None

  def scatter(self, items: list[scene.Item], size: tuple[float, float, float],
              around: tuple[float, float], place: str, count: int) -> None:
    """Adds small things, and some of `place`, on the floor around a point."""
    for _ in range(count):
      item = self.thing("table" if self._rng.random() < .65 else place)
      placed = self.on_floor(item, size, items, around, .8)
      if placed:
        items.append(placed)

  def clutter(self, items: list[scene.Item], index: int, count: int) -> None:
    """Adds things on top of `items[index]`, sometimes several of one category."""
    item = None
    for _ in range(count):
      if item is None or self._rng.random() < .65:
        item = self.thing("table")
      elif item.material is not None and self._rng.random() < .6:
        item = dataclasses.replace(item, material=self.color(item.category))
      placed = self.on_top(item, items[index], index, items)
      if placed:
        items.append(placed)
