"""Edits, judged from the rooms before and after without rendering."""

import dataclasses
import re

import numpy as np
import pytest

from tests.data.rooms import fake
from tests.data.rooms import fake_edits
from vision_banana import errors
from vision_banana.data.rooms import editing
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import vocabulary

LIGHT = ("dim", "brighten", "warm", "cold", "light left", "light right")
FIELDS = {"floor": "floor", "wall": "wall", "zoom in": "camera", "zoom out": "camera",
          **dict.fromkeys(LIGHT, "light"), "mirror": None, "gray": None}
# What an edit of single items changes of them, and of how many.
ATTRIBUTES = {
    "recolor": {"material"}, "recolor all": {"material"}, "metal": {"material"},
    "matte": {"material"}, "texture": {"material"},
    "replace": {"category", "shape", "size", "material"},
    **dict.fromkeys(("left", "right", "nearer", "farther"), {"position"}),
    **dict.fromkeys(("onto", "swap"), {"position", "support"}),
    "bigger": {"size"}, "smaller": {"size"}, "around": {"yaw"}, "quarter": {"yaw"}}


def test_every_kind_occurs_and_there_are_many():
  assert len(edits.KINDS) >= 20 and set(fake_edits.drawn()) == set(edits.KINDS)


@pytest.mark.parametrize("kind", edits.KINDS)
def test_only_what_the_kind_says_changes(kind):
  for before, text, after in fake_edits.drawn()[kind]:
    fields = {f.name for f in dataclasses.fields(before)
              if getattr(before, f.name) != getattr(after, f.name)}
    field = FIELDS.get(kind, "items")
    assert fields == ({field} if field else set()), text
    assert not re.search(r"[{}]|  |None", text)
    if kind in ATTRIBUTES:
      for i in fake_edits.changed(before, after):
        a, b = before.items[i], after.items[i]
        differ = {f.name for f in dataclasses.fields(a)
                  if getattr(a, f.name) != getattr(b, f.name)}
        assert differ <= ATTRIBUTES[kind], text
        assert fake_edits.names(text, a), text


@pytest.mark.parametrize("kind", edits.KINDS)
def test_rooms_stay_valid_and_make_no_reserved_look(kind):
  for before, text, after in fake_edits.drawn()[kind]:
    assert layout.valid(after), text
    new = set(vocabulary.reserved_pairs(after)) - set(vocabulary.reserved_pairs(before))
    assert not new, text


@pytest.mark.parametrize("kind", [k for k in ATTRIBUTES if k != "recolor all"])
def test_one_thing_changes_or_two_swap_and_they_are_in_view(kind):
  for before, text, after in fake_edits.drawn()[kind]:
    indices = fake_edits.changed(before, after)
    assert len(indices) == (2 if kind == "swap" else 1), text
    for i in indices:
      assert (fake.picture(before) == i + 4).mean() >= editing.BIG, text
      if kind not in ("recolor", "metal", "matte", "texture"):
        assert (fake.picture(after) == i + 4).mean() > editing.BIG / 2, text


def test_same_rng_same_edits():
  room = fake.rooms("train")[0]
  draw = lambda: edits.sample(room, fake.picture(room), np.random.default_rng(5),
                              fake.CATALOG, 6)
  assert draw() == draw()


def test_blind_picture_still_gets_edits():
  room = fake.rooms("train")[0]
  found = edits.sample(room, np.zeros((8, 8), np.int32), np.random.default_rng(0),
                       fake.EMPTY, 8)
  assert len(found) == 8
  assert all(e.kind in FIELDS or e.kind.startswith("add") for e in found)


def test_too_many_edits():
  room = fake.rooms("train")[0]
  with pytest.raises(errors.UserError):
    edits.sample(room, fake.picture(room), np.random.default_rng(0), fake.EMPTY, 99)
