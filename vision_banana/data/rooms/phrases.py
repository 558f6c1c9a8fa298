"""Phrases that refer to what is in view, true and unique by construction."""

import itertools
from collections.abc import Iterator

import numpy as np

from vision_banana.data.rooms import captions
from vision_banana.data.rooms import nouns
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

Phrase = tuple[str, tuple[int, ...]]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_FORMS = {
    "leftmost": ("the leftmost {}", "the {} on the far left", "the left-most {}"),
    "rightmost": ("the rightmost {}", "the {} on the far right", "the right-most {}"),
    "closest": ("the closest {}", "the {} nearest to the camera", "the nearest {}"),
    "farthest": ("the farthest {}", "the {} farthest from the camera"),
    "largest": ("the largest {}", "the biggest {}"),
    "smallest": ("the smallest {}", "the tiniest {}"),
}
_RELATION_FORMS = {
    "to the left of": ("to the left of", "left of"),
    "to the right of": ("to the right of", "right of"),
    "in front of": ("in front of",), "behind": ("behind",),
    "next to": ("next to", "beside"), "on": ("on", "on top of"),
}
_APART = .06  # Of the width of the picture: surely one after the other.


def of_one(things: list[views.Seen], found: list[nouns.Noun],
           rng: np.random.Generator) -> Iterator[Phrase]:
  """Phrases that mean one item."""
  return itertools.chain(_singles(found, rng), _superlatives(found, rng),
                         _relations(found, things, rng), _orders(found))


def of_many(things: list[views.Seen], found: list[nouns.Noun]) -> Iterator[Phrase]:
  """Phrases that mean several items: 'all mugs', 'both chairs', 'the three balls'."""
  for head, _, matches in found:
    if sum(m.clear for m in matches) < 2:
      continue
    name = nouns.words(head, things, many=True)
    ids = tuple(m.id for m in matches)
    yield f"the {name}", ids
    yield f"all {name}", ids
    if not head.category:
      yield name.replace("objects", "everything", 1), ids
    if all(m.clear for m in matches):  # Else a viewer may count fewer.
      yield f"the {captions.number(len(ids))} {name}", ids
      if len(ids) == 2:
        yield f"both {name}", ids


def surfaces(room: scene.Room, instances: np.ndarray) -> Iterator[Phrase]:
  """Phrases for the floor or ground, the walls and the ceiling, where in view."""
  for id_, name, material in ((views.FLOOR, vocabulary.floor(room), room.floor),
                              (views.WALL, "wall", room.wall),
                              (views.CEILING, "ceiling", room.ceiling)):
    if (instances == id_).mean() >= views.SURFACE:
      yield f"the {name}", (id_,)
      word = vocabulary.word(material)
      if word:
        yield f"the {word} {name}", (id_,)


def _singles(found, rng):
  for head, name, matches in found:
    if len(matches) == 1 and matches[0].clear:
      yield f"the {name}", (matches[0].id,)
      if head.category and not head.other_than and rng.random() < .3:
        yield name, (matches[0].id,)
      if head.color and rng.random() < .3:
        yield f"the {head.category} that is {head.color}", (matches[0].id,)
      if head.material == "metal" and rng.random() < .5:
        yield f"the {head.category} made of metal", (matches[0].id,)


def _superlatives(found, rng):
  for head, name, matches in found:
    if len(matches) < 2 or head.other_than:
      continue
    for word, pick in views.SUPERLATIVES.items():
      best = pick(matches)
      if best and best.clear:
        form = str(rng.choice(_FORMS[word]))
        if head.support and not form.endswith("{}"):
          form = _FORMS[word][0]  # 'the mug on the table on the far left' misleads
        yield form.format(name), (best.id,)


def _relations(found, things, rng):
  anchors = [(thing, name) for thing in things
             if (name := nouns.unique(thing, things))]
  for head, name, matches in found:
    if head.support or head.category is None or head.other_than:
      continue
    for anchor, anchor_name in anchors:
      if anchor in matches:
        continue
      for relation, holds in views.RELATIONS.items():
        answers = [holds(m, anchor) for m in matches]
        if answers.count(True) == 1 and None not in answers:
          best = matches[answers.index(True)]
          if best.clear:
            form = rng.choice(_RELATION_FORMS[relation])
            yield f"the {name} {form} {anchor_name}", (best.id,)


def _orders(found):
  """'the second mug from the left', of two or more in a clear order."""
  for head, name, matches in found:
    if (head.support or head.other_than or not head.category
        or not 2 <= len(matches) <= len(ORDINALS) or not all(m.clear for m in matches)):
      continue
    row = sorted(matches, key=lambda m: m.x)
    if min(b.x - a.x for a, b in itertools.pairwise(row)) < _APART:
      continue
    for side, order in (("left", row), ("right", row[::-1])):
      for ordinal, thing in zip(ORDINALS, order):
        yield f"the {ordinal} {name} from the {side}", (thing.id,)
