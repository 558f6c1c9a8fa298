"""Edits of places, sizes and directions."""

import numpy as np
import pytest

from tests.data.rooms import fake_edits
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import vocabulary


@pytest.mark.parametrize("kind", ["left", "right", "nearer", "farther"])
def test_moves_go_where_they_say(kind):
  words = {"left": ("to the left",), "right": ("to the right",),
           "nearer": ("closer to", "nearer to", "towards the viewer"),
           "farther": ("farther away", "away from the camera", "farther back")}
  for before, text, after in fake_edits.drawn()[kind]:
    i, = fake_edits.changed(before, after)
    a, b = (layout.project(r.camera, layout.centre(r.items[i]))
            for r in (before, after))
    assert {"left": b[0] < a[0] - .1, "right": b[0] > a[0] + .1,
            "nearer": b[2] < a[2] - .2, "farther": b[2] > a[2] + .2}[kind], text
    assert any(w in text for w in words[kind])


def test_things_put_elsewhere_stand_there():
  for before, text, after in fake_edits.drawn()["onto"]:
    i, = fake_edits.changed(before, after)
    support = after.items[i].support
    assert support != before.items[i].support
    where = vocabulary.floor(before) if support == "floor" else (
        before.items[int(support)].category)
    assert text.count(" on the ") == 1 and text.endswith(where)
  for before, text, after in fake_edits.drawn()["swap"]:
    a, b = fake_edits.changed(before, after)
    for i, j in ((a, b), (b, a)):
      assert after.items[i].position == before.items[j].position
      assert after.items[i].support == before.items[j].support


def test_sizes_and_turns():
  for kind, grows in (("bigger", True), ("smaller", False)):
    for before, _, after in fake_edits.drawn()[kind]:
      i, = fake_edits.changed(before, after)
      ratio = np.divide(after.items[i].size, before.items[i].size)
      assert ((ratio > 1.4) if grows else (ratio < .7)).all()
  for kind, angle in (("around", np.pi), ("quarter", np.pi / 2)):
    for before, text, after in fake_edits.drawn()[kind]:
      i, = fake_edits.changed(before, after)
      assert after.items[i].yaw - before.items[i].yaw == pytest.approx(angle)
      if kind == "quarter":  # Else nobody could see it.
        a, b = before.items[i].size[:2]
        assert max(a, b) > 1.2 * min(a, b)
