"""Whole pictures of a tiny klein against the PyTorch pipeline, from its own folder.

`tests/goldens/make_klein.py` made the folder and the pictures.
"""

import functools
import json
import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy

import vision_banana
from vision_banana.errors import UserError
from vision_banana.models import zoo

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens"
FOLDER = GOLDENS / "klein"
PROMPT = "turn this image into a depth map"


@functools.cache
def stored():
  return safetensors.numpy.load_file(GOLDENS / "klein.safetensors")


@functools.cache
def references():
  rng = np.random.default_rng(3)  # As make_klein.pictures.
  return [rng.integers(0, 256, (*size, 3), dtype=np.uint8)
          for size in ((64, 64), (64, 128))]


def _paint(model, what, steps):
  return model.generate(
      PROMPT, references() if what == "edit" else (), size=(64, 96), steps=steps,
      noise=stored()["noise"])


def _error(got, want):
  return np.linalg.norm(got - want) / np.linalg.norm(want)


@pytest.fixture(scope="module")
def model():
  return vision_banana.load(FOLDER)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
  folder = tmp_path_factory.mktemp("klein") / "distilled"
  shutil.copytree(FOLDER, folder)
  index = json.loads((folder / "model_index.json").read_text())
  (folder / "model_index.json").write_text(json.dumps(index | {"is_distilled": True}))
  return vision_banana.load(folder)


@pytest.mark.parametrize("what", ["generate", "edit"])
def test_base_trajectory_equals_the_reference(model, what):
  assert (model.default_steps("image"), model.guidance) == (50, 4.0)
  assert _error(_paint(model, what, 5), stored()[f"base.{what}"]) < 1e-4


@pytest.mark.parametrize("what", ["generate", "edit"])
def test_distilled_trajectory_equals_the_reference(distilled, what):
  assert distilled.guidance == 1.0  # And four steps unless told.
  assert _error(_paint(distilled, what, None), stored()[f"distilled.{what}"]) < 1e-4


def test_bf16_is_as_close_to_float32_as_the_reference_s_own():
  half = vision_banana.load(FOLDER, dtype="bfloat16")
  kinds = {str(x.dtype) for x in zoo.flatten(half.params).values()}
  assert kinds == {"bfloat16", "int32"}
  exact = stored()["base.edit"]
  theirs = _error(stored()["base.edit.bf16"], exact)
  assert 1e-4 < _error(_paint(half, "edit", 5), exact) < theirs


def test_the_noise_may_be_tokens(model):
  noise = stored()["noise"]
  tokens = noise[0].reshape(noise.shape[1], -1).T
  a = model.generate(PROMPT, size=(64, 96), steps=1, noise=noise)
  b = model.generate(PROMPT, size=(64, 96), steps=1, noise=tokens)
  np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [(64, 64), (50, 70)])
def test_dense_prediction_pads_and_cuts_back(model, size, monkeypatch):
  picture = references()[1][:size[0], :size[1]]
  seen = {}
  generate = model.generator.generate

  def watch(params, tokens, mask, pictures, *args, **kwargs):
    seen.update(picture=pictures[0][0], size=kwargs["size"])
    return generate(params, tokens, mask, pictures, *args, **kwargs)

  monkeypatch.setattr(model.generator, "generate", watch)
  result = model.predict(picture, "depth", steps=1, guidance=1.0)
  assert result.value.shape == size
  # The whole picture at its own scale: nothing cropped away, nothing resized.
  height, width = seen["size"]
  assert height % 64 == width % 64 == 0 and height - size[0] < 64
  top, left = (height - size[0]) // 2, (width - size[1]) // 2
  np.testing.assert_allclose(
      seen["picture"][top:top + size[0], left:left + size[1]] * 255, picture, atol=1e-3)


@pytest.mark.parametrize("call, message", [
    (lambda m: m.generate("x", references() * 3), "6 references.*at most 4"),
    (lambda m: m.generate("word " * 600), "shorten it"),
    (lambda m: m.generate("x", noise=np.zeros((3, 12)), size=64), r"\[16, 12\] or"),
    (lambda m: vision_banana.load(FOLDER, dtype="float8"), "float32 or bfloat16"),
])
def test_bad_input_is_one_line(model, call, message):
  with pytest.raises(UserError, match=message) as e:
    call(model)
  assert "\n" not in str(e.value)
