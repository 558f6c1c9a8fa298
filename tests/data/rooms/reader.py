"""Understands phrases for rooms without the code that wrote them."""

import re

import numpy as np

from vision_banana.data.rooms import captions
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import negatives
from vision_banana.data.rooms import phrases
from vision_banana.data.rooms import vocabulary

RELATIONS = {
    "to the left of": "left", "left of": "left", "to the right of": "right",
    "right of": "right", "in front of": "front", "behind": "behind",
    "next to": "near", "beside": "near", "on top of": "on", "on": "on"}
SUPERLATIVE = re.compile(
    r"(leftmost|left-most|on the far left|rightmost|right-most|on the far right|"
    r"closest|nearest to the camera|nearest|farthest from the camera|farthest|"
    r"largest|biggest|smallest|tiniest)")


def lemmas(categories):
  """Singular and plural → (category, whether plural)."""
  table = {"object": (None, False), "objects": (None, True), "everything": (None, True)}
  for category in categories:
    table[category] = category, False
    table[captions.plural(category)] = category, True
  return table


class Reader:
  """Reads phrases for one picture of a room."""

  def __init__(self, room, instances, seen_only=True):
    self.room = room
    self.pixels = {i: np.argwhere(instances == i + 4) for i in range(len(room.items))}
    self.ids = [i for i in self.pixels if len(self.pixels[i]) or not seen_only]
    names = {i.category for i in room.items} | {k.category for k in kinds.KINDS}
    self.words = lemmas(names | set(negatives.OTHER_CATEGORIES))

  def column(self, i):
    return self.pixels[i][:, 1].mean()

  def depth(self, i):
    return layout.project(self.room.camera, layout.centre(self.room.items[i]))[2]

  def relation(self, kind, a, b):
    if kind == "on":
      return self.room.items[a].support == str(b)
    if kind == "near":
      limit = .2 if self.room.items[a].support.isdigit() else .6
      return layout.distance(self.room.items[a], self.room.items[b]) < limit
    if kind in ("left", "right"):
      return (self.column(a) < self.column(b)) == (kind == "left")
    return (self.depth(a) < self.depth(b)) == (kind == "front")

  def made_of(self, i, word):
    material = self.room.items[i].material
    if word == "metal":
      return material is not None and (
          material.metallic == 1 or "steel" in (material.texture or ""))
    return material is not None and word.replace("wooden", "wood") in (
        material.texture or "").replace("plank", "wood")

  def noun(self, text):
    """Items a noun with optional looks describes, and if it is plural."""
    negated = re.fullmatch(r"(.*) that (?:is|are) not (\w+)", text)
    if negated:
      found, plural = self.noun(negated[1])
      return [i for i in found
              if vocabulary.color(self.room.items[i]) != negated[2]], plural
    text = re.sub(r"^(.*) that is (\w+)$", r"\2 \1", text)
    text = re.sub(r"^(.*) made of metal$", r"metal \1", text)
    color = text.split()[0]
    if color in vocabulary.MATERIALS and text not in self.words:
      found, plural = self.noun(text[len(color):].strip())
      return [i for i in found if self.made_of(i, color)], plural
    if color in vocabulary.COLORS and text not in self.words:
      text = text[len(color):].strip()
    else:
      color = None
    category, plural = self.words[text]
    found = [i for i in self.ids
             if category in (None, self.room.items[i].category)
             and (color is None or vocabulary.color(self.room.items[i]) == color)]
    return found, plural

  def read(self, text):
    text = re.sub(r"^(the|all) ", "", text)
    counted = re.match(r"(both|two|three|four|five|six|seven|eight|nine|ten) ", text)
    if counted:
      items, plural = self.noun(text[len(counted[0]):].split(" on the ")[0])
      if " on the " in text:
        items = list(np.subtract(self.read(text[len(counted[0]):]), 4))
      number = "_ _ two three four five six seven eight nine ten".split()
      assert plural and len(items) in (
          0, number.index(counted[1].replace("both", "two"))), text
      return tuple(int(i) + 4 for i in items)
    ordered = re.fullmatch(r"(\w+) (.*) from the (left|right)", text)
    if ordered and ordered[1] in phrases.ORDINALS:
      items, plural = self.noun(ordered[2])
      place = phrases.ORDINALS.index(ordered[1])
      assert not plural
      if place >= len(items):
        return ()
      items.sort(key=self.column, reverse=ordered[3] == "right")
      return (items[place] + 4,)
    best = SUPERLATIVE.search(text)
    if best:
      text = re.sub(" +", " ", text.replace(best[0], "")).strip()
    for words in sorted(RELATIONS, key=len, reverse=True):
      subject, found, anchor = text.partition(f" {words} the ")
      if found:
        anchors, _ = self.noun(anchor)
        items, plural = self.noun(subject)
        assert len(anchors) <= 1, text
        items = [i for i in items if anchors and i != anchors[0]
                 and self.relation(RELATIONS[words], i, anchors[0])]
        break
    else:
      items, plural = self.noun(text)
    if best and items:
      key = {"l": self.column, "r": lambda i: -self.column(i),
             "c": self.depth, "n": self.depth, "f": lambda i: -self.depth(i),
             "b": lambda i: -np.prod(self.room.items[i].size),
             "s": lambda i: np.prod(self.room.items[i].size),
             "t": lambda i: np.prod(self.room.items[i].size)}
      word = best[0].replace("on the far ", "")
      assert len(items) > 1
      items = [min(items, key=key["b" if word == "largest" else word[0]])]
    assert plural or len(items) <= 1, (text, items)
    return tuple(i + 4 for i in items)
