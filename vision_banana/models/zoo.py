"""Named models, and the folder a trained one lives in.

A model folder holds `model.json` (name, sizes, flow settings, notes),
`params.safetensors` (flat 'a/b/c' keys) and `tokenizer.json`.
"""

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import jax
import ml_dtypes
import numpy as np
import safetensors.numpy
from flax import nnx

from vision_banana import settings
from vision_banana.errors import UserError
from vision_banana.models import text
from vision_banana.models.flux2 import Flux2, Flux2Config
from vision_banana.models.patches import PatchesConfig
from vision_banana.models.text import TextConfig

Params = dict[str, Any]
_FLOATS = ("float32", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Sizes of a whole model.

  Attributes:
    flux2: the transformer.
    text: the text encoder.
    patches: the image autoencoder.
    image_size: edge in pixels of the pictures the model is trained on.
    num_references: reference pictures a training sample carries.
  """
  flux2: Flux2Config
  text: TextConfig
  patches: PatchesConfig = PatchesConfig()
  image_size: int = 64
  num_references: int = 1

  def __post_init__(self):
    if self.flux2.in_channels != 3 * self.patches.size**2:
      raise ValueError(
          f"flux2.in_channels must be {3 * self.patches.size**2} for patches of "
          f"{self.patches.size}, got {self.flux2.in_channels}.")
    if self.flux2.text_dim != self.text.width:
      raise ValueError(
          f"flux2.text_dim {self.flux2.text_dim} must equal text.width "
          f"{self.text.width}.")


MODELS = {
    "nano": ModelConfig(
        flux2=Flux2Config(
            in_channels=192, text_dim=192, num_double=1, num_single=4,
            num_heads=3, rope_axes=(8, 24, 24, 8), unroll=4),
        text=TextConfig()),
    # For tests: compiles in seconds, learns nothing worth keeping.
    "debug": ModelConfig(
        flux2=Flux2Config(
            in_channels=192, text_dim=16, num_double=1, num_single=1,
            num_heads=2, rope_axes=(2, 2, 2, 2), timestep_channels=16),
        text=TextConfig(
            vocab_size=258, max_length=48, width=16, num_layers=1, num_heads=2),
        image_size=16),
}


def model_config(name: str, overrides: Mapping[str, Any] = {}) -> ModelConfig:
  """The sizes of `name`, with nested overrides such as {'flux2': {'num_single': 6}}.

  Raises:
    UserError: unknown name, unknown key, or sizes that do not fit together.
  """
  if name not in MODELS:
    raise UserError(f"unknown model '{name}'; known: {', '.join(MODELS)}.")
  return _from_dict(_merge(dataclasses.asdict(MODELS[name]), overrides))


def _merge(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
  merged = dict(base)
  for key, value in overrides.items():
    nested = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    merged[key] = _merge(base[key], value) if nested else value
  return merged


def _from_dict(sizes: Mapping[str, Any]) -> ModelConfig:
  sizes = dict(sizes)
  if "rope_axes" in sizes.get("flux2", {}):
    axes = tuple(sizes["flux2"]["rope_axes"])
    sizes["flux2"] = {**sizes["flux2"], "rope_axes": axes}
  return settings.build(ModelConfig, sizes, "model")


class Network(nnx.Module):
  """Everything with parameters: the transformer and its text encoder."""

  def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
    self.flux2 = Flux2(config.flux2, rngs)
    self.text = text.TextEncoder(config.text, rngs)


def abstract_network(config: ModelConfig) -> Network:
  """The network with shapes in place of arrays."""
  return nnx.eval_shape(lambda: Network(config, nnx.Rngs(0)))


@dataclasses.dataclass(frozen=True)
class SavedModel:
  """What a model folder holds.

  Attributes:
    name: key of `MODELS`.
    config: sizes.
    flow: settings of the flow generator, a plain dict.
    params: nested dict of float32 numpy arrays.
    tokenizer: of the text encoder.
    notes: free text fields, for example how it was trained.
  """
  name: str
  config: ModelConfig
  flow: dict[str, Any]
  params: Params
  tokenizer: text.Tokenizer
  notes: dict[str, Any]


def flatten(params: Params) -> dict[str, Any]:
  """Nested dict to {'a/b/c': leaf}."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(params)
  return {"/".join(str(k.key) for k in path): leaf for path, leaf in leaves}


def unflatten(flat: Mapping[str, Any]) -> Params:
  """{'a/b/c': leaf} to a nested dict."""
  nested: Params = {}
  for path, leaf in flat.items():
    *parents, last = path.split("/")
    node = nested
    for key in parents:
      node = node.setdefault(key, {})
    node[last] = leaf
  return nested


def save_model(
    folder: str,
    *,
    name: str,
    config: ModelConfig,
    flow: Mapping[str, Any],
    params: Params,
    tokenizer: text.Tokenizer,
    notes: Mapping[str, Any],
    dtype: str = "float32",
) -> None:
  """Writes a model folder; an older one of that name is replaced, never mixed with.

  Args:
    folder: destination.
    name: key of `MODELS` the sizes derive from.
    config: sizes.
    flow: settings of the flow generator (JSON values).
    params: nested dict of arrays.
    tokenizer: of the text encoder.
    notes: JSON values kept in model.json.
    dtype: float32, float16 or bfloat16, of the stored weights.

  Raises:
    UserError: the folder cannot be written, or `dtype` is another.
  """
  if dtype not in _FLOATS:
    raise UserError(f"dtype '{dtype}': use one of {', '.join(_FLOATS)}.")
  storage = np.dtype(getattr(ml_dtypes, dtype, dtype))
  tensors = {
      k: np.ascontiguousarray(np.asarray(v).astype(storage))
      for k, v in flatten(params).items()}
  about = {
      "name": name, "config": dataclasses.asdict(config), "flow": dict(flow),
      "notes": dict(notes)}
  folder = os.path.abspath(folder)
  temporary = ""
  try:
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".model-", dir=os.path.dirname(folder))
    weights = os.path.join(temporary, "params.safetensors")
    safetensors.numpy.save_file(tensors, weights)
    os.chmod(weights, 0o644)  # The library makes it private.
    _write(os.path.join(temporary, "model.json"), json.dumps(about, indent=1) + "\n")
    _write(os.path.join(temporary, "tokenizer.json"), tokenizer.to_json())
    os.chmod(temporary, 0o755)
    if os.path.isdir(folder):
      old = temporary + ".old"
      os.rename(folder, old)
      os.rename(temporary, folder)
      shutil.rmtree(old)
    else:
      os.rename(temporary, folder)
  except OSError as e:
    raise UserError(f"{folder}: cannot write the model ({e.strerror}); free space "
                    "or choose another folder.") from e
  finally:
    if temporary:
      shutil.rmtree(temporary, ignore_errors=True)


def _write(path: str, content: str) -> None:
  with open(path, "w", encoding="utf-8") as f:
    f.write(content)


def load_model(folder: str) -> SavedModel:
  """Reads a model folder written by `save_model`.

  Raises:
    UserError: not such a folder, or a file in it is missing, corrupt, or does
      not fit the sizes in model.json.
  """
  path = os.path.join(folder, "model.json")
  try:
    with open(path, encoding="utf-8") as f:
      about = json.load(f)
    config = _from_dict(about["config"])
    name, flow, notes = about["name"], dict(about["flow"]), dict(about["notes"])
  except FileNotFoundError as e:
    raise UserError(
        f"{folder}: not a model folder (no model.json); give 'nano' or a folder "
        "that training wrote.") from e
  except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
    raise UserError(f"{path}: corrupt ({e}); write the model again.") from e
  tokenizer = text.Tokenizer.from_file(
      os.path.join(folder, "tokenizer.json"), config.text.max_length)
  weights = os.path.join(folder, "params.safetensors")
  try:
    flat = safetensors.numpy.load_file(weights)
  except (OSError, safetensors.SafetensorError) as e:
    raise UserError(
        f"{weights}: not readable ({e}); copy or write the model again.") from e
  _check_shapes(flat, config, weights)
  params = unflatten({k: np.asarray(v, np.float32) for k, v in flat.items()})
  return SavedModel(name, config, flow, params, tokenizer, notes)


def _check_shapes(
    flat: Mapping[str, np.ndarray], config: ModelConfig, path: str
) -> None:
  """Raises UserError, listing every tensor that does not fit the sizes."""
  expected = {
      k: tuple(v.shape)
      for k, v in flatten(nnx.to_pure_dict(nnx.state(abstract_network(config)))).items()}
  problems = [f"{k} is missing" for k in expected.keys() - flat.keys()]
  problems += [f"{k} is not of this model" for k in flat.keys() - expected.keys()]
  problems += [
      f"{k} is {flat[k].shape}, not {shape}" for k, shape in expected.items()
      if k in flat and flat[k].shape != shape]
  if problems:
    raise UserError(f"{path}: does not fit model.json: {'; '.join(sorted(problems))}.")
