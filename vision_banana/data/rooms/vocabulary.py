"""What rooms are made of: named colours, kinds of things, and held-out looks.

A *look* is a colour word, a texture's name, or for a mesh with its own texture its
`Item.shape`. The pair (category, look) is *reserved* for the test split when the
first byte of the SHA-256 of 'category/look' is a multiple of eight: about one in
eight. Training rooms and edits never show a reserved pair, test rooms show at least
one. Walls, floors and the ground outdoors follow the same rule under the categories
'wall', 'floor' and 'ground'; ceilings are always white.
"""

import functools
import hashlib
from collections.abc import Iterable

from vision_banana.data.rooms import scene

# Linear RGB; far enough apart to be told apart under any lamp of the sampler.
COLORS = {
    "red": (.62, .03, .03), "green": (.04, .38, .06), "blue": (.03, .09, .58),
    "yellow": (.82, .62, .03), "orange": (.85, .22, .02), "purple": (.22, .04, .42),
    "pink": (.85, .27, .42), "brown": (.15, .06, .025), "white": (.82, .82, .82),
    "black": (.015, .015, .015), "gray": (.2, .2, .2), "cyan": (.05, .55, .62)}
WALL_COLORS = tuple(c for c in COLORS if c not in ("black", "brown"))
# Pairs a viewer may confuse: never used to claim that a colour is absent.
_CLOSE_COLORS = frozenset(frozenset(pair.split()) for pair in (
    "orange brown", "orange red", "orange yellow", "white gray", "black gray",
    "blue purple", "blue cyan", "green cyan", "pink purple", "pink red",
    "pink orange", "brown red", "brown black", "white pink", "white yellow"))

# Words for a texture, by what its name contains; the first that fits.
_TEXTURE_WORDS = {
    "wood": "wooden", "plank": "wooden", "brick": "brick", "marble": "marble",
    "tile": "tiled", "plaster": "plaster", "stucco": "stucco", "felt": "felt",
    "carpet": "carpeted", "concrete": "concrete", "cinder": "concrete",
    "drywall": "plaster", "steel": "metal", "cardboard": "cardboard", "stone": "stone",
    "metal": "metal", "ceramic": "ceramic", "granite": "granite",
    "linen": "linen", "canvas": "canvas", "grass": "grassy", "sand": "sandy",
    "gravel": "gravel", "pavement": "paved", "soil": "earthen", "snow": "snowy"}

# Materials that phrases name, and the plain colours that may pass for them.
MATERIALS = {
    "metal": ("gray", "white", "black"), "wooden": ("brown", "orange", "yellow"),
    "marble": ("white", "gray", "black", "pink", "green"),
    "cardboard": ("brown", "orange", "yellow")}

# Categories a viewer may call by each other's name. One name never refers to a
# thing when another of its group is in the room.
_ALIKE = tuple(frozenset(group.split(", ")) for group in (
    "mug, cup, glass", "table, desk, bench, stool", "shelf, bookshelf, rack",
    "cabinet, dresser, nightstand, wardrobe, fridge, drawer, chest, shelf",
    "plant, tree, flower, bush", "house, shed, tent, building, cabin",
    "car, cart, toy car", "rock, ball, egg, stone", "mailbox, box, birdhouse",
    "sign, fence, picture, barrier, bench", "fire hydrant, cylinder, bottle",
    "mushroom, lamp, stool", "lamp, light",
    "box, crate, brick, block, cube, dice, book, present, carton",
    "ball, egg, globe, orange, apple, basketball, lemon",
    "sofa, armchair, couch, chair, bench, stool, bed, pillow",
    "cylinder, can, barrel, bucket, bin, pot, candle, column, jar, thermos, glass",
    "cylinder, prism",
    "cone, pyramid, tent, tree", "ring, hoop, donut, wheel, torus",
    "picture, mirror, window, poster, painting, television, laptop, clock",
    "bowl, plate, tray, dish, ramekin, basket", "rug, mat, carpet",
    "bottle, vase, thermos, jar", "capsule, pill, egg", "teapot, pot, kettle",
    "duck, bunny, bear, teddy, toy"))

# Shapes of which only a frame, pot or nothing takes the item's colour: no phrase
# names it.
_COLORLESS = ("plant", "television", "mirror", "window")

# Shapes with large parts of other materials than the item's.
_MIXED = ("bed", "picture", "clock", "lamp", "desk_lamp", "tree", "oak", "flower",
          "mushroom", "mailbox", "sign", "shed", "house", "car", "cart", "tent", "book",
          "books", "gift", "candle", "jar", "barrel", "street_lamp", "hydrant",
          "bottle")
# Categories that are never of metal.
SOFT = frozenset((
    "rug", "pillow", "bed", "sofa", "armchair", "book", "candle", "apple", "tent",
    "plant", "tree", "bush", "flower", "mushroom", "rock", "egg", "gift box", "picture",
    "house", "bread", "lemon", "teddy bear", "cereal box", "milk carton"))


def colorable(item: scene.Item) -> bool:
  """Whether painting the item changes all that a viewer calls the item."""
  textured = item.material is not None and item.material.texture is not None
  return item.shape not in _COLORLESS and not (item.shape == "picture" and textured)


def color(item: scene.Item) -> str:
  """The word for an item's colour, or '' when none describes it."""
  if item.material is None or item.shape in _COLORLESS:
    return ""
  return item.material.color


def look(item: scene.Item) -> str:
  """The look of an item, as in the module docstring."""
  return item.shape if item.material is None else surface(item.material)


def surface(material: scene.Material) -> str:
  """The look of a material: its texture's name or its colour's word."""
  return material.texture or material.color


def reserved(category: str, look_: str) -> bool:
  """Whether only the test split may show this category with this look."""
  return hashlib.sha256(f"{category}/{look_}".encode()).digest()[0] % 8 == 0


def reserved_pairs(room: scene.Room) -> list[tuple[str, str]]:
  """All reserved (category, look) pairs a room shows, walls and floor included."""
  pairs = [(floor(room), surface(room.floor))]
  if not room.outdoors:
    pairs.append(("wall", surface(room.wall)))
  pairs += [(item.category, look(item)) for item in room.items]
  return [pair for pair in pairs if reserved(*pair)]


def floor(room: scene.Room) -> str:
  """What instance 1 is called: 'floor', or 'ground' outdoors."""
  return "ground" if room.outdoors else "floor"


def close_colors(a: str, b: str) -> bool:
  """Whether two different colour words may be confused by a viewer."""
  return frozenset((a, b)) in _CLOSE_COLORS


@functools.cache
def alike(a: str, b: str) -> bool:
  """Whether one category's name may be taken for the other's.

  True for equal names, names with one head noun ('box', 'gift box') and names of
  one group of look-alikes ('mug', 'cup').
  """
  heads = (a.split()[-1], b.split()[-1])
  return heads[0] == heads[1] or any(
      {a, heads[0]} & group and {b, heads[1]} & group for group in _ALIKE)


def unlike(names: Iterable[str], present: Iterable[str]) -> list[str]:
  """The names, in their order, that nobody would call anything of `present` by."""
  return [a for a in names if not any(alike(a, b) for b in present)]


def word(material: scene.Material) -> str:
  """An adjective for a surface: 'red', 'tiled', 'pink plaster', … or ''."""
  if material.texture is None:
    return material.color
  name = material.texture.lower()
  color_ = name.split("-")[0]
  kind = next((w for key, w in _TEXTURE_WORDS.items() if key in name), "")
  return f"{color_} {kind}" if kind and color_ in COLORS else kind


def material(item: scene.Item) -> str:
  """The word of `MATERIALS` that surely names what an item is made of, or ''."""
  return next((word_ for word_ in MATERIALS if made_of(item, word_)), "")


def made_of(item: scene.Item, material_: str) -> bool | None:
  """Whether a viewer would say that an item is of a material of `MATERIALS`.

  None when they may differ: parts of it are of other materials, its own texture is
  not known, or its colour or gloss is such that it might be.
  """
  if item.material is None or item.shape in _MIXED or item.shape in _COLORLESS:
    return None
  if item.material.texture is not None:
    known = word(item.material).split()
    return material_ in known if known else None
  if item.material.metallic:
    shines = item.material.roughness < .5 and item.material.color != "black"
    return material_ == "metal" if shines else None
  if not item.material.color or (
      material_ == "metal" and item.material.roughness < .3):
    return None
  return None if item.material.color in MATERIALS[material_] else False


def adjective(item: scene.Item) -> str:
  """What to call an item's look in a caption: colour or material, or ''."""
  if item.material is not None and item.material.texture and item.shape != "picture":
    return word(item.material)
  return color(item)
