import dataclasses
import functools
import re

import numpy as np
import pytest

from tests.data.rooms import fake
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import language
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

ROOMS = [*fake.rooms("train"), *fake.rooms("test"), *fake.rooms("train", False)]
RELATIONS = {
    "to the left of": "left", "left of": "left", "to the right of": "right",
    "right of": "right", "in front of": "front", "behind": "behind",
    "next to": "near", "beside": "near", "on top of": "on", "on": "on"}
SUPERLATIVE = re.compile(
    r"(leftmost|left-most|on the far left|rightmost|right-most|on the far right|"
    r"closest|nearest to the camera|nearest|farthest from the camera|farthest|"
    r"largest|biggest|smallest|tiniest)")


@functools.cache
def described(room):
  return language.describe(room, fake.picture(room))


def lemmas(categories):
  """Singular and plural → (category, whether plural)."""
  table = {"object": (None, False), "objects": (None, True), "everything": (None, True)}
  for category in categories:
    table[category] = category, False
    table[captions.plural(category)] = category, True
  return table


class Reader:
  """Understands phrases without the code that wrote them."""

  def __init__(self, room, instances, seen_only=True):
    self.room = room
    self.pixels = {i: np.argwhere(instances == i + 4) for i in range(len(room.items))}
    self.ids = [i for i in self.pixels if len(self.pixels[i]) or not seen_only]
    names = {i.category for i in room.items} | {k.category for k in kinds.KINDS}
    self.words = lemmas(names | set(language._OTHER_CATEGORIES))

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

  def noun(self, text):
    """Items a noun with an optional colour describes, and if it is plural."""
    text = re.sub(r"^(.*) that is (\w+)$", r"\2 \1", text)
    color = text.split()[0]
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


@pytest.mark.parametrize("index", range(len(ROOMS)))
def test_each_phrase_describes_exactly_its_ids(index):
  room = ROOMS[index]
  instances = fake.picture(room)
  _, phrases, _ = described(room)
  assert len(phrases) == len({text for text, _ in phrases})
  visible = Reader(room, instances)
  everything = Reader(room, instances, seen_only=False)
  for text, ids in phrases:
    surface = re.fullmatch(r"the (.*?) ?(floor|ground|wall|ceiling)", text)
    if surface:
      name = surface[2]
      if room.outdoors and name != "ground":
        assert ids == ()
        continue
      assert name != "floor" or not room.outdoors
      words = surface[1], vocabulary.word(getattr(room, name.replace("ground", "floor")))
      expected = {"floor": 1, "ground": 1, "wall": 2, "ceiling": 3}[name]
      assert ids == ((expected,) if words[0] in ("", words[1]) else ()), text
      if ids:
        assert (instances == expected).mean() > .02
      continue
    assert visible.read(text) == ids, text
    if not ids:
      assert everything.read(text) == (), text
    elif len(ids) == 1:
      assert (instances == ids[0]).mean() >= views.CLEAR


def test_rooms_have_phrases_of_every_sort():
  texts = {}
  for room in ROOMS:
    for text, ids in described(room)[1]:
      texts[text] = ids
  for words in RELATIONS:
    assert any(f" {words} the " in t for t, ids in texts.items() if ids), words
  assert sum(not ids for ids in texts.values()) > 100
  assert sum(len(ids) > 1 for ids in texts.values()) > 30
  assert sum(bool(SUPERLATIVE.search(t)) for t in texts) > 50
  assert any(not i and " on the " in t for t, i in texts.items())


def test_describe_is_deterministic():
  room = ROOMS[0]
  assert language.describe(room, fake.picture(room)) == described(room)


def test_left_right_front_behind_by_hand():
  near = fake.item("ball", "red", (-.6, -.6, 0.))
  far = fake.item("ball", "blue", (.6, .2, 0.))
  anchor = fake.item("cone", "white", (0., 0., 0.))
  hidden = fake.item("mug", "white", (-.7, .6, 0.))
  room = fake.room(near, far, anchor, hidden)
  instances = np.zeros((10, 10), np.int32)
  instances[8, 1], instances[5, 8], instances[5, 5] = 4, 5, 6
  a, b, c = views.seen(room, instances)
  assert views.left_of(a, c) is True and views.left_of(b, c) is False
  assert views.in_front_of(b, a) is False and views.in_front_of(a, b) is None  # aside
  assert views.SUPERLATIVES["leftmost"]([a, b]) is a
  assert views.SUPERLATIVES["closest"]([a, b]) is a
  assert views.SUPERLATIVES["largest"]([a, b]) is None  # of one size
  names = language.references(room, instances, np.random.default_rng(0))
  assert "the red ball" in names[4] and "the ball" not in names[4] + names[5]
  assert any("left of the cone" in name for name in names[4])
  assert 7 not in names  # nothing of it is seen
  _, phrases, categories = language.describe(room, instances)
  assert categories == ["floor", "wall", "ceiling", "ball", "ball", "cone", "mug"]
  assert not any("the mug" in text and not ids and " on " not in text
                 for text, ids in phrases)  # it is in the room, only unseen


def test_lookalikes_make_a_name_ambiguous():
  room = fake.room(fake.item("mug", "red", (-.5, 0., 0.)),
                   fake.item("glass", "red", (.5, 0., 0.)),
                   fake.item("gift box", "", (0., 0., 0.)),
                   fake.item("box", "green", (0., .7, 0.)))
  instances = np.repeat(np.arange(4, 8, dtype=np.int32), 8)[None].repeat(32, 0)
  names = language.references(room, instances, np.random.default_rng(0))
  assert names == {}
  for seed in range(20):
    again = dataclasses.replace(room, seed=seed)
    negatives = {t for t, ids in language.describe(again, instances)[1] if not ids}
    assert not any(w in t for t in negatives for w in ("cup", "crate", " box"))


def test_captions_are_true_and_of_fit_length():
  styles = set()
  for room in ROOMS:
    text, _, _ = described(room)
    words = text.split()
    assert captions.MIN_WORDS <= len(words) <= captions.MAX_WORDS, text
    assert text[0].isupper() and text.endswith(".") and "{" not in text
    shown = {i.category for n, i in enumerate(room.items)
             if (fake.picture(room) == n + 4).mean() >= views.CLEAR}
    named = {c for k in kinds.KINDS for c in (k.category,)
             if re.search(rf"\b{c}\b", text)}
    # A short name may be part of a long one, as 'box' of 'gift box'.
    assert all(any(n in s for s in shown) for n in named), text
    styles.add(words[0])
  assert len(styles) >= 3


def test_caption_counts_and_articles():
  things = views.seen(
      fake.room(*[fake.item("egg", "orange", (x, 0., 0.)) for x in (-.5, .5)],
                fake.item("gift box", "", (0., 0., 0.))),
      np.repeat(np.array([4, 5, 6], np.int32), 4)[None].repeat(12, 0))
  assert captions.listing(things) == "two orange eggs and a gift box"
  assert captions.listing(things[:1]) == "an orange egg"
  assert [captions.plural(w) for w in ("shelf", "glass", "box", "mug")] == [
      "shelves", "glasses", "boxes", "mugs"]
