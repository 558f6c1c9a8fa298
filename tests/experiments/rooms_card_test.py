"""The card of a dataset: counts by hand, forms of phrases, size of the picture."""

import io

import numpy as np
from PIL import Image
import pytest

from experiments import rooms_card
from tests.data import fake


@pytest.mark.parametrize("phrase,form", [
    ("the second mug from the left", "order"), ("both red chairs", "count"),
    ("the three balls", "count"), ("the ball that is not red", "negated colour"),
    ("the mug behind the red box", "relation"), ("the leftmost red mug", "superlative"),
    ("the mug on the red table", "place"), ("the metal ball", "material"),
    ("the red wall", "surface"), ("all red mugs", "all"), ("the red mug", "colour"),
    ("the mug that is red", "colour"), ("mug", "noun")])
def test_form(phrase, form):
  assert rooms_card.form(phrase) == form


def scene(category, depth, phrases, kinds):
  ids = np.array([[1, 4], [4, 0]], np.int32)
  return {"image": np.zeros((2, 2, 3), np.uint8), "depth": np.full((2, 2), depth),
          "normals": np.zeros((2, 2, 3)), "instances": ids, "phrases": phrases,
          "categories": [category, "wall", "ceiling", "mug"], "caption": "Two words.",
          "edits": [("x", np.zeros((2, 2, 3), np.uint8))] * len(kinds),
          "edit_kinds": kinds}


def test_counts():
  text = rooms_card.card([
      scene("ground", 2., [("the mug", (4,)), ("both cups", ())], ["swap", "remove"]),
      scene("floor", 2., [("the mug", (4,))], ["swap"])], "Rooms")
  assert "2 scenes, 50.0% of them outdoors; 3 edits of 2 kinds" in text
  assert "2 phrases that fit and 1 that fit nothing; 3 categories in view" in text
  for row in ("| noun | 2 | 0 |", "| count | 0 | 1 |", "| swap | 2 |", "| remove | 1 |",
              "| depth in metres | 2.00 | 2.00 | 2.00 | 2.00 | 2.00 |",
              "| words of a caption | 2 | 2 | 2 | 2 | 2 |", "mug 2, floor 1, ground 1"):
    assert row in text, row


def test_edits_whose_kinds_nobody_wrote_down_are_no_kind():
  old = scene("floor", 2., [("the mug", (4,))], ["swap"])
  del old["edit_kinds"]
  text = rooms_card.card([old], "Rooms")
  assert "1 edits (this dataset, of before version 1.1.0" in text
  assert "## Edits" not in text


def test_grid_is_small_and_the_same_again():
  scenes = [fake.scene(i, 64) for i in range(6)]
  rng = np.random.default_rng(0)
  for s in scenes:
    s["image"] = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
  picture = rooms_card.grid(scenes)
  assert len(picture) <= rooms_card.MAX_BYTES and picture == rooms_card.grid(scenes)
  width, height = Image.open(io.BytesIO(picture)).size
  assert width / height == pytest.approx(5 / 6)
