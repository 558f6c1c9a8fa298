"""Phrases that describe nothing in the room, not even something unseen."""

from collections.abc import Iterator

import numpy as np

from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import nouns
from vision_banana.data.rooms import phrases
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary
from vision_banana.data.rooms.captions import plural

# Things of the asset library and others, for phrases that fit nothing.
OTHER_CATEGORIES = (
    "laptop", "rubber duck", "teddy bear", "toy bunny", "milk carton", "soda can",
    "lemon", "bread", "hammer", "thermos", "coffee machine", "cat", "dog", "bicycle",
    "guitar", "umbrella", "shoe", "banana", "keyboard", "backpack")


def draw(room: scene.Room, things: list[views.Seen], rng: np.random.Generator
         ) -> Iterator[phrases.Phrase]:
  """Phrases of all forms that fit nothing, each with no ids."""
  for text in (*_absent(room, rng), *_wrong_looks(room, rng),
               *_wrong_places(room, things), *_too_many(room, rng),
               *_surfaces(room, rng)):
    yield text, ()


def _absent(room, rng):
  """Things of categories that are not there."""
  names = {item.category for item in room.items}
  known = {k.category: None for k in kinds.KINDS}  # Ordered.
  absent = [c for c in (*known, *OTHER_CATEGORIES)
            if not any(vocabulary.alike(c, name) for name in names)]
  for category in rng.permutation(absent)[:6]:
    yield f"the {category}"
    yield f"the {rng.choice(tuple(vocabulary.COLORS))} {category}"
    if category in known:
      many = plural(str(category))
      yield str(rng.choice((f"the {many}", f"both {many}", f"the two {many}",
                            f"the second {category} from the left")))


def _wrong_looks(room, rng):
  """Categories that are there, in colours and materials that they do not have."""
  for category in sorted({item.category for item in room.items}):
    alike = [i for i in room.items if vocabulary.alike(category, i.category)]
    colors = {vocabulary.color(i) for i in alike}
    free = [c for c in vocabulary.COLORS if c not in colors
            and not any(vocabulary.close_colors(c, other) for other in colors)]
    if "" not in colors and free:
      yield f"the {rng.choice(free)} {category}"
    if len(colors) == 1 and "" not in colors and rng.random() < .2:
      yield f"the {category} that is not {colors.pop()}"
    for word in vocabulary.MATERIALS:
      if rng.random() < .2 and all(
          vocabulary.made_of(i, word) is False for i in alike):
        yield f"the {word} {category}"


def _wrong_places(room, things):
  """Categories that are there, on furniture that does not carry them."""
  ids = {thing.id for thing in things}
  unseen = [item.category for index, item in enumerate(room.items)
            if index + views.FIRST_ITEM not in ids]
  for anchor in things:
    if any(vocabulary.alike(anchor.item.category, c) for c in unseen):
      continue  # The name may mean a thing out of view.
    name = nouns.unique(anchor, things)
    carried = [i.category for i in room.items
               if i.support == str(anchor.id - views.FIRST_ITEM)]
    if name and carried:
      for category in sorted({item.category for item in room.items}):
        if not any(vocabulary.alike(category, c) for c in carried) and (
            category != anchor.item.category):
          yield f"the {category} on {name}"


def _too_many(room, rng):
  """A third or fourth of a category of which there are fewer."""
  for category in sorted({item.category for item in room.items}):
    alike = [i.category for i in room.items if vocabulary.alike(category, i.category)]
    count = len(alike)
    if (2 <= count < len(phrases.ORDINALS) and set(alike) == {category}
        and rng.random() < .3):
      side = rng.choice(("left", "right"))
      yield f"the {phrases.ORDINALS[count]} {category} from the {side}"


def _surfaces(room, rng):
  """Floors and walls in other colours, and outdoors any floor or wall."""
  if room.outdoors:
    yield str(rng.choice(("the ceiling", "the wall", "the wooden floor")))
  parts = [(vocabulary.floor(room), room.floor), ("wall", room.wall)]
  for name, material in parts[:1 if room.outdoors else 2]:
    free = [c for c in vocabulary.COLORS if c != material.color
            and not vocabulary.close_colors(c, material.color)]
    if material.texture is None:
      yield f"the {rng.choice(free)} {name}"
