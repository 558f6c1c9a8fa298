"""Lamps, skies, suns and exposures."""

import math

import numpy as np

from vision_banana.data.rooms import assets
from vision_banana.data.rooms import scene

# Environments that would look odd above a meadow.
_INDOORS = ("apartment", "hall", "lab", "lobby", "studio", "warehouse", "workshop")


def indoors(rng: np.random.Generator, size: tuple[float, float, float],
            catalog: assets.Catalog, floor: scene.Material, wall: scene.Material
            ) -> scene.Light:
  """A ceiling lamp, and light of a sky or a sun from the open side."""
  warmth = rng.uniform(-.25, .35)  # Below zero is bluish.
  color = np.array((1 + min(warmth, 0), 1 - abs(warmth) * .3, 1 - max(warmth, 0)))
  edge = rng.uniform(.3, 1.3)
  power = rng.uniform(9, 19) * size[0] * size[1] / 18 / edge ** 1.6
  sun = float(rng.uniform(2., 7.)) if rng.random() < .35 else 0.
  sky = rng.uniform(.2, 1.4)
  kind = rng.choice(("day", "window", "evening"), p=(.7, .18, .12))
  if kind == "window":  # The open side nearly alone.
    power, sky = power * .3, sky + .6
  elif kind == "evening":  # The lamp alone.
    sun, sky = 0., sky * .12
  names = catalog.environments
  albedo = np.mean([_albedo(floor), _albedo(wall)])
  exposure = _exposure(rng, albedo)
  return scene.Light(
      tuple(round(float(x), 3) for x in rng.uniform(-.35, .35, 2)
            * (np.array(size[:2]) - edge)),
      tuple(round(float(x), 3) for x in color * power),
      names[rng.integers(len(names))] if names else "",
      round(float(sky), 3), round(exposure, 3), round(float(edge), 3), round(sun, 3),
      _direction(rng.uniform(-1.1, 1.1), rng.uniform(.25, .8)))


def outdoors(rng: np.random.Generator, catalog: assets.Catalog, ground: scene.Material
             ) -> scene.Light:
  """A sky of an environment, or a plain one with or without a sun."""
  names = [n for n in catalog.environments if n not in _INDOORS]
  name = names[rng.integers(len(names))] if names and rng.random() < .5 else ""
  evening = rng.random() < .15
  sun = 0. if name or rng.random() < .2 else rng.uniform(2., 5.)
  height = rng.uniform(.12, .35) if evening else rng.uniform(.4, 1.2)
  exposure = _exposure(rng, _albedo(ground)) * .85 * (.5 if evening else 1)
  tint = (1.15, .9, .68) if evening else (1., 1., 1.)
  return scene.Light(
      (0., 0.), (0., 0., 0.), name, round(float(rng.uniform(.7, 1.1)), 3),
      round(exposure, 3), sun=round(float(sun), 3),
      sun_direction=_direction(rng.uniform(-math.pi, math.pi), height), tint=tint)


def _direction(around, above):
  """Towards the sun; `around` is from -y, where a room is open."""
  return tuple(round(float(x), 4) for x in (
      math.sin(around) * math.cos(above), -math.cos(around) * math.cos(above),
      math.sin(above)))


def _albedo(material):
  return .45 if material.texture else float(np.mean(material.rgb))


def _exposure(rng, albedo):
  """Half of the way to equal brightness of pale and dark surroundings.

  One picture in five is exposed too little or too much, within a factor of two.
  """
  factor = rng.uniform(.75, 1.3)
  if rng.random() < .2:
    factor = rng.choice((rng.uniform(.5, .7), rng.uniform(1.4, 1.8)))
  return float(factor * (.3 / (.1 + albedo)) ** .5)
