import json
import os
import subprocess
import sys

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from tests.models import tiny
from vision_banana.errors import UserError
from vision_banana.models import safetensors_io, weight_files
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.weight_tables import weight_map

TRANSFORMER = {
    "_class_name": "Flux2Transformer2DModel", "attention_head_dim": 16,
    "axes_dims_rope": [4, 4, 4, 4], "guidance_embeds": False, "in_channels": 12,
    "joint_attention_dim": 20, "num_attention_heads": 2, "num_layers": 2,
    "num_single_layers": 3, "timestep_guidance_channels": 32}
STEMS = {"transformer": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model",
         "text_encoder": "model"}


def _folder(path, name="transformer", dtype=ml_dtypes.bfloat16, shards=1):
  """Writes a component folder with the library's own writer."""
  path.mkdir()
  (path / "config.json").write_text(json.dumps(TRANSFORMER) + "\n\n")
  (path / "generation_config.json").write_text('{"a": 1}')
  tensors, stem = tiny.published(name, dtype), STEMS[name]
  files = {f"{stem}.safetensors": list(tensors)}
  if shards > 1:
    files = {f"{stem}-{i + 1:05}-of-{shards:05}.safetensors": list(tensors)[i::shards]
             for i in range(shards)}
    mapped = {k: n for n, keys in files.items() for k in keys}
    (path / f"{stem}.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": mapped}))
  for file, keys in files.items():
    safetensors.numpy.save_file({k: tensors[k] for k in keys}, path / file)
  return str(path)


def _all(folder):
  return {k: t.read() for k, t in safetensors_io.open_tensors(folder).items()}


def _same(a, b):
  assert a.keys() == b.keys()
  for key in a:
    assert a[key].dtype == b[key].dtype, key
    assert np.asarray(a[key]).tobytes() == np.asarray(b[key]).tobytes(), key


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_a_folder_read_and_written_back_is_the_same(tmp_path, name, dtype, shards):
  source = _folder(tmp_path / "source", name, dtype, shards)
  config = tiny.CONFIGS[name]
  out = str(tmp_path / "out" / name)
  sizes, params = weight_files.read(type(config), source, config=config)
  assert sizes is config
  weight_files.write(out, config, params, source=source)
  assert sorted(os.listdir(out)) == sorted(os.listdir(source))
  _same(_all(out), _all(source))
  assert safetensors_io.layout(out).keys() == safetensors_io.layout(source).keys()
  for file in ("config.json", "generation_config.json"):
    assert open(f"{out}/{file}").read() == open(f"{source}/{file}").read()
  assert os.listdir(tmp_path / "out") == [name]


def test_sizes_come_from_config_json(tmp_path):
  config, params = weight_files.read(Flux2Config, _folder(tmp_path / "x"))
  assert config == tiny.CONFIGS["transformer"]
  assert {v.dtype for v in params.values()} == {jnp.dtype("bfloat16")}


def test_dtypes(tmp_path):
  source = _folder(tmp_path / "x")
  config, params = weight_files.read(Flux2Config, source, dtype=jnp.float32)
  assert {v.dtype for v in params.values()} == {jnp.dtype("float32")}
  weight_files.write(
      str(tmp_path / "y"), config, params, source=source, dtype=jnp.bfloat16)
  _same(_all(str(tmp_path / "y")), _all(source))
  weight_files.write(str(tmp_path / "z"), config, params, source=source)
  assert {v.dtype for v in _all(str(tmp_path / "z")).values()} == {
      np.dtype(np.float32)}


def test_what_was_tuned_is_written_and_the_rest_kept(tmp_path):
  source = _folder(tmp_path / "x", "text_encoder", np.float32)
  config = tiny.CONFIGS["text_encoder"]
  _, params = weight_files.read(Qwen3Config, source, config=config)
  params = {k: v + 1 for k, v in params.items()}
  weight_files.write(str(tmp_path / "y"), config, params, source=source)
  before, after = _all(source), _all(str(tmp_path / "y"))
  ignored = weight_map(config).ignored
  assert ignored & before.keys()
  for key in before:
    np.testing.assert_array_equal(after[key], before[key] + (key not in ignored))


def test_the_single_file(tmp_path, monkeypatch):
  path = str(tmp_path / "flux-2-klein-base-4b.safetensors")
  tensors = tiny.published("transformer", ml_dtypes.bfloat16, single_file=True)
  safetensors.numpy.save_file(tensors, path)
  with pytest.raises(UserError, match="width 32 is neither klein 4B nor 9B"):
    weight_files.read(Flux2Config, path)
  monkeypatch.setattr(weight_files, "KLEIN", tuple(tiny.CONFIGS.values())[:1])
  config, params = weight_files.read(Flux2Config, path)
  assert config == tiny.CONFIGS["transformer"]
  # Written back under the names of diffusers.
  source = _folder(tmp_path / "x")
  weight_files.write(str(tmp_path / "y"), config, params, source=source)
  again = weight_files.read(Flux2Config, str(tmp_path / "y"))[1]
  _same(again, params)
  with pytest.raises(UserError, match="not a component folder"):
    weight_files.write(str(tmp_path / "z"), config, params, source=path)


def test_a_diffusers_file_without_its_folder(tmp_path):
  folder = _folder(tmp_path / "x")
  with pytest.raises(UserError, match="not a transformer under its original names"):
    weight_files.read(Flux2Config, f"{folder}/diffusion_pytorch_model.safetensors")


def test_the_wrong_component(tmp_path):
  folder = _folder(tmp_path / "x")
  with pytest.raises(UserError, match="describes Flux2Transformer2DModel, not"):
    weight_files.read(AutoencoderConfig, folder)


def test_weights_that_do_not_fit_config_json(tmp_path):
  folder = _folder(tmp_path / "x")
  (tmp_path / "x" / "config.json").write_text(
      json.dumps(TRANSFORMER | {"num_layers": 3}))
  with pytest.raises(UserError, match=r"x: .*transformer_blocks.2.*is missing"):
    weight_files.read(Flux2Config, folder)


def test_what_exists_is_not_replaced(tmp_path):
  source = _folder(tmp_path / "x")
  config, params = weight_files.read(Flux2Config, source)
  before = _all(source)
  with pytest.raises(UserError, match="x: exists"):
    weight_files.write(source, config, params, source=source)
  _same(_all(source), before)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
  source = _folder(tmp_path / "x")
  config, params = weight_files.read(Flux2Config, source)

  def full(*args):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(safetensors_io, "write_file", full)
  with pytest.raises(UserError, match="y: cannot be written .*No space left"):
    weight_files.write(str(tmp_path / "y"), config, params, source=source)
  assert os.listdir(tmp_path) == ["x"]


def test_parameters_that_do_not_fit(tmp_path):
  source = _folder(tmp_path / "x")
  config, params = weight_files.read(Flux2Config, source)
  del params["image_in/kernel"]
  with pytest.raises(UserError, match="image_in/kernel is missing"):
    weight_files.write(str(tmp_path / "y"), config, params, source=source)


def _peak():
  """Most memory this process has held, in bytes."""
  with open("/proc/self/status") as f:
    line = next(line for line in f if line.startswith("VmHWM"))
  return int(line.split()[1]) * 1024


LARGE = Flux2Config(num_double=1, num_single=3, num_heads=8)


def _measure(folder):
  """Prints how much more memory reading took than the parameters hold."""
  weight_files.read(Flux2Config, os.path.join(folder, "warm"))
  before = _peak()
  _, params = weight_files.read(Flux2Config, folder, config=LARGE)
  held = sum(p.nbytes for p in params.values())
  print(_peak() - before - held, held)


def test_reading_holds_the_parameters_and_at_most_one_tensor_more(tmp_path):
  _folder(tmp_path / "warm")
  shapes = weight_map(LARGE).stored_shapes
  dtype = np.dtype(ml_dtypes.bfloat16)
  safetensors_io.write_file(
      str(tmp_path / "diffusion_pytorch_model.safetensors"),
      {k: (s, dtype) for k, s in shapes.items()}, lambda k: np.ones(shapes[k], dtype))
  # In a process of its own, whose peak is that of reading.
  code = f"from tests.models import weight_files_test as t; t._measure('{tmp_path}')"
  result = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True,
      env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
  assert not result.returncode, result.stderr
  more, held = map(int, result.stdout.split())
  largest = max(2 * np.prod(s) for s in shapes.values())
  assert held > 8 * largest and more <= largest, (more, largest, held)
