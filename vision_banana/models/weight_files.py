"""Networks in the files they are published in: read, and written back.

A network lives in a component folder, as diffusers and transformers write them:
config.json and safetensors, in one file or in shards.
"""

import os
import shutil
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from vision_banana import folders
from vision_banana.errors import UserError
from vision_banana.models import reference_configs, safetensors_io, weights
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.weight_tables import weight_map

T = TypeVar("T")

# klein 4B and 9B: what a single file, which has no config.json, may be.
KLEIN = (
    Flux2Config(),
    Flux2Config(num_double=8, num_single=24, num_heads=32, text_dim=12288))


def read(
    kind: type[T],
    path: str,
    *,
    config: T | None = None,
    dtype: Any = None,
    sharding: weights.ShardingRule | None = None,
) -> tuple[T, dict[str, jax.Array]]:
  """Reads a network from where it was published.

  Args:
    kind: Flux2Config, AutoencoderConfig or Qwen3Config: what should be there.
    path: a component folder of diffusers, such as 'klein/transformer', or the
      klein transformer as a single safetensors file under its original names.
    config: the sizes, where they shall not be read from config.json.
    dtype: of the parameters; None keeps the stored one.
    sharding: as for `weights.to_ours`.

  Returns:
    The sizes, and the parameters {'a/b/c': array}.

  Raises:
    UserError: no such network there, or a damaged one.
  """
  tensors = safetensors_io.open_tensors(path)
  single_file = kind is Flux2Config and "img_in.weight" in tensors
  if config is None and single_file:
    width = tensors["img_in.weight"].shape[0]
    config = next((c for c in KLEIN if c.width == width), None)
    if config is None:
      raise UserError(f"{path}: width {width} is neither klein 4B nor 9B; give the "
                      "diffusers folder of this model.")
  if config is None:
    if not os.path.isdir(path):
      raise UserError(f"{path}: not a transformer under its original names; give "
                      "the component folder, with its config.json.")
    config = reference_configs.read_config(kind, path)
  wanted = weight_map(config, single_file=single_file)
  return config, weights.to_ours(
      tensors, wanted, dtype=dtype, sharding=sharding, where=path)


def write(
    folder: str,
    config: Any,
    params: Mapping[str, Any],
    *,
    source: str,
    dtype: Any = None,
) -> None:
  """Writes a component folder that diffusers or transformers loads.

  Configuration, names of files and division into shards are those of `source`,
  and so are tensors that our network has no use for.

  Args:
    folder: destination; must not exist, and appears when it is whole.
    config: sizes of the network.
    params: arrays by path, all of them addressable by this process.
    source: the component folder that the network was read from.
    dtype: of the tensors; None keeps that of the parameters.

  Raises:
    UserError: the source or the parameters do not fit the sizes, the destination
      exists or cannot be written.
  """
  wanted = weight_map(config)
  if not os.path.isfile(os.path.join(source, "config.json")):
    raise UserError(f"{source}: not a component folder (no config.json); give the "
                    "diffusers folder that the model came from.")
  stored = safetensors_io.open_tensors(source)
  weights.check(stored, wanted, source)
  weights.check_params(params, wanted)

  def spec(key: str) -> tuple[tuple[int, ...], np.dtype]:
    if key in wanted.ignored:
      return stored[key].shape, stored[key].dtype
    ours = params[wanted.by_key[key][0].path].dtype
    return stored[key].shape, weights.published_dtype(key, ours, dtype)

  def tensor(key: str) -> np.ndarray:
    if key in wanted.ignored:
      return stored[key].read()
    return weights.published(params, wanted, key, dtype)

  files = safetensors_io.layout(source)
  with folders.whole(folder, replace=False) as made:
    total = sum(
        safetensors_io.write_file(
            os.path.join(made, name), {k: spec(k) for k in keys}, tensor)
        for name, keys in files.items())
    for name in os.listdir(source):
      if name.endswith(safetensors_io.INDEX):
        safetensors_io.write_index(os.path.join(made, name), files, total)
      elif name.endswith(".json"):
        shutil.copyfile(os.path.join(source, name), os.path.join(made, name))
