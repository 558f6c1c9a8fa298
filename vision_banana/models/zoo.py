"""Named models, and the folder a trained one lives in.

A model folder holds `model.json` (name, sizes, flow settings, notes),
`params.safetensors` (flat 'a/b/c' keys) and `tokenizer.json`.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import safetensors.numpy
from flax import nnx

from vision_banana import folders, settings
from vision_banana.errors import UserError
from vision_banana.models import eight_bit, qwen3_text, text
from vision_banana.models.autoencoder import Autoencoder, AutoencoderConfig
from vision_banana.models.flux2 import Flux2, Flux2Config
from vision_banana.models.patches import PatchesConfig
from vision_banana.models.qwen3 import Qwen3, Qwen3Config
from vision_banana.models.text import TextConfig

Params = dict[str, Any]
WEIGHTS = "params.safetensors"
_FLOATS = ("float32", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Sizes of a whole model.

  Attributes:
    flux2: the transformer.
    text: the text encoder, nano's or klein's.
    autoencoder: of pictures; nano's learns nothing.
    image_size: edge in pixels of the pictures the model is trained on.
    num_references: reference pictures a training sample carries, and the most that
      can be given.
    any_size: whether it paints at the size of the picture it is shown, as klein can;
      else at `image_size`, and the result is resized.
  """
  flux2: Flux2Config
  text: TextConfig | Qwen3Config
  autoencoder: PatchesConfig | AutoencoderConfig = PatchesConfig()
  image_size: int = 64
  num_references: int = 1
  any_size: bool = False

  def __post_init__(self):
    if self.flux2.in_channels != self.autoencoder.channels:
      raise ValueError(
          f"flux2.in_channels must be {self.autoencoder.channels}, the channels of "
          f"the autoencoder, got {self.flux2.in_channels}.")
    if self.flux2.text_dim != self.text.features:
      raise ValueError(
          f"flux2.text_dim {self.flux2.text_dim} must equal the text encoder's "
          f"{self.text.features} channels.")

  @property
  def mask_text(self) -> bool:
    """Whether padding is hidden from the transformer; klein's reads it."""
    return isinstance(self.text, TextConfig)


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
    # FLUX.2 [klein] base 4B; the sizes of others are read from their folders.
    "klein": ModelConfig(
        flux2=Flux2Config(), text=Qwen3Config(), autoencoder=AutoencoderConfig(),
        image_size=1024, num_references=4, any_size=True),
}


def model_config(name: str, overrides: Mapping[str, Any] = {}) -> ModelConfig:
  """The sizes of `name`, with nested overrides such as {'flux2': {'num_single': 6}}.

  Raises:
    UserError: unknown name, unknown key, or sizes that do not fit together.
  """
  if name not in MODELS:
    raise UserError(f"unknown model '{name}'; known: {', '.join(MODELS)}.")
  return _from_dict(name, _merge(dataclasses.asdict(MODELS[name]), overrides))


def _merge(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
  merged = dict(base)
  for key, value in overrides.items():
    nested = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    merged[key] = _merge(base[key], value) if nested else value
  return merged


def _from_dict(name: str, sizes: Mapping[str, Any]) -> ModelConfig:
  """Sizes as JSON has them to those of `name`'s kind."""
  sizes = dict(sizes)
  for part in ("flux2", "text", "autoencoder"):
    given = sizes.get(part, {})
    if not isinstance(given, Mapping):
      raise UserError(f"model.{part}={given!r}: expected a section of keys.")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    kind = type(getattr(MODELS[name], part))
    sizes[part] = settings.build(kind, values, f"model.{part}")
  return settings.build(ModelConfig, sizes, "model")


class Network(nnx.Module):
  """Everything with parameters: transformer, text encoder, learned autoencoder."""

  def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
    encoder = Qwen3 if isinstance(config.text, Qwen3Config) else text.TextEncoder
    self.flux2 = Flux2(config.flux2, rngs)
    self.text = encoder(config.text, rngs)
    if isinstance(config.autoencoder, AutoencoderConfig):
      self.autoencoder = Autoencoder(config.autoencoder, rngs)


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
    params: nested dict of arrays.
    tokenizer: of the text encoder.
    notes: free text fields, for example how it was trained.
  """
  name: str
  config: ModelConfig
  flow: dict[str, Any]
  params: Params
  tokenizer: text.Tokenizer | qwen3_text.Tokenizer
  notes: dict[str, Any]

  def with_params(self, params: Params) -> "SavedModel":
    return dataclasses.replace(self, params=params)


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


def save_model(folder: str, saved: SavedModel, dtype: str = "float32") -> None:
  """Writes a model folder; an older one of that name is replaced, never mixed with.

  Args:
    folder: destination.
    saved: what it shall hold.
    dtype: float32, float16 or bfloat16, of the stored weights; or int8, see
      `eight_bit`.

  Raises:
    UserError: the folder cannot be written, or `dtype` is another.
  """
  if dtype not in (*_FLOATS, "int8"):
    raise UserError(f"dtype '{dtype}': use one of {', '.join(_FLOATS)}, int8.")
  flat = flatten(saved.params)
  if dtype == "int8":
    tensors = eight_bit.pack(flat)
  else:
    storage = np.dtype(getattr(ml_dtypes, dtype, dtype))
    tensors = {k: np.array(v, storage, order="C") for k, v in flat.items()}
  with folders.whole(folder, replace=True) as made:
    weights = os.path.join(made, WEIGHTS)
    safetensors.numpy.save_file(tensors, weights)
    os.chmod(weights, 0o644)  # The library makes it private.
    write_about(made, saved)


def write_about(folder: str, saved: SavedModel) -> None:
  """Writes all of a model folder but the weights."""
  about = {
      "name": saved.name, "config": dataclasses.asdict(saved.config),
      "flow": dict(saved.flow), "notes": dict(saved.notes)}
  _write(os.path.join(folder, "model.json"), json.dumps(about, indent=1) + "\n")
  _write(os.path.join(folder, "tokenizer.json"), saved.tokenizer.to_json())


def _write(path: str, content: str) -> None:
  with open(path, "w", encoding="utf-8") as f:
    f.write(content)


def read_about(folder: str) -> SavedModel:
  """Reads all of a model folder but the weights; `params` is empty.

  Raises:
    UserError: not such a folder, or a file in it is missing or corrupt.
  """
  path = os.path.join(folder, "model.json")
  try:
    with open(path, encoding="utf-8") as f:
      about = json.load(f)
    config = _from_dict(about["name"], about["config"])
    name, flow, notes = about["name"], dict(about["flow"]), dict(about["notes"])
  except FileNotFoundError as e:
    raise UserError(
        f"{folder}: not a model folder (no model.json); give 'nano' or a folder "
        "that training wrote.") from e
  except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
    raise UserError(f"{path}: corrupt ({e}); write the model again.") from e
  reader = qwen3_text if isinstance(config.text, Qwen3Config) else text
  tokenizer = reader.Tokenizer.from_file(
      os.path.join(folder, "tokenizer.json"), config.text.max_length)
  return SavedModel(name, config, flow, {}, tokenizer, notes)


def load_model(folder: str, dtype: str | None = None) -> SavedModel:
  """Reads a model folder written by `save_model`.

  Args:
    folder: to read.
    dtype: of klein's weights; None, and every other model's are: float32.

  Raises:
    UserError: not such a folder, or a file in it is missing, corrupt, or does
      not fit the sizes in model.json.
  """
  about = read_about(folder)
  weights = os.path.join(folder, WEIGHTS)
  network = flatten(nnx.to_pure_dict(nnx.state(abstract_network(about.config))))
  if dtype is None or about.name != "klein":
    dtype = "float32"
  # Batch norm's counter stays an integer.
  kinds = {k: v.dtype for k, v in network.items() if not _floating(v.dtype)}
  try:
    with safetensors.safe_open(weights, framework="numpy") as stored:
      flat = {name: value.astype(kinds.get(name, jnp.dtype(dtype))) for name, value in
              eight_bit.unpack(stored.keys(), stored.get_tensor)}
  except (OSError, ValueError, safetensors.SafetensorError) as e:
    raise UserError(
        f"{weights}: not readable ({e}); copy or write the model again.") from e
  _check_shapes(flat, network, weights)
  return about.with_params(unflatten(flat))


def _floating(dtype: Any) -> bool:
  return jnp.issubdtype(dtype, jnp.floating)


def _check_shapes(
    flat: Mapping[str, np.ndarray], network: Mapping[str, Any], path: str
) -> None:
  """Raises UserError, listing every tensor that does not fit the network's."""
  expected = {k: tuple(v.shape) for k, v in network.items()}
  problems = [f"{k} is missing" for k in expected.keys() - flat.keys()]
  problems += [f"{k} is not of this model" for k in flat.keys() - expected.keys()]
  problems += [
      f"{k} is {flat[k].shape}, not {shape}" for k, shape in expected.items()
      if k in flat and flat[k].shape != shape]
  if problems:
    raise UserError(f"{path}: does not fit model.json: {'; '.join(sorted(problems))}.")
