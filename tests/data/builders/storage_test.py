"""The stored fields that rooms do not use, and what every builder writes."""

import io
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from vision_banana.data.builders import storage


def _through(field, value):
  """Through the encoder, the bytes, and the decoder, as TFDS gives them."""
  stored = storage.FIELDS[field].encode(value)
  picture = np.asarray(Image.open(io.BytesIO(stored)))
  return storage.FIELDS[field].decode(picture.reshape(*picture.shape[:2], -1))


@given(arrays.arrays(np.float32, (3, 4), elements=st.one_of(
    st.floats(2**-10, 2**17, width=32), st.just(np.nan), st.just(np.inf),
    st.just(-np.nan))))
def test_depth_keeps_five_digits_and_what_is_no_number(depth):
  got = _through("depth", depth)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, depth, rtol=1.6e-5)


@pytest.mark.parametrize("field,largest", [("instances", 255),
                                           ("many_instances", 65535)])
def test_instances_up_to_the_largest(field, largest):
  ids = np.array([[0, 1, 2], [largest // 2, largest - 1, largest]], np.int32)
  got = _through(field, ids)
  np.testing.assert_array_equal(got, ids)
  assert got.dtype == np.int32
  with pytest.raises(ValueError, match=f"{largest + 1} does not fit"):
    storage.FIELDS[field].encode(ids + 1)


class Mixed(storage.SceneBuilder):
  """Pictures of several sizes."""

  name = "mixed"
  fields = ("photo", "depth", "many_instances", "categories", "absent")
  pkg_dir_path = None


def test_pictures_of_any_size_and_a_statement_of_origin(tmp_path):
  rng = np.random.default_rng(0)
  scenes = {}
  for height, width in ((8, 12), (16, 5), (1, 1)):
    scenes[f"{height}"] = {
        "image": np.full((height, width, 3), 7 * width, np.uint8),
        "depth": rng.uniform(.1, 90, (height, width)).astype(np.float32),
        "instances": rng.integers(0, 3, (height, width)).astype(np.int32),
        "categories": ["mug", "naïve"], "absent": [] if height == 8 else ["cat"]}
  builder = Mixed(split="val", data_dir=tmp_path, examples=(
      (key, storage.encode(scene, Mixed.fields)) for key, scene in scenes.items()))
  builder.download_and_prepare()
  note = json.loads((tmp_path / "mixed" / "1.0.0" / "metadata.json").read_text())
  assert note == {"origin": "mixed", "split": "val"}
  source = tfds.builder_from_directory(builder.data_path).as_data_source(split="val")
  for example in source:
    got = storage.decode(example)
    want = scenes[str(len(got["image"]))]
    assert got.keys() == want.keys()
    assert got["categories"] == want["categories"] and got["absent"] == want["absent"]
    for field in ("image", "instances"):
      np.testing.assert_array_equal(got[field], want[field])
    np.testing.assert_allclose(got["depth"], want["depth"], rtol=1.6e-5)


def test_examples_are_streamed_in_their_order_to_several_files(tmp_path, monkeypatch):
  monkeypatch.setattr(storage, "SHARD", 3)
  monkeypatch.setattr(storage, "BATCH", 2)
  drawn, written = [], []

  def examples():
    for i in range(8):
      drawn.append(i)
      written.append(len(list(tmp_path.rglob("*.array_record-*"))))
      yield str(i), storage.encode({
          "image": np.full((4, 4, 3), 10 * i, np.uint8), "depth": np.ones((4, 4)),
          "instances": np.zeros((4, 4), np.int32), "categories": [], "absent": []},
                                   Mixed.fields)

  builder = Mixed(split="val", data_dir=tmp_path, examples=examples())
  builder.download_and_prepare()
  assert drawn == list(range(8)) and written[-1] == 2  # Not gathered before.
  assert len(list(tmp_path.rglob("*.array_record-*"))) == 3
  source = tfds.builder_from_directory(builder.data_path).as_data_source(split="val")
  values = [int(storage.decode(e)["image"].mean()) for e in source]
  np.testing.assert_allclose(values, 10 * np.arange(8), atol=2)
  with pytest.raises(FileExistsError):
    Mixed(split="val", data_dir=tmp_path, examples=[]).download_and_prepare()
