"""The kinds of things that rooms and outdoor scenes are furnished with."""

import dataclasses
import functools


@dataclasses.dataclass(frozen=True)
class Kind:
  """A category of primitives.

  Attributes:
    category: its noun.
    shape: name in `primitives.py`.
    low, high: bounds of (width x, depth y, height z) in metres.
    place: 'focus' (furniture that carries things), 'wall side' (furniture with its
      back to a wall), 'floor', 'table', 'wall', 'rug', 'outdoors' or 'far outdoors'
      (big).
    equal: number of leading dimensions that share one value (3 = a ball).
  """
  category: str
  shape: str
  low: tuple[float, float, float]
  high: tuple[float, float, float]
  place: str
  equal: int = 1


KINDS = (
    Kind("table", "table", (.9, .6, .6), (1.5, .9, .8), "focus"),
    Kind("round table", "round_table", (.85, .85, .6), (1.2, 1.2, .76), "focus", 2),
    Kind("desk", "desk", (1., .55, .68), (1.5, .75, .78), "focus"),
    Kind("coffee table", "table", (.8, .5, .35), (1.2, .7, .48), "focus"),
    Kind("cabinet", "cabinet", (.7, .4, .7), (1.2, .55, 1.1), "wall side"),
    Kind("dresser", "dresser", (.6, .4, .7), (.9, .5, 1.1), "wall side"),
    Kind("nightstand", "dresser", (.4, .36, .45), (.55, .45, .6), "wall side"),
    Kind("wardrobe", "cabinet", (.9, .5, 1.7), (1.3, .6, 2.1), "wall side"),
    Kind("shelf", "shelf", (.6, .28, .9), (1.1, .4, 1.9), "wall side"),
    Kind("sofa", "sofa", (1.4, .75, .7), (2., .95, .9), "wall side"),
    Kind("armchair", "armchair", (.75, .75, .75), (.95, .9, .95), "wall side"),
    Kind("bed", "bed", (1., 1.9, .7), (1.6, 2.1, 1.), "wall side"),
    Kind("chair", "chair", (.4, .42, .8), (.5, .52, 1.), "floor"),
    Kind("stool", "stool", (.32, .32, .42), (.42, .42, .65), "floor", 2),
    Kind("bench", "bench", (.8, .32, .4), (1.2, .42, .5), "floor"),
    Kind("floor lamp", "lamp", (.35, .35, 1.3), (.5, .5, 1.7), "floor", 2),
    Kind("plant", "plant", (.4, .4, .6), (.6, .6, 1.1), "floor", 2),
    Kind("tree", "tree", (.4, .4, .9), (.7, .7, 1.5), "floor", 2),
    Kind("waste bin", "bin", (.25, .25, .28), (.36, .36, .45), "floor", 2),
    Kind("crate", "crate", (.35, .3, .28), (.6, .5, .5), "floor"),
    Kind("pillow", "pillow", (.4, .4, .14), (.6, .5, .2), "floor"),
    Kind("box", "box", (.25, .25, .2), (.5, .45, .45), "floor"),
    Kind("ball", "ball", (.22,) * 3, (.45,) * 3, "floor", 3),
    Kind("cone", "cone", (.28, .28, .35), (.4, .4, .65), "floor", 2),
    Kind("cylinder", "cylinder", (.25, .25, .3), (.42, .42, .7), "floor", 2),
    Kind("ring", "torus", (.4, .4, .1), (.65, .65, .18), "floor", 2),
    Kind("box", "box", (.1, .1, .08), (.26, .22, .22), "table"),
    Kind("gift box", "gift", (.13, .13, .13), (.24, .24, .24), "table"),
    Kind("ball", "ball", (.09,) * 3, (.2,) * 3, "table", 3),
    Kind("egg", "ball", (.09, .09, .12), (.13, .13, .17), "table", 2),
    Kind("cylinder", "cylinder", (.09, .09, .1), (.18, .18, .28), "table", 2),
    Kind("cone", "cone", (.11, .11, .13), (.2, .2, .3), "table", 2),
    Kind("ring", "torus", (.14, .14, .04), (.24, .24, .07), "table", 2),
    Kind("capsule", "capsule", (.08, .08, .17), (.12, .12, .26), "table", 2),
    Kind("pyramid", "pyramid", (.13, .13, .13), (.22, .22, .24), "table", 2),
    Kind("prism", "prism", (.1, .1, .1), (.18, .18, .22), "table", 2),
    Kind("vase", "vase", (.12, .12, .2), (.18, .18, .34), "table", 2),
    Kind("bowl", "bowl", (.16, .16, .08), (.28, .28, .13), "table", 2),
    Kind("plate", "plate", (.2, .2, .025), (.28, .28, .035), "table", 2),
    Kind("mug", "mug", (.12, .09, .1), (.18, .13, .15), "table"),
    Kind("glass", "glass", (.08, .08, .12), (.11, .11, .18), "table", 2),
    Kind("teapot", "teapot", (.2, .15, .14), (.28, .2, .2), "table"),
    Kind("bottle", "bottle", (.08, .08, .24), (.11, .11, .34), "table", 2),
    Kind("jar", "jar", (.1, .1, .13), (.14, .14, .2), "table", 2),
    Kind("book", "book", (.16, .22, .035), (.2, .28, .07), "table"),
    Kind("candle", "candle", (.07, .07, .14), (.1, .1, .26), "table", 2),
    Kind("apple", "apple", (.09, .09, .1), (.12, .12, .13), "table", 2),
    Kind("desk lamp", "desk_lamp", (.2, .2, .32), (.28, .28, .42), "table", 2),
    Kind("television", "television", (.45, .14, .32), (.65, .18, .42), "table"),
    Kind("picture", "picture", (.4, .03, .4), (.8, .04, .8), "wall"),
    Kind("mirror", "mirror", (.4, .03, .6), (.7, .04, 1.), "wall"),
    Kind("window", "window", (.6, .05, .7), (1.1, .07, 1.1), "wall"),
    Kind("clock", "clock", (.28, .04, .28), (.4, .05, .4), "wall"),
    Kind("bush", "bush", (.6, .6, .5), (1.2, 1.2, 1.), "outdoors", 2),
    Kind("rock", "rock", (.3, .3, .2), (.9, .8, .6), "outdoors"),
    Kind("mushroom", "mushroom", (.2, .2, .22), (.45, .45, .5), "outdoors", 2),
    Kind("flower", "flower", (.22, .22, .35), (.38, .38, .6), "outdoors", 2),
    Kind("mailbox", "mailbox", (.24, .42, 1.), (.32, .5, 1.25), "outdoors"),
    Kind("fire hydrant", "hydrant", (.3, .3, .6), (.4, .4, .8), "outdoors", 2),
    Kind("sign", "sign", (.5, .08, 1.1), (.8, .1, 1.6), "outdoors"),
    Kind("barrel", "barrel", (.45, .45, .65), (.6, .6, .9), "outdoors", 2),
    Kind("bucket", "bucket", (.24, .24, .24), (.36, .36, .36), "outdoors", 2),
    Kind("cart", "cart", (1., .6, .6), (1.4, .8, .8), "outdoors"),
    Kind("fence", "fence", (1.6, .08, .7), (2.6, .1, 1.1), "outdoors"),
    Kind("tree", "oak", (1.6, 1.6, 2.4), (2.8, 2.8, 4.2), "far outdoors", 2),
    Kind("house", "house", (3.4, 3., 2.9), (4.6, 3.8, 3.8), "far outdoors"),
    Kind("shed", "shed", (1.7, 1.4, 1.8), (2.4, 1.9, 2.3), "far outdoors"),
    Kind("car", "car", (3.3, 1.45, 1.2), (4.1, 1.65, 1.4), "far outdoors"),
    Kind("tent", "tent", (1.6, 1.9, 1.1), (2.2, 2.4, 1.5), "far outdoors"),
    Kind("street lamp", "street_lamp", (.35, .35, 2.8), (.5, .5, 3.6), "far outdoors",
         2),
    Kind("rug", "rug", (1.2, .8, .01), (2.2, 1.6, .012), "rug"),
)
# Categories of the floor that also stand outdoors, and meshes that never do.
_HARDY = ("chair", "bench", "plant", "tree", "waste bin", "crate", "ball", "cone")
INDOORS = ("safe", "office chair", "office desk", "drawer", "rack")
# Shapes that carry things: the part of width and depth that is usable.
TOPS = {"table": .96, "round_table": .68, "desk": .96, "cabinet": .94,
        "dresser": .94, "stool": .66, "bench": .94, "crate": .84, "box": .9}


@functools.cache
def at(place: str) -> tuple[Kind, ...]:
  """The kinds for a place; some of those for the floor go outdoors as well."""
  return tuple(k for k in KINDS if k.place == place or (
      place == "outdoors" and k.place == "floor" and k.category in _HARDY))


@functools.cache
def textured(category: str) -> bool:
  """Whether things of a category may have a texture of tables."""
  return any(k.category == category and k.place == "focus" for k in KINDS)
