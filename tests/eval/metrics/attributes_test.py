"""The judge of named colours: reads captions, learns light, counts hits."""

import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.eval.metrics import attributes

PAINTS = {"red": (180, 30, 30), "blue": (30, 40, 170), "white": (220, 220, 220),
          "gray": (110, 110, 110)}
NAMES = list(PAINTS)


def room(seed: int, size: int = 16) -> dict:
  """Walls over a floor, a box before them, each under a light of its own."""
  rng = np.random.default_rng(seed)
  floor, wall = (NAMES[rng.integers(4)] for _ in range(2))
  ids = np.full((size, size), 2, np.int32)
  ids[size // 2:] = 1
  x = rng.integers(0, size - 4)
  ids[size // 2 - 2:size // 2 + 2, x:x + 4] = 3
  colors = np.array([(0, 0, 0), PAINTS[floor], PAINTS[wall], (90, 200, 90)], float)
  image = np.clip(colors[ids] * rng.uniform(0.8, 1.1), 0, 255).astype(np.uint8)
  return {"image": image, "instances": ids, "categories": ["floor", "wall", "box"],
          "caption": f"A room with {wall} walls and a {floor} floor: a green box."}


TRAIN = [room(i) for i in range(80)]


def score(pictures, captions):
  total = attributes.SurfaceColors(attributes.fit(TRAIN))
  for picture, caption in zip(pictures, captions, strict=True):
    total.add(picture, caption)
  return total.result()


@pytest.mark.parametrize("caption, found", [
    ("A room with blue walls and a red floor.", {"floor": "red", "wall": "blue"}),
    ("Indoor scene with a white floor lamp; Pink walls.", {"wall": "pink"}),
    ("A view of a red wall clock. The room has a wooden floor.", {}),
    ("a gray tiled floor and orange plaster walls", {}),
])
def test_the_colours_a_caption_names(caption, found):
  assert attributes.named(caption) == found


def test_true_pictures_are_right_whatever_their_size_and_wrong_ones_are_not():
  held_out = [room(i) for i in range(100, 140)]
  captions = [r["caption"] for r in held_out]
  right = score([r["image"] for r in held_out], captions)
  assert right["accuracy"] > 0.95 and right["asked"] == 80
  large = score([r["image"].repeat(2, 0).repeat(2, 1) for r in held_out], captions)
  assert large["accuracy"] > 0.95
  gray = score([np.full((16, 16, 3), 110, np.uint8)] * 40, captions)
  chance = np.mean(["gray walls" in c for c in captions] + [
      "gray floor" in c for c in captions])
  assert gray["accuracy"] == pytest.approx(chance)


def test_each_surface_counts_for_itself():
  picture = np.zeros((16, 16, 3), np.uint8)
  picture[:8], picture[8:] = PAINTS["red"], PAINTS["blue"]
  found = score([picture], ["red walls and a red floor"])
  assert (found["wall"], found["floor"], found["accuracy"]) == (1, 0, 0.5)


def test_captions_that_name_nothing_do_not_count():
  total = attributes.SurfaceColors(attributes.fit(TRAIN))
  picture = np.zeros((16, 16, 3), np.uint8)
  assert total.add(picture, "a mug on a table") == {}
  # A colour that no training room taught is not judged.
  assert total.add(picture, "purple walls") == {}
  assert np.isnan(total.result()["accuracy"]) and total.result()["asked"] == 0


def test_too_few_rooms_are_one_line():
  with pytest.raises(UserError, match="give more rooms"):
    attributes.fit(TRAIN[:3])
