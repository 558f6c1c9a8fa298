"""Captions and referring phrases for rooms, true and unique by construction."""

import itertools

import numpy as np

from vision_banana.data.rooms import captions
from vision_banana.data.rooms import negatives
from vision_banana.data.rooms import nouns
from vision_banana.data.rooms import phrases
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

MAX_POSITIVES = 24
MAX_NEGATIVES = 8


def describe(room: scene.Room, instances: np.ndarray
             ) -> tuple[str, list[phrases.Phrase], list[str]]:
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
  found = list(nouns.visible(things))
  positive = dict(phrases.surfaces(room, instances))
  for text, ids in itertools.chain(phrases.of_many(things, found),
                                   phrases.of_one(things, found, rng)):
    positive.setdefault(text, ids)
  chosen = _choose(list(positive.items()), MAX_POSITIVES, rng, _rare)
  chosen += _choose(list(negatives.draw(room, things, rng)), MAX_NEGATIVES, rng)
  categories = [vocabulary.floor(room), "wall", "ceiling",
                *(item.category for item in room.items)]
  return captions.caption(room, instances, things, rng), chosen, categories


def references(room: scene.Room, instances: np.ndarray, rng: np.random.Generator
               ) -> dict[int, list[str]]:
  """All 'the …' phrases for single visible items, by instance id."""
  things = views.seen(room, instances)
  result = {}
  for text, ids in phrases.of_one(things, list(nouns.visible(things)), rng):
    if text.startswith("the "):
      result.setdefault(ids[0], []).append(text)
  return result


def _choose(options, count, rng, rare=lambda text: False):
  """`count` of the phrases, or all, in their order; up to half are rare ones."""
  order = rng.permutation(len(options))
  rare = [i for i in order if rare(options[i][0])][:count // 2]
  keep = [*rare, *(i for i in order if i not in set(rare))][:count]
  return [options[i] for i in sorted(keep)]


def _rare(text):
  """Whether a phrase is of a form that relations would crowd out."""
  return text.startswith(("both ", "all ", "the two ", "the three ")) or any(
      word in text for word in (" that is not ", " from the ", "metal ", "wooden "))
