"""Captions and referring phrases for rooms, true and unique by construction."""

import itertools

import numpy as np

from vision_banana.data.rooms import captions
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary
from vision_banana.data.rooms.captions import plural

Phrase = tuple[str, tuple[int, ...]]

MAX_POSITIVES = 24
MAX_NEGATIVES = 8
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
# Things of the asset library, for phrases that fit nothing.
_OTHER_CATEGORIES = (
    "laptop", "rubber duck", "teddy bear", "toy bunny", "milk carton", "soda can",
    "lemon", "bread", "hammer", "thermos", "coffee machine", "cat", "dog", "bicycle",
    "guitar", "umbrella", "shoe", "banana", "keyboard", "backpack")


def describe(room: scene.Room, instances: np.ndarray
             ) -> tuple[str, list[Phrase], list[str]]:
  """Puts a rendered room into words.

  Args:
    room: the room.
    instances: int32 [H, W] ids: 1 floor or ground, 2 wall, 3 ceiling, 4 + index in
      `room.items`, 0 nothing.

  Returns:
    The caption; up to 32 phrases, each with the ids of all things it describes (none
    for a phrase that fits nothing in the room, seen or unseen); and the categories,
    where categories[i] names instance id i + 1.
  """
  rng = np.random.default_rng([room.seed, 1])
  things = views.seen(room, instances)
  heads = list(_heads(things))
  positive = dict(_surfaces(room, instances))
  for text, ids in itertools.chain(
      _singles(heads, rng), _plurals(heads), _superlatives(heads, rng),
      _relations(heads, things, rng)):
    positive.setdefault(text, ids)
  phrases = _choose(list(positive.items()), MAX_POSITIVES, rng)
  phrases += _choose(list(_negatives(room, things, rng)), MAX_NEGATIVES, rng)
  categories = [vocabulary.floor(room), "wall", "ceiling",
                *(item.category for item in room.items)]
  return captions.caption(room, instances, things, rng), phrases, categories


def references(room: scene.Room, instances: np.ndarray, rng: np.random.Generator
               ) -> dict[int, list[str]]:
  """All 'the …' phrases for single visible items, by instance id."""
  things = views.seen(room, instances)
  heads = list(_heads(things))
  result = {}
  for text, ids in itertools.chain(_singles(heads, rng), _superlatives(heads, rng),
                                   _relations(heads, things, rng)):
    if text.startswith("the "):
      result.setdefault(ids[0], []).append(text)
  return result


def noun(head: views.Head, things: list[views.Seen]) -> str | None:
  """'red mug', 'object on the table', … None when the support has no name."""
  text = " ".join(filter(None, (head.color, head.category or "object")))
  if head.support is None:
    return text
  name = unique(head.support, things)
  return name and f"{text} on {name}"


def unique(thing: views.Seen, things: list[views.Seen]) -> str | None:
  """The shortest 'the …' naming one thing by category and colour, or None."""
  color = vocabulary.color(thing.item)
  for head in (views.Head(thing.item.category),
               views.Head(thing.item.category, color)):
    if head.color != "" and thing.clear and head.matches(things) == [thing]:
      return f"the {noun(head, things)}"
  return None


def _heads(things):
  """Nouns for what is clearly visible: (head, its words, what it describes)."""
  heads = {}
  for thing in things:
    if not thing.clear:
      continue
    category = thing.item.category
    color = vocabulary.color(thing.item)
    support = next((s for s in things if views.on(thing, s)), None)
    heads[views.Head(category)] = None
    if color:
      heads[views.Head(category, color)] = None
    if support:
      heads[views.Head(category, None, support)] = None
      heads[views.Head(None, None, support)] = None
  for head in heads:
    matches, name = head.matches(things), noun(head, things)
    if matches and name:
      yield head, name, matches


def _surfaces(room, instances):
  for id_, name, material in ((views.FLOOR, vocabulary.floor(room), room.floor),
                              (views.WALL, "wall", room.wall),
                              (views.CEILING, "ceiling", room.ceiling)):
    if (instances == id_).mean() >= views.SURFACE:
      yield f"the {name}", (id_,)
      word = vocabulary.word(material)
      if word:
        yield f"the {word} {name}", (id_,)


def _singles(heads, rng):
  for head, name, matches in heads:
    if len(matches) == 1 and matches[0].clear:
      yield f"the {name}", (matches[0].id,)
      if head.category and rng.random() < .3:
        yield name, (matches[0].id,)
      if head.color and rng.random() < .3:
        yield f"the {head.category} that is {head.color}", (matches[0].id,)


def _plurals(heads):
  for head, name, matches in heads:
    if sum(m.clear for m in matches) >= 2:
      word = head.category or "object"
      name = name.replace(word, plural(word), 1)
      ids = tuple(m.id for m in matches)
      yield f"the {name}", ids
      yield f"all {name}", ids
      if not head.category:
        yield name.replace("objects", "everything", 1), ids


def _superlatives(heads, rng):
  for head, name, matches in heads:
    if len(matches) < 2:
      continue
    for word, pick in views.SUPERLATIVES.items():
      best = pick(matches)
      if best and best.clear:
        form = str(rng.choice(_FORMS[word]))
        if head.support and not form.endswith("{}"):
          form = _FORMS[word][0]  # 'the mug on the table on the far left' misleads
        yield form.format(name), (best.id,)


def _relations(heads, things, rng):
  anchors = [(thing, name) for thing in things if (name := unique(thing, things))]
  for head, name, matches in heads:
    if head.support or head.category is None:
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


def _negatives(room, things, rng):
  """Phrases that describe nothing in the room, not even something unseen."""
  names = {item.category for item in room.items}
  known = {k.category: None for k in kinds.KINDS}  # ordered
  absent = [c for c in (*known, *_OTHER_CATEGORIES)
            if not any(vocabulary.alike(c, name) for name in names)]
  colors = tuple(vocabulary.COLORS)
  for category in rng.permutation(absent)[:6]:
    yield f"the {category}", ()
    yield f"the {rng.choice(colors)} {category}", ()
    if category in known:
      yield f"the {plural(str(category))}", ()
  for category in sorted(names):
    alike = {vocabulary.color(i) for i in room.items
             if vocabulary.alike(category, i.category)}
    free = [c for c in colors if c not in alike
            and not any(vocabulary.close_colors(c, other) for other in alike)]
    if "" not in alike and free:
      yield f"the {rng.choice(free)} {category}", ()
  ids = {thing.id for thing in things}
  unseen = [item.category for index, item in enumerate(room.items)
            if index + views.FIRST_ITEM not in ids]
  for anchor in things:
    if any(vocabulary.alike(anchor.item.category, c) for c in unseen):
      continue  # The name may mean a thing out of view.
    name = unique(anchor, things)
    carried = [i.category for i in room.items
               if i.support == str(anchor.id - views.FIRST_ITEM)]
    if name and carried:
      for category in sorted(names):
        if not any(vocabulary.alike(category, c) for c in carried) and (
            category != anchor.item.category):
          yield f"the {category} on {name}", ()
  if room.outdoors:
    yield str(rng.choice(("the ceiling", "the wall", "the wooden floor"))), ()
  for name, material in ((vocabulary.floor(room), room.floor), ("wall", room.wall)):
    free = [c for c in colors if c != material.color
            and not vocabulary.close_colors(c, material.color)]
    if material.texture is None:
      yield f"the {rng.choice(free)} {name}", ()


def _choose(phrases, count, rng):
  """`count` of the phrases, or all, in their order."""
  keep = rng.permutation(len(phrases))[:count]
  return [phrases[i] for i in sorted(keep)]
