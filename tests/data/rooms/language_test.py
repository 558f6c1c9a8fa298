import dataclasses
import functools
import re

import numpy as np
import pytest

from tests.data.rooms import fake
from tests.data.rooms import reader
from vision_banana.data.rooms import language
from vision_banana.data.rooms import nouns
from vision_banana.data.rooms import phrases
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

ROOMS = [*fake.rooms("train"), *fake.rooms("test"), *fake.rooms("train", False)]


@functools.cache
def described(room):
  return language.describe(room, fake.picture(room))


@pytest.mark.parametrize("index", range(len(ROOMS)))
def test_each_phrase_describes_exactly_its_ids(index):
  room = ROOMS[index]
  instances = fake.picture(room)
  _, found, _ = described(room)
  assert len(found) == len({text for text, _ in found})
  visible = reader.Reader(room, instances)
  everything = reader.Reader(room, instances, seen_only=False)
  for text, ids in found:
    surface = re.fullmatch(r"the (.*?) ?(floor|ground|wall|ceiling)", text)
    if surface:
      name = surface[2]
      if room.outdoors and name != "ground":
        assert ids == ()
        continue
      assert name != "floor" or not room.outdoors
      words = surface[1], vocabulary.word(
          getattr(room, name.replace("ground", "floor")))
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
  for words in reader.RELATIONS:
    assert any(f" {words} the " in t for t, ids in texts.items() if ids), words
  assert sum(not ids for ids in texts.values()) > 100
  assert sum(len(ids) > 1 for ids in texts.values()) > 50
  for words in ("both ", "the two ", "that is not ", "from the left", "metal ",
                "wooden "):
    for fits in (True, False):
      assert any(words in t for t, ids in texts.items() if bool(ids) == fits), words
  assert sum(bool(reader.SUPERLATIVE.search(t)) for t in texts) > 50
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
  _, found, categories = language.describe(room, instances)
  assert categories == ["floor", "wall", "ceiling", "ball", "ball", "cone", "mug"]
  assert not any("the mug" in text and not ids and " on " not in text
                 for text, ids in found)  # it is in the room, only unseen


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


def test_order_count_and_negation_by_hand():
  colors = ("red", "green", "blue")
  balls = [fake.item("ball", c, (x, 0., 0.)) for c, x in zip(colors, (-.6, 0., .6))]
  cones = [fake.item("cone", "red", (x, .5, 0.)) for x in (-.9, .9)]
  room = fake.room(*balls, *cones)
  instances = np.repeat(np.array([7, 4, 5, 6, 8], np.int32), 4)[None].repeat(20, 0)
  things = views.seen(room, instances)
  found = list(nouns.visible(things))
  texts = dict([*phrases.of_many(things, found),
                *phrases.of_one(things, found, np.random.default_rng(0))])
  assert texts["the second ball from the left"] == (5,)
  assert texts["the first ball from the right"] == (6,)
  assert texts["both cones"] == texts["the two cones"] == (7, 8)
  assert texts["the three balls"] == (4, 5, 6)
  assert texts["the balls that are not red"] == (5, 6)
  assert "both balls" not in texts and "the cone that is not red" not in texts
  # Two that are close together have no sure order.
  near = np.concatenate([np.full((20, 1), 4, np.int32), np.full((20, 1), 5, np.int32),
                         np.zeros((20, 38), np.int32)], 1)
  things = views.seen(room, near)
  assert not any("from the" in text for text, _ in phrases.of_one(
      things, list(nouns.visible(things)), np.random.default_rng(0)))


@pytest.mark.parametrize("material,word,expected", [
    (dict(texture=None, color="red", metallic=1., roughness=.2), "metal", True),
    (dict(texture=None, color="red", metallic=1., roughness=.7), "metal", None),
    (dict(texture=None, color="red", roughness=.6), "metal", False),
    (dict(texture=None, color="gray", roughness=.6), "metal", None),
    (dict(texture=None, color="brown"), "wooden", None),
    (dict(texture=None, color="blue"), "wooden", False),
    (dict(texture="dark-wood"), "wooden", True),
    (dict(texture="dark-wood"), "metal", False),
    (dict(texture="nameless"), "metal", None)])
def test_materials_are_named_where_nobody_would_argue(material, word, expected):
  item = fake.item("table", "", (0., 0., 0.))
  item = dataclasses.replace(item, material=scene.Material(rgb=(.5,) * 3, **material))
  assert vocabulary.made_of(item, word) is expected
  assert vocabulary.made_of(dataclasses.replace(item, shape="bed"), word) is None
  assert vocabulary.made_of(dataclasses.replace(item, material=None), word) is None
