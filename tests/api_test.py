"""Three calls to a result, for pictures of any size, on a model that is random."""

import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

import vision_banana
from tests.eval import fake
from vision_banana import api, painter
from vision_banana.codecs import depth, normals, segmentation
from vision_banana.errors import UserError
from vision_banana.eval import images
from vision_banana.tasks import tasks

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  out = fake.save_model(tmp_path_factory.mktemp("models") / "tiny")
  (out / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
  return out


@pytest.fixture(scope="module")
def model(folder):
  return vision_banana.load(folder)


def _picture(height, width, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_load_reads_what_the_folder_says(model):
  assert model.name == "tiny" and model.default_steps("image") == 2 and model.guidance == 1
  assert model.size == (16, 16) and model.notes["tuned_from"] == "dust"
  assert model.log == [{"step": 1, "loss": 2.0}]
  other = model.with_params(jax.tree.map(lambda x: x + 1, model.params), "other")
  assert len(model.fingerprint) == 16 and model.fingerprint != other.fingerprint


def test_a_folder_called_model_is_named_by_the_one_above(folder, tmp_path, monkeypatch):
  (tmp_path / "run").mkdir()
  (tmp_path / "run" / "model").symlink_to(folder)
  assert api.load(tmp_path / "run" / "model").name == "tiny"  # what it points to
  (tmp_path / "run" / "model").unlink()
  shutil.copytree(folder, tmp_path / "run" / "model")
  monkeypatch.chdir(tmp_path / "run" / "model")
  assert api.load(".").name == api.load(tmp_path / "run" / "model").name == "run"


def test_the_same_network_is_compiled_once(model, folder):
  assert api.load(folder, like=model).generator is model.generator
  assert api.load(folder).generator is not model.generator


def test_load_refuses_what_is_no_model(tmp_path, folder):
  with pytest.raises(UserError, match="no such model"):
    vision_banana.load("nanoo")
  with pytest.raises(UserError, match="model.json"):
    vision_banana.load(tmp_path)
  broken = tmp_path / "broken"
  broken.mkdir()
  for name in ("model.json", "tokenizer.json", "params.safetensors"):
    (broken / name).write_bytes((folder / name).read_bytes())
  (broken / "params.safetensors").write_bytes(b"short")
  with pytest.raises(UserError, match="params.safetensors"):
    vision_banana.load(broken)


@pytest.mark.parametrize("size", [(16, 16), (7, 50), (123, 40), (1, 1)])
def test_predict_answers_at_the_size_of_the_picture(model, size):
  result = model.predict(_picture(*size), "depth")
  assert result.rgb.shape == (*size, 3) and result.rgb.dtype == np.float32
  assert result.value.shape == size and result.value.dtype == np.float32
  assert np.isfinite(result.value).all() and (result.value >= 0).all()


def test_values_are_decoded_from_the_eight_bit_picture(model):
  picture = _picture(24, 30)
  result = model.predict(picture, "depth", colormap="viridis")
  eight = images.to_uint8(result.rgb).astype(np.float32) / 255
  np.testing.assert_array_equal(result.rgb, eight)
  np.testing.assert_array_equal(
      result.value, np.asarray(depth.decode(eight, colormap="viridis")))
  result = model.predict(picture, "normals")
  np.testing.assert_array_equal(result.value, np.asarray(normals.decode(result.rgb)))
  assert np.linalg.norm(result.value, axis=-1) == pytest.approx(1, abs=1e-5)


def test_labels_come_with_their_names(model):
  result = model.predict(_picture(20, 20), "semantic",
                         classes={"floor": "red", "wall": "#0000FF"},
                         background="white")
  assert result.names == ("background", "floor", "wall")
  palette = np.float32([[255, 255, 255], [255, 0, 0], [0, 0, 255]]) / 255
  np.testing.assert_array_equal(
      result.value, np.asarray(segmentation.decode(result.rgb, palette)))


@pytest.mark.parametrize("task,arguments,kind", [
    ("instance", {"name": "chair"}, np.int32), ("edges", {}, np.int32),
    ("referring", {"phrase": "the red mug"}, np.int32),
    ("modality", {"source": "depth", "target": "photo"}, np.float32),
    ("editing", {"prompt": "remove the mug"}, np.float32)])
def test_every_task_that_reads_a_picture(model, task, arguments, kind):
  result = model.predict(_picture(18, 33), task, **arguments)
  assert result.value.dtype == kind and result.value.shape[:2] == (18, 33)
  if kind == np.float32:
    np.testing.assert_array_equal(result.value, result.rgb)


def test_the_picture_matters_and_the_seed_does(model):
  a = model.predict(_picture(16, 16, 0), "depth").rgb
  assert np.abs(a - model.predict(_picture(16, 16, 1), "depth").rgb).max() > 0.01
  assert np.abs(a - model.predict(_picture(16, 16, 0), "depth", seed=1).rgb).max() > .01
  np.testing.assert_array_equal(a, model.predict(_picture(16, 16, 0), "depth").rgb)


def test_kinds_of_input_are_the_same_picture(model, tmp_path):
  picture = _picture(16, 20)
  Image.fromarray(picture).save(tmp_path / "p.png")
  expected = model.predict(picture, "normals").rgb
  for same in (tmp_path / "p.png", str(tmp_path / "p.png"), Image.fromarray(picture),
               picture.astype(np.float64) / 255):
    np.testing.assert_array_equal(model.predict(same, "normals").rgb, expected)


def test_a_batch_is_as_many_single_questions(model, monkeypatch):
  monkeypatch.setattr(painter, "BATCH", 4)
  requests = [tasks.request(t) for t in ("depth", "normals", "edges")] * 2
  pictures = [_picture(16, 16 + i, i) for i in range(6)]
  together = model.predict_batch(requests, pictures, seed=3)
  assert [t.request for t in together] == requests
  assert [t.rgb.shape for t in together] == [p.shape for p in pictures]
  first = model.predict_batch(requests[:4], pictures[:4], seed=3)
  # The place in its batch decides an answer's noise, not how many there are.
  for a, b in zip(together, first):
    np.testing.assert_array_equal(a.rgb, b.rgb)


def test_one_compiled_sampler_serves_all_questions(model):
  model.predict(_picture(16, 16), "depth")
  before = model.generator.generate._cache_size()
  model.predict(_picture(90, 16), "normals")
  model.predict(_picture(16, 40), "semantic", classes=["floor"])
  assert model.generator.generate._cache_size() == before


def test_guidance_encodes_the_empty_prompt_once(model, monkeypatch):
  encode, calls = model.generator.encode_negative, []
  monkeypatch.setattr(model.generator, "encode_negative",
                      lambda params: calls.append(1) or encode(params))
  model.predict(_picture(16, 16), "depth")
  assert not calls
  for seed in range(2):
    model.predict(_picture(16, 16), "depth", guidance=2.0, seed=seed)
  model.generate("a room", guidance=2.0)
  assert len(calls) == 1
  model.with_params(model.params, "same").generate("a room", guidance=2.0)
  assert len(calls) == 2


def test_generate(model):
  rgb = model.generate("a red room")
  assert rgb.shape == (16, 16, 3) and rgb.dtype == np.float32
  assert 0 <= rgb.min() and rgb.max() <= 1
  assert model.generate("bluer", [_picture(30, 50)]).shape == (30, 50, 3)
  assert model.generate("bluer", [_picture(9, 9)], size=(8, 24)).shape == (8, 24, 3)
  other = model.generate("a red room", seed=1)
  assert np.abs(rgb - other).max() > 0.01


def test_a_size_of_no_whole_latents_is_cut(model):
  whole = model.generate("x", size=(24, 16))
  np.testing.assert_array_equal(model.generate("x", size=(20, 9)), whole[:20, :9])


@pytest.mark.parametrize("size", [np.int64(16), (np.int32(16), 16), [16, 16],
                                  np.array([16, 16])])
def test_a_size_is_of_any_kind_of_integer(model, size):
  assert model.generate("x", size=size).shape == (16, 16, 3)


def test_no_questions_have_no_answers(model):
  assert model.predict_batch([], []) == []


@pytest.mark.parametrize("call,expected", [
    (lambda m: m.generate("x", size=(16,)), r"size \(16,\): give one edge or"),
    (lambda m: m.generate("x", size=16.5), "size 16.5: give one edge"),
    (lambda m: m.generate("x", size="16"), "size '16': give one edge"),
    (lambda m: m.generate("x", size=(16, 16, 3)), "give one edge"),
    (lambda m: m.predict_batch([tasks.request("depth")], []), "1 requests for 0"),
    (lambda m: m.predict(_picture(4, 4), "dept"), "unknown task 'dept'.*depth"),
    (lambda m: m.predict(_picture(4, 4), "text_to_image"), "use generate"),
    (lambda m: m.predict(_picture(4, 4), "semantic", classes={"a": "redd"}), "redd"),
    (lambda m: m.predict(_picture(4, 4), "depth", colour="red"), "colour"),
    (lambda m: m.predict("nowhere.png", "depth"), "nowhere.png"),
    (lambda m: m.predict(_picture(4, 4), "depth", steps=0), "steps 0"),
    (lambda m: m.predict(_picture(4, 4), "depth", seed=-1), "seed -1"),
    (lambda m: m.predict(_picture(4, 4), "depth", guidance=np.inf), "guidance"),
    (lambda m: m.generate("x", [_picture(4, 4)] * 2), "at most 1"),
    (lambda m: m.generate("x", size=16, noise=np.zeros((5, 192))), r"\[4, 192\] or"),
    (lambda m: m.generate("x", size=100000), "1 to 256"),
    (lambda m: m.generate("long " * 100), "shorten it")])
def test_bad_input_is_one_line(model, call, expected):
  with pytest.raises(UserError, match=expected) as caught:
    call(model)
  assert "\n" not in str(caught.value)


def test_embedded_models_are_listed_by_name(monkeypatch, tmp_path, folder):
  (tmp_path / "mini").symlink_to(folder)
  monkeypatch.setattr(api, "EMBEDDED", tmp_path)
  assert vision_banana.load("mini").default_steps("depth") == 2
  with pytest.raises(UserError, match="one of mini"):
    vision_banana.load("maxi")
  assert json.loads((tmp_path / "mini" / "model.json").read_text())["name"] == "debug"


def test_nothing_is_lost_in_the_latents_of_patches_but_what_noise_takes(model):
  picture = _picture(24, 40)
  clean = model.through_latents(picture)
  np.testing.assert_allclose(clean * 255, picture, atol=0.05)
  gray = np.full((24, 40, 3), 128, np.uint8)  # Nothing of its noise is clipped.
  small, large, same = (
      model.through_latents(gray, noise, seed=3) - gray / 255 for noise in (.05, .1, .1))
  np.testing.assert_allclose(large, 2 * small, atol=1e-4)
  np.testing.assert_array_equal(large, same)
  assert large.std() > 0.01
  assert not np.array_equal(large, model.through_latents(gray, .1, seed=4) - gray / 255)


def test_a_picture_that_is_no_whole_number_of_latents_has_no_latents(model):
  with pytest.raises(UserError, match="multiples of 8"):
    model.through_latents(_picture(20, 16))
