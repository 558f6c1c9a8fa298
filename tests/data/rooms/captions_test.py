"""Captions: true, of fit length, in good English."""

import re

import numpy as np

from tests.data.rooms import fake
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import language
from vision_banana.data.rooms import views

ROOMS = [*fake.rooms("train"), *fake.rooms("test"), *fake.rooms("train", False)]


def test_captions_are_true_and_of_fit_length():
  styles, lengths = set(), []
  for room in ROOMS:
    text, _, _ = language.describe(room, fake.picture(room))
    words = text.split()
    lengths.append(len(words))
    assert captions.MIN_WORDS <= len(words) <= captions.MAX_WORDS, text
    assert text[0].isupper() and text.endswith(".") and "{" not in text
    shown = {i.category for n, i in enumerate(room.items)
             if (fake.picture(room) == n + 4).mean() >= views.CLEAR}
    named = {c for k in kinds.KINDS for c in (k.category,)
             if re.search(rf"\b{c}\b", text)}
    # A short name may be part of a long one, as 'box' of 'gift box'.
    assert all(any(n in s for s in shown) for n in named), text
    assert ("outdoor" in text or "Outdoor" in text) <= room.outdoors
    styles.add(words[0])
  assert len(styles) >= 3
  assert min(lengths) <= 7 and max(lengths) > 30


def test_caption_counts_and_articles():
  things = views.seen(
      fake.room(*[fake.item("egg", "orange", (x, 0., 0.)) for x in (-.5, .5)],
                fake.item("gift box", "", (0., 0., 0.))),
      np.repeat(np.array([4, 5, 6], np.int32), 4)[None].repeat(12, 0))
  assert captions.listing(things) == "two orange eggs and a gift box"
  assert captions.listing(things[:1]) == "an orange egg"
  assert [captions.plural(w) for w in ("shelf", "glass", "box", "mug")] == [
      "shelves", "glasses", "boxes", "mugs"]
