"""Adapter files: there and back, the layouts of others, and what is refused."""

import json
import pathlib

import jax
import numpy as np
import pytest
import safetensors.numpy

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, lora_file

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens"
FILE = GOLDENS / "klein_lora_file.safetensors"


@pytest.fixture(scope="module")
def config():
  return klein_folder.read(str(GOLDENS / "klein")).config.flux2


def test_written_file_is_what_was_read(config, tmp_path):
  adapter = lora_file.read(str(FILE), config)
  lora_file.write(str(tmp_path / "pytorch_lora_weights.safetensors"), adapter)
  again = lora_file.read(str(tmp_path), config)  # A folder will do.
  assert again.alphas == adapter.alphas
  jax.tree.map(np.testing.assert_array_equal, again.weights, adapter.weights)
  # The file that `make goldens` has diffusers load; written by this very call.
  written = tmp_path / "pytorch_lora_weights.safetensors"
  assert _parsed(written) == _parsed(GOLDENS / "klein_lora_ours.safetensors")
  with pytest.raises(UserError, match="cannot be written"):
    lora_file.write(str(tmp_path / "no" / "a.safetensors"), adapter)


def _parsed(path):
  """Header and data of a file; the library writes the header's keys in any order."""
  content = path.read_bytes()
  end = 8 + int.from_bytes(content[:8], "little")
  return json.loads(content[8:end]), content[end:]


def test_peft_s_own_layout_and_alpha_tensors(config, tmp_path):
  tensors = safetensors.numpy.load_file(FILE)
  module = "transformer_blocks.0.attn.to_q"
  plain = {k.replace("transformer.", "base_model.model.", 1): v
           for k, v in tensors.items() if f".{module}." in k}
  assert len(plain) == 2
  safetensors.numpy.save_file(plain, tmp_path / "adapter_model.safetensors")
  assert lora_file.read(str(tmp_path), config).alphas == {module: 3.0}  # The rank.
  (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 12}))
  assert lora_file.read(str(tmp_path), config).alphas == {module: 12.0}
  plain[f"{module}.alpha"] = np.full((), 9, np.float32)
  safetensors.numpy.save_file(plain, tmp_path / "adapter_model.safetensors")
  assert lora_file.read(str(tmp_path), config).alphas == {module: 9.0}
  (tmp_path / "adapter_config.json").write_text(json.dumps({"use_dora": True}))
  with pytest.raises(UserError, match="use_dora: true is not supported"):
    lora_file.read(str(tmp_path), config)


@pytest.mark.parametrize("change, message", [
    (lambda t: t | {"transformer.nothing.lora_A.weight": np.ones((2, 2), np.float32)},
     "nothing.lora_A.weight is not of this transformer"),
    (lambda t: {k: v for k, v in t.items() if "lora_B" not in k}, "only one of"),
    (lambda t: {k: v[:, :-1] for k, v in t.items()}, r"lora_A is \[3, 31\], not"),
    (lambda t: {"transformer.proj_out.alpha": np.full((), 1, np.float32)}, "alpha and no weights"),
])
def test_what_does_not_fit_is_listed(config, tmp_path, change, message):
  path = tmp_path / "bad.safetensors"
  safetensors.numpy.save_file(
      {k: np.ascontiguousarray(v)
       for k, v in change(safetensors.numpy.load_file(FILE)).items()}, path)
  with pytest.raises(UserError, match=message) as e:
    lora_file.read(str(path), config)
  assert "\n" not in str(e.value)


def test_files_that_are_none(config, tmp_path):
  with pytest.raises(UserError, match="no pytorch_lora_weights.safetensors or"):
    lora_file.read(str(tmp_path), config)
  for name, content in (("cut.safetensors", FILE.read_bytes()[:5000]),
                        ("adapter.bin", b"\x80\x04"), ("text.safetensors", b"hello")):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as e:
      lora_file.read(str(tmp_path / name), config)
    assert name in str(e.value) and "\n" not in str(e.value)
