"""Swatches show what their captions say."""

import re

import numpy as np

from vision_banana.codecs import colors
from vision_banana.data import sources
from vision_banana.tasks import tasks

_PLAIN = re.compile(r"a picture of plain (.+)|everything is (.+)|(.+) all over")


def _first(count=200):
  source = sources.open_source("swatches", "train")
  return [source[i] for i in range(count)]


def test_a_picture_of_one_colour_has_the_colour_of_its_caption():
  plain = 0
  for scene in _first():
    found = _PLAIN.fullmatch(scene["caption"])
    if found:
      plain += 1
      color = colors.parse(next(filter(None, found.groups())))
      assert np.unique(scene["image"].reshape(-1, 3), axis=0).tolist() == [list(color)]
  assert plain > 10


def test_sides_are_where_the_caption_says():
  halves = 0
  for scene in _first():
    found = re.fullmatch(r"the left half is (.+), the right half is (.+)",
                         scene["caption"])
    if found:
      halves += 1
      left, right = (colors.parse(c) for c in found.groups())
      assert scene["image"][5, 5].tolist() == list(left)
      assert scene["image"][60, 60].tolist() == list(right)
  assert halves > 3


def test_every_syntax_comes_and_a_number_gives_the_same_swatch():
  text = " ".join(scene["caption"] for scene in _first())
  assert all(sign in text for sign in ("#", "RGB(", " <", " ("))
  a, b = _first(3)[2], _first(3)[2]
  assert a["caption"] == b["caption"] and np.array_equal(a["image"], b["image"])


def test_they_are_painted_from_text():
  scene = _first(1)[0]
  sample = tasks.make("text_to_image", scene, np.random.default_rng(0))
  assert scene["caption"] in sample["prompt"]
  np.testing.assert_allclose(sample["values"][0] * 255, scene["image"], atol=1e-3)
