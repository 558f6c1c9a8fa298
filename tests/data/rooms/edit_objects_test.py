"""Edits of what there is: things gone, new and replaced."""

import dataclasses

import pytest

from tests.data.rooms import fake
from tests.data.rooms import fake_edits
from vision_banana.data.rooms import editing
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import vocabulary


@pytest.mark.parametrize("kind", ["remove", "remove all", "clear"])
def test_removals_take_what_they_name(kind):
  for before, text, after in fake_edits.drawn()[kind]:
    indices = fake_edits.gone(before, after)
    items = [before.items[i] for i in indices]
    if kind == "remove":
      assert len(items) == 1 and fake_edits.names(text, items[0])
      assert (fake.picture(before) == indices[0] + 4).mean() >= editing.BIG
    elif kind == "remove all":
      category, = {item.category for item in items}
      assert len(items) == sum(i.category == category for i in before.items) > 1
      assert fake_edits.names(text, items[0])
      assert len(items) == 2 or "both" not in text
    else:
      support, = {item.support for item in items}
      assert len(items) == sum(i.support == support for i in before.items) > 1
      assert before.items[int(support)].category in text


@pytest.mark.parametrize("kind", ["add", "copy", "add rug"])
def test_additions_are_named_in_view_and_last(kind):
  for before, text, after in fake_edits.drawn()[kind]:
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


def test_replaced_thing_is_another_that_is_named():
  for before, text, after in fake_edits.drawn()["replace"]:
    i, = fake_edits.changed(before, after)
    new = after.items[i]
    assert not vocabulary.alike(new.category, before.items[i].category)
    assert f"{vocabulary.color(new)} {new.category}".strip() in text
