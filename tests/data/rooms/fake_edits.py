"""Edits of many rooms for the tests, and how rooms differ."""

import collections
import dataclasses
import functools

import numpy as np

from tests.data.rooms import fake
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import sampling


@functools.cache
def drawn():
  """Kind → [(room before, instruction, room after)], eight edits of every room."""
  result = collections.defaultdict(list)
  for k in range(120):
    catalog = fake.CATALOG if k % 2 else fake.EMPTY
    room = sampling.sample(k, catalog, "test" if k % 5 == 0 else "train")
    found = edits.sample(room, fake.picture(room), np.random.default_rng(k),
                         catalog, 8)
    assert len({edit.instruction for edit in found}) == 8
    for text, after, kind in found:
      result[kind].append((room, text, after))
  return result


def changed(before, after):
  """Indices of the items that differ."""
  assert len(before.items) == len(after.items)
  return [i for i, (a, b) in enumerate(zip(before.items, after.items)) if a != b]


def gone(before, after):
  """Indices of the items that are no more; asserts that the others stay."""
  left, indices, places = list(after.items), [], {}
  for i, item in enumerate(before.items):
    bare = dataclasses.replace(item, support="")
    if left and dataclasses.replace(left[0], support="") == bare:
      places[str(i)] = str(len(places))
      assert left[0].support == places.get(item.support, item.support)
      left.pop(0)
    else:
      indices.append(i)
  assert not left
  return indices


def names(text, item):
  """Whether the text mentions the item's category, in singular or plural."""
  return item.category in text or captions.plural(item.category) in text or (
      "object" in text)
