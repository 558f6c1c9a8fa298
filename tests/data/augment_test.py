import numpy as np
import pytest

from tests.data import fake
from vision_banana.data import augment


def _equal(a, b):
  assert a.keys() == b.keys()
  for key in a:
    if key == "edits":
      assert [t for t, _ in a[key]] == [t for t, _ in b[key]]
      for (_, x), (_, y) in zip(a[key], b[key]):
        np.testing.assert_array_equal(x, y)
    elif isinstance(a[key], np.ndarray):
      np.testing.assert_array_equal(a[key], b[key])
    else:
      assert a[key] == b[key]


def test_two_flips_are_none():
  scene = fake.scene(0)
  _equal(augment.flip(augment.flip(scene)), scene)


def test_a_flipped_scene_is_the_mirrored_world():
  scene = fake.scene(1)
  flipped = augment.flip(scene)
  for field in ("image", "depth", "instances"):
    np.testing.assert_array_equal(flipped[field], scene[field][:, ::-1])
  # The left wall faces right (+x) and becomes the right wall, which faces left.
  np.testing.assert_array_equal(scene["normals"][16, 0], (1, 0, 0))
  np.testing.assert_array_equal(flipped["normals"][16, -1], (-1, 0, 0))
  np.testing.assert_array_equal(flipped["normals"][..., 1:],
                                scene["normals"][:, ::-1, 1:])
  np.testing.assert_array_equal(flipped["edits"][0][1], scene["edits"][0][1][:, ::-1])
  assert "rightmost" in flipped["phrases"][0][0]
  assert flipped["caption"].endswith("on the right.")


def test_flip_leaves_missing_fields_missing():
  image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
  assert augment.flip({"image": image}).keys() == {"image"}


@pytest.mark.parametrize("text, mirrored", [
    ("the leftmost mug", "the rightmost mug"),
    ("the right-most box on the far left", "the left-most box on the far right"),
    ("Left of the box, right of it", "Right of the box, left of it"),
    ("move it rightwards to the left-hand side",
     "move it leftwards to the right-hand side"),
    ("right behind the sofa", "right behind the sofa"),
    ("the box left open", "the box left open"),
    ("a bright light, a cleft", "a bright light, a cleft"),
    ("to the right, behind the box", "to the left, behind the box"),
    ("move the chair to the left by half a metre",
     "move the chair to the right by half a metre"),
    ("the cup on the left beside the plate", "the cup on the right beside the plate"),
    ("the man on the right at the table", "the man on the left at the table"),
    ("the lamp on the right next to the bed", "the lamp on the left next to the bed"),
    ("rotate the red box on the far right by 90 degrees",
     "rotate the red box on the far left by 90 degrees"),
    ("turn the second bench from the left by 90 degrees",
     "turn the second bench from the right by 90 degrees"),
    ("The left beside it, the mug on its right next to the Right",
     "The right beside it, the mug on its left next to the Left"),
    ("the upper-left by the door", "the upper-right by the door"),
    ("the right angle beside a right angle", "the right angle beside a right angle"),
    ("the chair right next to the table", "the chair right next to the table"),
])
def test_mirrored_words(text, mirrored):
  assert augment.mirror_text(text) == mirrored


def test_resize_averages_pictures_and_picks_values():
  image = np.zeros((4, 6, 3), np.uint8)
  image[::2] = 200
  depth = np.arange(24, dtype=np.float32).reshape(4, 6)
  depth[0, 1] = np.nan
  scene = {"image": image, "depth": depth, "normals": np.zeros((4, 6, 3), np.float32),
           "instances": np.arange(24, dtype=np.int32).reshape(4, 6),
           "edits": [("x", image)], "caption": "c"}
  small = augment.resize(scene, (2, 2))
  np.testing.assert_array_equal(small["image"], np.full((2, 2, 3), 100))
  np.testing.assert_array_equal(small["edits"][0][1], small["image"])
  assert small["depth"].shape == (2, 2) and small["normals"].shape == (2, 2, 3)
  assert set(small["instances"].ravel()) <= set(scene["instances"][:, 1:5].ravel())
  np.testing.assert_array_equal(small["depth"], small["instances"])
  assert augment.resize(small, (2, 2)) is small
  large = augment.resize(small, (4, 4))
  np.testing.assert_array_equal(large["instances"],
                                np.kron(small["instances"], np.ones((2, 2))))


@pytest.mark.parametrize("size, shape", [((30, 90), (16, 32)), ((90, 30), (16, 32)),
                                         ((31, 47), (48, 64))])
def test_resize_crops_the_middle_to_any_shape(size, shape):
  rows, columns = np.mgrid[:size[0], :size[1]].astype(np.float32)
  image = np.repeat((rows * 2)[..., None], 3, -1).astype(np.uint8)
  scene = {"image": image, "depth": rows, "instances": columns.astype(np.int32),
           "normals": np.stack([rows, columns, rows], -1)}
  made = augment.resize(scene, shape)
  assert {v.shape[:2] for v in made.values()} == {shape}
  # Nearest pixels, evenly spread about the middle, as far as the shape allows.
  scale = min(size[0] / shape[0], size[1] / shape[1])
  for found, along, n in ((made["depth"][:, 0], size[0], shape[0]),
                          (made["instances"][0], size[1], shape[1])):
    expected = (np.arange(n) + .5 - n / 2) * scale + along / 2
    assert np.abs(found + .5 - expected).max() <= 1
  np.testing.assert_array_equal(made["normals"][..., 0], made["depth"])
  np.testing.assert_array_equal(made["normals"][..., 1], made["instances"])
  assert np.abs(made["image"][..., 0] / 2 - made["depth"]).max() <= 1.5
