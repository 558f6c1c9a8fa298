"""A small asset library's names, and rooms for the tests of this folder."""

import functools

from vision_banana.data.rooms import assets
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import sampling
from vision_banana.data.rooms import scene

EMPTY = assets.Catalog({}, {}, ())
CATALOG = assets.Catalog(
    meshes={"duck": assets.MeshInfo("rubber duck", (.13, .09, .12), "table"),
            "lego": assets.MeshInfo("toy brick", (.06, .04, .06), "table"),
            "laptop": assets.MeshInfo("laptop", (.3, .25, .24), "table"),
            "barrier": assets.MeshInfo("barrier", (3.2, .6, .9), "floor"),
            "barrel": assets.MeshInfo("barrel", (.6, .6, .85), "floor")},
    textures={"floor": ("wood-tiles", "marble_1", "floor1", "granite", "gray-felt"),
              "wall": ("white-bricks", "pink-plaster", "concrete_1"),
              "table": ("dark-wood", "blue-wood", "ceramic"),
              "picture": ("portrait1", "portrait2")},
    environments=("sunset", "studio"))


@functools.cache
def rooms(split: str, full: bool = True, count: int = 16) -> tuple[scene.Room, ...]:
  """Rooms 0 … count - 1 of a split, with or without the asset library."""
  catalog = CATALOG if full else EMPTY
  return tuple(sampling.sample(seed, catalog, split) for seed in range(count))


@functools.cache
def picture(room: scene.Room):
  """Instances int32 [64, 64] of a room whose items are boxes."""
  return layout.raycast(room, 64)[0]


def item(category: str, color: str, position, size=(.2, .2, .2), support="floor",
         shape="box") -> scene.Item:
  return scene.Item(category, shape, size, position, 0.,
                    scene.Material(None, (.5, .5, .5), color), support)


def room(*items: scene.Item, origin=(0., -1.9, 1.2), target=(0., 0., .6)
         ) -> scene.Room:
  """A 4 x 4 x 2.5 m room with gray walls and a brown floor, seen along +y."""
  gray = scene.Material(None, (.2, .2, .2), "gray")
  brown = scene.Material(None, (.15, .06, .03), "brown")
  return scene.Room(0, (4., 4., 2.5), brown, gray, gray, items,
                    scene.Camera(origin, target, 60.),
                    scene.Light((0., 0.), (10.,) * 3, "", 1.))


TABLE = item("table", "brown", (0., 0., 0.), (1.2, .8, .7), shape="table")
