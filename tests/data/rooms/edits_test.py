import dataclasses
import functools

import numpy as np
import pytest

from tests.data.rooms import fake
from vision_banana import errors
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import vocabulary

ROOMS = [*fake.rooms("train"), *fake.rooms("test"), *fake.rooms("train", False)]


@functools.cache
def drawn():
  """(room before, instruction, room after), four edits of every room."""
  return [(room, text, after) for k, room in enumerate(ROOMS)
          for text, after in edits.sample(
              room, fake.picture(room), np.random.default_rng(k),
              fake.CATALOG if k < 32 else fake.EMPTY, 4)]


def kind(before, after):
  """What sort of change it is, judged from the rooms; asserts it is only one."""
  changed = {f.name for f in dataclasses.fields(before)
             if getattr(before, f.name) != getattr(after, f.name)}
  assert len(changed) == 1, changed
  name = changed.pop()
  if name != "items":
    return {"floor": "surface", "wall": "surface", "light": "light"}[name]
  if len(after.items) != len(before.items):
    return "add" if len(after.items) > len(before.items) else "remove"
  differ = [(a, b) for a, b in zip(before.items, after.items) if a != b]
  assert len(differ) == 1
  a, b = differ[0]
  if a.material != b.material:
    assert dataclasses.replace(a, material=b.material) == b
    return "recolor"
  assert dataclasses.replace(a, position=b.position) == b
  return "move"


def by_kind(wanted):
  return [(a, text, b) for a, text, b in drawn() if kind(a, b) == wanted]


def test_every_kind_is_drawn_and_the_camera_stays():
  kinds = [kind(a, b) for a, _, b in drawn()]
  for name in ("recolor", "remove", "add", "move", "surface", "light"):
    assert kinds.count(name) > 6, name


def test_rooms_stay_valid_and_make_no_reserved_look():
  for before, text, after in drawn():
    assert layout.valid(after), text
    new = set(vocabulary.reserved_pairs(after)) - set(vocabulary.reserved_pairs(before))
    assert not new, text


def test_recolor_says_the_new_color():
  for before, text, after in by_kind("recolor"):
    new = next(b for a, b in zip(before.items, after.items) if a != b)
    old = next(a for a, b in zip(before.items, after.items) if a != b)
    assert text.endswith(f" {new.material.color}")
    assert vocabulary.color(old) != new.material.color


def test_remove_takes_one_thing_and_keeps_supports():
  for before, _, after in by_kind("remove"):
    kept = [i for i in before.items if dataclasses.replace(i, support="")
            in [dataclasses.replace(j, support="") for j in after.items]]
    assert len(kept) == len(after.items) == len(before.items) - 1
    for old, new in zip(kept, after.items):
      if old.support.isdigit():
        assert after.items[int(new.support)].position == (
            before.items[int(old.support)].position)


def test_move_goes_where_it_says():
  seen = set()
  for before, text, after in by_kind("move"):
    old, new = next((a, b) for a, b in zip(before.items, after.items) if a != b)
    a = layout.project(before.camera, layout.centre(old))
    b = layout.project(after.camera, layout.centre(new))
    where = next(w for w in ("to the left", "to the right", "closer to the camera",
                             "farther away") if text.endswith(w))
    assert {"to the left": b[0] < a[0] - .1, "to the right": b[0] > a[0] + .1,
            "closer to the camera": b[2] < a[2] - .2,
            "farther away": b[2] > a[2] + .2}[where], text
    seen.add(where)
  assert len(seen) >= 3


def test_added_thing_is_named_and_in_view():
  for _, text, after in by_kind("add"):
    new = after.items[-1]
    assert f"{vocabulary.color(new)} {new.category}".strip() in text
    assert text.endswith("on the floor") == (new.support == "floor")
    assert (fake.picture(after) == len(after.items) + 3).mean() > .004


def test_surface_and_light():
  for before, text, after in by_kind("surface"):
    name = "floor" if before.floor != after.floor else "wall"
    assert name in text and text.endswith(vocabulary.word(getattr(after, name)))
  for before, text, after in by_kind("light"):
    ratio = after.light.exposure / before.light.exposure
    red, _, blue = after.light.lamp_radiance
    if any(w in text for w in ("dark", "dim", "lower")):
      assert ratio < .6
    elif any(w in text for w in ("bright", "turn up")):
      assert ratio > 1.4
    else:
      assert ratio == 1 and (red > blue) == any(
          w in text for w in ("warm", "sunset")), text


def test_instructions_name_one_visible_thing():
  for before, text, after in by_kind("remove"):
    gone = next(i for i, item in enumerate(before.items)
                if i == len(after.items) or dataclasses.replace(
                    item, support="") != dataclasses.replace(
                        after.items[i], support=""))
    category = before.items[gone].category
    assert category in text or "object on" in text
    assert (fake.picture(before) == gone + 4).mean() >= .008


def test_same_rng_same_edits_and_instructions_differ():
  room = ROOMS[0]
  draw = lambda: edits.sample(room, fake.picture(room), np.random.default_rng(5),
                              fake.CATALOG, 6)
  assert draw() == draw() and len({text for text, _ in draw()}) == 6


def test_without_renumbers_supports():
  cup = fake.item("mug", "red", (0., 0., .7), (.1, .1, .1), support="1")
  room = fake.room(fake.item("box", "blue", (1., 1., 0.)), fake.TABLE, cup)
  after = edits.without(room, 0)
  assert after.items == (fake.TABLE, dataclasses.replace(cup, support="0"))


def test_blind_picture_still_gets_edits():
  room = ROOMS[0]
  found = edits.sample(room, np.zeros((8, 8), np.int32), np.random.default_rng(0),
                       fake.EMPTY, 3)
  assert len(found) == 3 and all(kind(room, b) in ("light", "add") for _, b in found)


def test_too_many_edits():
  with pytest.raises(errors.UserError):
    edits.sample(ROOMS[0], fake.picture(ROOMS[0]), np.random.default_rng(0),
                 fake.EMPTY, 99)
