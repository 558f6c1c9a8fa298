"""A library with two textures and a cube, and an empty room of 4 x 6 x 2.5 m."""

import numpy as np

from vision_banana.data.rooms import assets
from vision_banana.data.rooms import primitives
from vision_banana.data.rooms.scene import Camera, Item, Light, Material, Room


def _quarters() -> np.ndarray:
  image = np.zeros((128, 128, 3), np.uint8)
  image[:64, :64, 0] = image[:64, 64:, 1] = image[64:, :64, 2] = 255
  return image


def _cube() -> assets.Mesh:
  box, = primitives.make("box")
  textured = assets.Part(box.vertices, box.normals, box.uvs, box.faces,
                         np.full((128, 128, 3), (0, 255, 0), np.uint8), (1, 1, 1))
  plain = assets.Part(box.vertices + np.float32((0, 0, 1)), box.normals, box.uvs,
                      box.faces, None, (0.25, 0.5, 0.75))
  return assets.Mesh(assets.MeshInfo("cube", (1.0, 1.0, 2.0), "table"),
                     (textured, plain))


def _cone() -> assets.Mesh:
  """A cone of 0.2 x 0.5 x 3 m, whose size shows in its normals."""
  cone, = primitives.make("cone")
  size = np.float32((0.2, 0.5, 3))
  normals = cone.normals / size
  normals /= np.linalg.norm(normals, axis=1, keepdims=True)
  return assets.Mesh(assets.MeshInfo("cone", tuple(map(float, size)), "table"),
                     (assets.Part(cone.vertices * size, normals, cone.uvs, cone.faces,
                                  None, (0.5, 0.5, 0.5)),))


LIBRARY = assets.Library(
    {"cube": _cube(), "cone": _cone()}, {"quarters": ("floor", _quarters())},
    {"sky": np.linspace(0.5, 1.5, 8 * 16 * 3, dtype=np.float32).reshape(8, 16, 3)})
GRAY = Material(None, (0.4, 0.4, 0.4))
ROOM = Room(seed=3, size=(4.0, 6.0, 2.5), floor=GRAY, wall=GRAY, ceiling=GRAY,
            items=(), camera=Camera((0.0, -2.0, 1.25), (0.0, 1.0, 1.25), 60.0),
            light=Light((0.0, 0.0), (10.0, 10.0, 10.0), "sky", 1.0))
RED = Material(None, (0.6, 0.02, 0.02), "red")


def item(shape: str, size=(0.5, 0.5, 0.5), position=(0.0, 0.0, 0.0), yaw=0.0,
         material: Material | None = RED) -> Item:
  return Item(shape, shape, size, position, yaw, material)
