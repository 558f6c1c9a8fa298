"""Edits, judged from the rooms before and after without rendering."""

import collections
import dataclasses
import functools
import re

import numpy as np
import pytest

from tests.data.rooms import fake
from vision_banana import errors
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import edit_views
from vision_banana.data.rooms import editing
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import sampling
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


def test_every_kind_occurs_and_there_are_many():
  assert len(edits.KINDS) >= 20 and set(drawn()) == set(edits.KINDS)


@pytest.mark.parametrize("kind", edits.KINDS)
def test_only_what_the_kind_says_changes(kind):
  for before, text, after in drawn()[kind]:
    fields = {f.name for f in dataclasses.fields(before)
              if getattr(before, f.name) != getattr(after, f.name)}
    field = FIELDS.get(kind, "items")
    assert fields == ({field} if field else set()), text
    assert not re.search(r"[{}]|  |None", text)
    if kind in ATTRIBUTES:
      for i in changed(before, after):
        a, b = before.items[i], after.items[i]
        differ = {f.name for f in dataclasses.fields(a)
                  if getattr(a, f.name) != getattr(b, f.name)}
        assert differ <= ATTRIBUTES[kind], text
        assert names(text, a), text


@pytest.mark.parametrize("kind", edits.KINDS)
def test_rooms_stay_valid_and_make_no_reserved_look(kind):
  for before, text, after in drawn()[kind]:
    assert layout.valid(after), text
    new = set(vocabulary.reserved_pairs(after)) - set(vocabulary.reserved_pairs(before))
    assert not new, text


@pytest.mark.parametrize("kind", [k for k in ATTRIBUTES if k != "recolor all"])
def test_one_thing_changes_or_two_swap_and_they_are_in_view(kind):
  for before, text, after in drawn()[kind]:
    indices = changed(before, after)
    assert len(indices) == (2 if kind == "swap" else 1), text
    for i in indices:
      assert (fake.picture(before) == i + 4).mean() >= editing.BIG, text
      if kind not in ("recolor", "metal", "matte", "texture"):
        assert (fake.picture(after) == i + 4).mean() > editing.BIG / 2, text


@pytest.mark.parametrize("kind", ["remove", "remove all", "clear"])
def test_removals_take_what_they_name(kind):
  for before, text, after in drawn()[kind]:
    indices = gone(before, after)
    items = [before.items[i] for i in indices]
    if kind == "remove":
      assert len(items) == 1 and names(text, items[0])
      assert (fake.picture(before) == indices[0] + 4).mean() >= editing.BIG
    elif kind == "remove all":
      category, = {item.category for item in items}
      assert len(items) == sum(i.category == category for i in before.items) > 1
      assert names(text, items[0])
      assert len(items) == 2 or "both" not in text
    else:
      support, = {item.support for item in items}
      assert len(items) == sum(i.support == support for i in before.items) > 1
      assert before.items[int(support)].category in text


@pytest.mark.parametrize("kind", ["add", "copy", "add rug"])
def test_additions_are_named_in_view_and_last(kind):
  for before, text, after in drawn()[kind]:
    assert after.items[:-1] == before.items
    new = after.items[-1]
    assert f"{vocabulary.color(new)} {new.category}".strip() in text or (
        kind == "copy" and "duplicate" in text)
    assert (fake.picture(after) == len(after.items) + 3).mean() > .004
    if kind == "add":
      place = vocabulary.floor(before)
      assert text.endswith(f"on the {place}") == (new.support == "floor")
    if kind == "copy":
      assert any(dataclasses.replace(new, position=i.position) == i
                 and layout.distance(new, i) < .5 for i in before.items)


def test_new_looks_are_those_of_the_words():
  for kind in ("recolor", "recolor all"):
    for before, text, after in drawn()[kind]:
      indices = changed(before, after)
      color = after.items[indices[0]].material.color
      assert text.endswith(f" {color}")
      for i in indices:
        assert vocabulary.color(before.items[i]) != color == after.items[i].material.color
      if kind == "recolor all":
        category, = {before.items[i].category for i in indices}
        assert len(indices) == sum(i.category == category for i in before.items) > 1
  for kind, value in (("metal", 1), ("matte", 0)):
    for before, text, after in drawn()[kind]:
      i, = changed(before, after)
      old, new = before.items[i].material, after.items[i].material
      assert (old.metallic, new.metallic) == (1 - value, value)
      assert (old.rgb, old.color) == (new.rgb, new.color)
      assert "metal" in text or kind == "matte"
  for before, text, after in drawn()["texture"]:
    i, = changed(before, after)
    assert vocabulary.word(after.items[i].material) in text
    assert vocabulary.adjective(after.items[i]) != vocabulary.adjective(before.items[i])
  for name in ("floor", "wall"):
    for before, text, after in drawn()[name]:
      assert text.endswith(vocabulary.word(getattr(after, name)))
      assert (vocabulary.floor(before) if name == "floor" else "walls") in text


def test_replaced_thing_is_another_that_is_named():
  for before, text, after in drawn()["replace"]:
    i, = changed(before, after)
    new = after.items[i]
    assert not vocabulary.alike(new.category, before.items[i].category)
    assert f"{vocabulary.color(new)} {new.category}".strip() in text


@pytest.mark.parametrize("kind", ["left", "right", "nearer", "farther"])
def test_moves_go_where_they_say(kind):
  words = {"left": ("to the left",), "right": ("to the right",),
           "nearer": ("closer to", "nearer to", "towards the viewer"),
           "farther": ("farther away", "away from the camera", "farther back")}
  for before, text, after in drawn()[kind]:
    i, = changed(before, after)
    a, b = (layout.project(r.camera, layout.centre(r.items[i]))
            for r in (before, after))
    assert {"left": b[0] < a[0] - .1, "right": b[0] > a[0] + .1,
            "nearer": b[2] < a[2] - .2, "farther": b[2] > a[2] + .2}[kind], text
    assert any(w in text for w in words[kind])


def test_things_put_elsewhere_stand_there():
  for before, text, after in drawn()["onto"]:
    i, = changed(before, after)
    support = after.items[i].support
    assert support != before.items[i].support
    where = vocabulary.floor(before) if support == "floor" else (
        before.items[int(support)].category)
    assert text.count(" on the ") == 1 and text.endswith(where)
  for before, text, after in drawn()["swap"]:
    a, b = changed(before, after)
    for i, j in ((a, b), (b, a)):
      assert after.items[i].position == before.items[j].position
      assert after.items[i].support == before.items[j].support


def test_sizes_and_turns():
  for kind, grows in (("bigger", True), ("smaller", False)):
    for before, _, after in drawn()[kind]:
      i, = changed(before, after)
      ratio = np.divide(after.items[i].size, before.items[i].size)
      assert ((ratio > 1.4) if grows else (ratio < .7)).all()
  for kind, angle in (("around", np.pi), ("quarter", np.pi / 2)):
    for before, text, after in drawn()[kind]:
      i, = changed(before, after)
      assert after.items[i].yaw - before.items[i].yaw == pytest.approx(angle)
      if kind == "quarter":  # Else nobody could see it.
        a, b = before.items[i].size[:2]
        assert max(a, b) > 1.2 * min(a, b)


def test_light_and_camera():
  for kind in LIGHT:
    for before, text, after in drawn()[kind]:
      old, new = before.light, after.light
      ratio = new.exposure / old.exposure
      assert {"dim": ratio < .6, "brighten": ratio > 1.4}.get(kind, ratio == 1)
      red, _, blue = new.tint
      if kind in ("warm", "cold"):
        assert (red > 1.3 * blue) if kind == "warm" else (blue > 1.3 * red)
      if kind.startswith("light"):
        side = kind.split()[1]
        assert side in text
        right = layout.camera_axes(before.camera)[0, :2]
        moved = (np.subtract(new.sun_direction, old.sun_direction)[:2]
                 if before.outdoors else np.subtract(new.lamp_xy, old.lamp_xy))
        assert (moved @ right > 0) == (side == "right")
  for kind in ("zoom in", "zoom out"):
    for before, _, after in drawn()[kind]:
      assert (after.camera.fov_degrees < before.camera.fov_degrees) == (
          kind == "zoom in")
      assert after.camera.origin == before.camera.origin
      assert after.camera.target == before.camera.target


def test_pixel_edits_are_exact_and_others_are_drawn():
  image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
  room = fake.room()
  make = lambda kind: edits.picture(edits.Edit("", room, kind), image,
                                    lambda r: np.zeros_like(image))
  np.testing.assert_array_equal(make("mirror")[:, ::-1], image)
  gray = make("gray")
  assert (gray == gray[..., :1]).all() and gray.dtype == np.uint8
  luma = image @ (.299, .587, .114)
  assert np.abs(gray[..., 0] - luma).max() <= .5
  assert not make("dim").any() and set(edit_views.PIXELS) == {"mirror", "gray"}


def test_same_rng_same_edits():
  room = fake.rooms("train")[0]
  draw = lambda: edits.sample(room, fake.picture(room), np.random.default_rng(5),
                              fake.CATALOG, 6)
  assert draw() == draw()


def test_without_renumbers_supports():
  cup = fake.item("mug", "red", (0., 0., .7), (.1, .1, .1), support="2")
  boxes = [fake.item("box", "blue", (1., y, 0.)) for y in (-1., 1.)]
  room = fake.room(boxes[0], boxes[1], fake.TABLE, cup)
  after = editing.without(room, 0, 1)
  assert after.items == (fake.TABLE, dataclasses.replace(cup, support="0"))


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
