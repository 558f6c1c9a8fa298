import numpy as np
import pytest

from vision_banana.codecs import target as target_codec
from vision_banana.errors import UserError
from vision_banana.tasks import sample


def _scene():
  depth = np.full((4, 4), 2, np.float32)
  depth[0, 0], depth[0, 1] = np.nan, np.inf
  normals = np.zeros((4, 4, 3), np.float32)
  normals[1:, :, 2] = 1
  return {"image": np.full((4, 4, 3), 51, np.uint8), "depth": depth,
          "normals": normals}


def _paint(packed):
  return np.asarray(target_codec.encode(*(packed[k] for k in (
      "values", "labels", "palette", "codec", "colormap"))))


def test_pictures_are_painted_by_their_own_codec():
  scene = _scene()
  labels = np.arange(16, dtype=np.int32).reshape(4, 4) % 3
  pictures = [sample.depth(scene, "cube"), sample.photo(scene["image"]),
              sample.normals(scene),
              sample.segmentation(labels, [(0, 0, 0), (255, 0, 0), (0, 51, 0)])]
  packed = sample.pack("depth", "", pictures[0], pictures[1:], 4)
  rgb = _paint(packed)
  np.testing.assert_allclose(rgb[0, 2, 2], (0.86111, 1, 0), atol=1e-4)
  np.testing.assert_allclose(rgb[1], 0.2, atol=1e-6)
  np.testing.assert_allclose(rgb[2, 2, 2], (0.5, 0.5, 1), atol=1e-6)
  np.testing.assert_allclose(rgb[3, 0, :3],
                             [(0, 0, 0), (1, 0, 0), (0, 0.2, 0)], atol=1e-6)
  assert packed["present"].tolist() == [True] * 4 + [False]


def test_valid_is_where_the_target_is_known():
  scene = _scene()
  packed = sample.pack("depth", "", sample.depth(scene, "cube"), [], 1)
  assert not packed["valid"][0, 0] and packed["valid"][0, 1]
  assert packed["valid"].sum() == 15
  packed = sample.pack("normals", "", sample.normals(scene), [], 1)
  assert packed["valid"].sum() == 12
  packed = sample.pack("editing", "", sample.photo(scene["image"]), [], 1)
  assert packed["valid"].all()


def test_shapes_and_dtypes_are_those_of_every_task():
  packed = sample.pack("depth", "x", sample.depth(_scene(), "inferno"), [], 2)
  shapes = {k: (v.shape, str(v.dtype)) for k, v in packed.items() if k != "prompt"}
  assert shapes == {
      "values": ((3, 4, 4, 3), "float32"), "labels": ((3, 4, 4), "int32"),
      "palette": ((3, sample.MAX_LABELS, 3), "float32"), "codec": ((3,), "int32"),
      "colormap": ((3,), "int32"), "present": ((3,), "bool"),
      "valid": ((4, 4), "bool"), "task": ((), "int32")}
  assert packed["colormap"][0] == 2 and packed["task"] == 0


def test_unused_rows_of_a_palette_repeat_the_background():
  picture = sample.segmentation(np.zeros((4, 4), np.int32), [(51, 0, 0), (0, 255, 0)])
  packed = sample.pack("semantic", "", picture, [], 0)
  np.testing.assert_allclose(packed["palette"][0, 2:], [[0.2, 0, 0]] * 30, atol=1e-6)


def test_references_that_do_not_fit():
  scene = _scene()
  with pytest.raises(UserError, match="num_references=0"):
    sample.pack("depth", "", sample.depth(scene, "cube"),
                [sample.photo(scene["image"])], 0)


def test_check_choice_suggests():
  with pytest.raises(UserError, match="did you mean 'depth'"):
    sample.check_choice("task", "dept", sample.TASKS)
  with pytest.raises(UserError, match="use one of depth, "):
    sample.check_choice("task", "xyz", sample.TASKS)
