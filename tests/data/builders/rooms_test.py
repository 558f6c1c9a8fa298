"""Storage of rooms: what survives a round trip through array_record."""

import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from vision_banana.data.builders import rooms


def scene(seed: int = 0, size: int = 16) -> dict:
  rng = np.random.default_rng(seed)
  normals = rng.normal(size=(size, size, 3)).astype(np.float32)
  normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
  depth = np.exp(rng.uniform(np.log(0.3), np.log(10), (size, size)))
  depth = depth.astype(np.float32)
  depth[0, :2] = np.nan, np.inf
  normals[0, :2] = 0
  blocks = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((size // 4,) * 2 + (1,)))
  return {
      "image": rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
      "depth": depth, "normals": normals,
      "instances": rng.integers(0, 256, (size, size)).astype(np.int32),
      "categories": ["floor", "wall", "café table", "coffee table", "table"],
      "phrases": [("the red mug", (4, 255)), ("the coffee table", ())],
      "caption": f"Room {seed}: naïve.",
      "edits": [("make it blue", blocks.astype(np.uint8))] * (seed % 3),
      "edit_kinds": ["recolor"] * (seed % 3),
  }


@pytest.fixture(scope="module", name="stored")
def _stored(tmp_path_factory):
  scenes = {f"Room {i}: naïve.": scene(i) for i in range(5)}
  builder = rooms.Rooms(
      size=16, split="test", data_dir=tmp_path_factory.mktemp("data"),
      examples=((k, rooms.encode(s)) for k, s in scenes.items()))
  builder.download_and_prepare()
  source = tfds.builder_from_directory(builder.data_path).as_data_source(split="test")
  return scenes, [rooms.decode(example) for example in source]


def test_every_room_comes_back_once(stored):
  scenes, decoded = stored
  assert sorted(s["caption"] for s in decoded) == sorted(scenes)


def test_exact_fields(stored):
  scenes, decoded = stored
  for got in decoded:
    want = scenes[got["caption"]]
    for key in ("image", "instances"):
      np.testing.assert_array_equal(got[key], want[key])
      assert got[key].dtype == want[key].dtype
    assert got["phrases"] == want["phrases"]
    assert got["edit_kinds"] == want["edit_kinds"]


def test_a_thing_is_of_the_class_of_its_head_noun(stored):
  for got in stored[1]:
    assert got["categories"] == ["floor", "wall", "café table", "table", "table"]


def test_depth_and_normals_within_their_bounds(stored):
  scenes, decoded = stored
  for got in decoded:
    want = scenes[got["caption"]]
    assert got["depth"].dtype == got["normals"].dtype == np.float32
    np.testing.assert_allclose(got["depth"], want["depth"], rtol=5.1e-4)
    valid = want["normals"].any(-1)
    np.testing.assert_array_equal(got["normals"].any(-1), valid)
    cosine = (got["normals"] * want["normals"]).sum(-1)[valid]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.45
    np.testing.assert_allclose(np.linalg.norm(got["normals"], axis=-1)[valid], 1,
                               atol=1e-6)


def test_edited_pictures_are_nearly_exact(stored):
  scenes, decoded = stored
  for got in decoded:
    want = scenes[got["caption"]]["edits"]
    assert [e[0] for e in got["edits"]] == [e[0] for e in want]
    for (_, image), (_, expected) in zip(got["edits"], want):
      assert image.shape == expected.shape and image.dtype == np.uint8
      error = (image.astype(float) - expected) ** 2
      assert 10 * np.log10(255**2 / error.mean()) > 42


def test_scenes_of_before_there_were_kinds_of_edits():
  old = scene(1)
  del old["edit_kinds"]
  assert rooms.encode(old)["edit_kinds"] == []


def test_more_than_a_byte_of_instances_is_refused():
  bad = scene()
  bad["instances"][0, 0] = 256
  with pytest.raises(ValueError, match="256 does not fit"):
    rooms.encode(bad)


def test_no_tensorflow_is_needed(stored):
  del stored
  assert "tensorflow" not in sys.modules
