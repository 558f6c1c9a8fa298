"""Paints of the parts of things that do not take the item's colour."""

from vision_banana.data.rooms.scene import Material


def plain(r: float, g: float, b: float, roughness: float = 0.5,
          metallic: float = 0.0) -> Material:
  """A material without a name."""
  return Material(None, (r, g, b), roughness=roughness, metallic=metallic)


WOOD = plain(0.22, 0.11, 0.05)
DARK = plain(0.03, 0.03, 0.035, 0.4)
METAL = plain(0.7, 0.7, 0.7, 0.3, 1.0)
MIRROR = plain(0.9, 0.9, 0.9, 0.04, 1.0)
LEAF = plain(0.06, 0.22, 0.05, 0.7)
CLAY = plain(0.45, 0.16, 0.08, 0.8)
WHITE = plain(0.8, 0.8, 0.78)
LINEN = plain(0.72, 0.68, 0.6, 0.9)
SKY = plain(0.35, 0.55, 0.85, 0.2)
SCREEN = plain(0.01, 0.012, 0.02, 0.12)
ROOF = plain(0.28, 0.07, 0.04, 0.8)
BRICK = plain(0.4, 0.08, 0.05, 0.8)
GLASS = plain(0.03, 0.05, 0.07, 0.1)
BULB = plain(0.95, 0.85, 0.45)
