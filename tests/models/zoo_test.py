"""Model folders: what is saved comes back; what is broken says so."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.generators import flow
from vision_banana.models import zoo


@pytest.fixture(scope="module")
def generator():
  return flow.build("debug", flow={"steps": 3})


@pytest.fixture(scope="module")
def params(generator):
  return generator.init(jax.random.key(0))


def _save(folder, generator, params, **kwargs):
  zoo.save_model(str(folder), zoo.SavedModel(
      "debug", generator.config, dataclasses.asdict(generator.flow), params,
      generator.tokenizer, {"steps": 7}), **kwargs)


def test_round_trip(tmp_path, generator, params):
  _save(tmp_path / "m", generator, params)
  saved = zoo.load_model(str(tmp_path / "m"))
  assert saved.config == generator.config
  assert saved.notes == {"steps": 7}
  assert flow.from_saved(saved).flow == generator.flow
  jax.tree.map(np.testing.assert_array_equal, saved.params, params)


def test_fewer_bits_are_close_and_smaller(tmp_path, generator, params):
  _save(tmp_path / "full", generator, params)
  _save(tmp_path / "half", generator, params, dtype="bfloat16")
  saved = zoo.load_model(str(tmp_path / "half"))
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=8e-3, atol=1e-6),
      saved.params, params)
  _save(tmp_path / "eight", generator, params, dtype="int8")
  saved = zoo.load_model(str(tmp_path / "eight"))
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=np.abs(b).max() / 250),
      saved.params, params)
  full, half, eight = (
      (tmp_path / d / "params.safetensors").stat().st_size
      for d in ("full", "half", "eight"))
  assert half < 0.6 * full and eight < 0.6 * full


def test_saving_again_replaces_the_folder(tmp_path, generator, params):
  _save(tmp_path / "m", generator, params)
  (tmp_path / "m" / "stray").write_text("x")
  _save(tmp_path / "m", generator, params)
  assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]
  assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
      "model.json", "params.safetensors", "tokenizer.json"]


@pytest.mark.parametrize("file, content, message", [
    ("model.json", b"{", "corrupt"),
    ("model.json", b"[]", "corrupt"),
    ("params.safetensors", b"\x08\x00", "not readable"),
    ("tokenizer.json", b"{}", "not a readable tokenizer"),
])
def test_corrupt_file_is_one_clear_line(
    tmp_path, generator, params, file, content, message):
  _save(tmp_path / "m", generator, params)
  (tmp_path / "m" / file).write_bytes(content)
  with pytest.raises(UserError, match=message) as e:
    zoo.load_model(str(tmp_path / "m"))
  assert "\n" not in str(e.value)


def test_weights_of_other_sizes_are_refused(tmp_path, generator, params):
  _save(tmp_path / "m", generator, params)
  path = tmp_path / "m" / "model.json"
  about = json.loads(path.read_text())
  about["config"]["flux2"]["num_single"] = 2
  path.write_text(json.dumps(about))
  with pytest.raises(UserError, match="flux2/single"):
    zoo.load_model(str(tmp_path / "m"))


def test_missing_folder(tmp_path):
  with pytest.raises(UserError, match="not a model folder"):
    zoo.load_model(str(tmp_path / "none"))


@pytest.mark.parametrize("overrides, message", [
    ({"flux2": {"num_singel": 3}}, "did you mean 'num_single'"),
    ({"flux2": {"in_channels": 8}}, "in_channels must be 192"),
    ({"text": {"width": 32}}, "must equal the text encoder's 32"),
    ({"flux2": 3}, "model.flux2=3: expected a section"),
])
def test_bad_sizes(overrides, message):
  with pytest.raises(UserError, match=message):
    zoo.model_config("debug", overrides)


def test_unknown_model():
  with pytest.raises(UserError, match="known: nano, debug"):
    zoo.model_config("nanobanana")
