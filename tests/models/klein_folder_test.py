"""Folders of klein: written back bit for bit, as orbax, and what is refused."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
import safetensors.numpy

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, orbax_folder, zoo

FOLDER = pathlib.Path(__file__).parents[1] / "goldens" / "klein"


@pytest.fixture(scope="module")
def saved():
  return klein_folder.read(str(FOLDER))


def _same(a, b):
  assert zoo.flatten(a).keys() == zoo.flatten(b).keys()
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_what_is_written_back_is_what_was_read(saved, tmp_path):
  out = tmp_path / "back"
  klein_folder.write(str(out), saved.config, saved.params, source=str(FOLDER))
  files = lambda root: {p.relative_to(root) for p in root.rglob("*") if p.is_file()}
  assert files(out) == files(FOLDER)
  for path in files(out):
    if path.suffix == ".safetensors":
      ours, theirs = (safetensors.numpy.load_file(r / path) for r in (out, FOLDER))
      _same(ours, theirs)
    else:
      assert (out / path).read_bytes() == (FOLDER / path).read_bytes()


def test_tuned_weights_are_written(saved, tmp_path):
  tuned = jax.tree.map(lambda x: x, saved.params)
  kernel = tuned["flux2"]["image_out"]["kernel"]
  tuned["flux2"]["image_out"]["kernel"] = kernel + 1
  out = tmp_path / "tuned"
  klein_folder.write(str(out), saved.config, tuned, source=str(FOLDER))
  _same(klein_folder.read(str(out)).params, tuned)


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_orbax_round_trip(saved, tmp_path, dtype):
  orbax_folder.write(str(tmp_path / "o"), saved)
  back = orbax_folder.read(str(tmp_path / "o"), dtype=dtype)
  assert (back.config, back.flow, back.notes) == (saved.config, saved.flow, saved.notes)
  assert back.tokenizer.to_json() == saved.tokenizer.to_json()
  want = saved.params if dtype is None else klein_folder.read(
      str(FOLDER), dtype=dtype).params
  _same(back.params, want)
  with pytest.raises(UserError, match="exists; remove it"):
    orbax_folder.write(str(tmp_path / "o"), saved)


def test_damaged_orbax_folders_are_refused(saved, tmp_path):
  orbax_folder.write(str(tmp_path / "o"), saved)
  about = json.loads((tmp_path / "o" / "model.json").read_text())
  about["config"]["flux2"]["num_single"] = 4
  (tmp_path / "o" / "model.json").write_text(json.dumps(about))
  with pytest.raises(UserError, match=r"single/fused_in/kernel is \[3, .*not \[4"):
    orbax_folder.read(str(tmp_path / "o"))
  about["config"]["flux2"]["num_single"] = 3
  (tmp_path / "o" / "model.json").write_text(json.dumps(about))
  for path in (tmp_path / "o" / "params").rglob("*"):
    if path.is_file() and path.stat().st_size > 1000:
      path.write_bytes(b"no")
  with pytest.raises(UserError, match="params: not readable"):
    orbax_folder.read(str(tmp_path / "o"))


def _edit(path, **changes):
  path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("damage, message", [
    (lambda f: _edit(f / "model_index.json", _class_name="Flux2Pipeline"),
     "is of Flux2Pipeline, not Flux2KleinPipeline"),
    (lambda f: _edit(f / "scheduler/scheduler_config.json", time_shift_type="linear"),
     "time_shift_type is linear"),
    (lambda f: shutil.rmtree(f / "vae"), "vae"),
    (lambda f: (f / "tokenizer/tokenizer.json").write_text("{}"), "tokenizer.json"),
    (lambda f: (f / "transformer/diffusion_pytorch_model.safetensors").write_bytes(b""),
     "diffusion_pytorch_model"),
    (lambda f: _edit(f / "transformer/config.json", joint_attention_dim=99),
     "context_embedder|text_in|not \\["),
])
def test_other_and_damaged_folders_are_refused(tmp_path, damage, message):
  shutil.copytree(FOLDER, tmp_path / "k")
  damage(tmp_path / "k")
  with pytest.raises(UserError, match=message) as e:
    klein_folder.read(str(tmp_path / "k"))
  assert "\n" not in str(e.value)


def test_parts_that_do_not_fit_together(tmp_path, saved):
  # A text encoder of another width.
  shutil.copytree(FOLDER, tmp_path / "k")
  for name, kind in (("num_attention_heads", 4), ("num_key_value_heads", 2)):
    _edit(tmp_path / "k" / "text_encoder" / "config.json", **{name: kind})
  with pytest.raises(UserError, match="does not fit the network"):
    klein_folder.read(str(tmp_path / "k"))


def test_writing_needs_the_source_and_a_free_place(saved, tmp_path):
  with pytest.raises(UserError, match="not a diffusers folder"):
    klein_folder.write(str(tmp_path / "a"), saved.config, saved.params,
                       source=str(tmp_path))
  (tmp_path / "b").mkdir()
  with pytest.raises(UserError, match="exists; remove it"):
    klein_folder.write(str(tmp_path / "b"), saved.config, saved.params,
                       source=str(FOLDER))
  assert not (tmp_path / "a").exists() and not list((tmp_path / "b").iterdir())
