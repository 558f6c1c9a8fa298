"""Edits of looks: the words and the looks agree."""

from tests.data.rooms import fake_edits
from vision_banana.data.rooms import vocabulary


def test_new_looks_are_those_of_the_words():
  for kind in ("recolor", "recolor all"):
    for before, text, after in fake_edits.drawn()[kind]:
      indices = fake_edits.changed(before, after)
      color = after.items[indices[0]].material.color
      assert text.endswith(f" {color}")
      for i in indices:
        assert after.items[i].material.color == color
        assert vocabulary.color(before.items[i]) != color
      if kind == "recolor all":
        category, = {before.items[i].category for i in indices}
        assert len(indices) == sum(i.category == category for i in before.items) > 1
  for kind, value in (("metal", 1), ("matte", 0)):
    for before, text, after in fake_edits.drawn()[kind]:
      i, = fake_edits.changed(before, after)
      old, new = before.items[i].material, after.items[i].material
      assert (old.metallic, new.metallic) == (1 - value, value)
      assert (old.rgb, old.color) == (new.rgb, new.color)
      assert "metal" in text or kind == "matte"
  for before, text, after in fake_edits.drawn()["texture"]:
    i, = fake_edits.changed(before, after)
    assert vocabulary.word(after.items[i].material) in text
    assert vocabulary.adjective(after.items[i]) != vocabulary.adjective(before.items[i])
  for name in ("floor", "wall"):
    for before, text, after in fake_edits.drawn()[name]:
      assert text.endswith(vocabulary.word(getattr(after, name)))
      assert (vocabulary.floor(before) if name == "floor" else "walls") in text
