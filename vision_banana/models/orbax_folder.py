"""A model folder whose weights are an orbax checkpoint, for large models.

It holds `model.json` and `tokenizer.json` as a small model's folder does (see
`zoo.save_model`), and `params/`, of which a host reads what `sharding` gives it: by
itself all, onto one device.
"""

import os
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx

from vision_banana import folders
from vision_banana.errors import UserError
from vision_banana.models import weights, zoo

PARAMS = "params"


def write(folder: str, saved: zoo.SavedModel) -> None:
  """Writes a folder; it must not exist, and appears when it is whole.

  Raises:
    UserError: it exists or cannot be written.
  """
  with folders.whole(folder, replace=False) as made:
    zoo.write_about(made, saved)
    with ocp.StandardCheckpointer() as checkpointer:
      checkpointer.save(os.path.join(made, PARAMS), saved.params)


def read(
    folder: str, *, dtype: Any = None, sharding: weights.ShardingRule | None = None
) -> zoo.SavedModel:
  """Reads a folder that `write` wrote.

  Args:
    folder: with model.json and params/.
    dtype: of floating parameters; None keeps the stored ones.
    sharding: gives the sharding of a path and shape; None puts all on the first
      device of this process.

  Raises:
    UserError: not such a folder, or damaged.
  """
  about = zoo.read_about(folder)
  network = nnx.state(zoo.abstract_network(about.config))
  wanted = zoo.flatten(nnx.to_pure_dict(network))
  rule = sharding or weights.on(jax.local_devices()[0])
  path = os.path.join(os.path.abspath(folder), PARAMS)
  try:
    with ocp.StandardCheckpointer() as checkpointer:
      stored = zoo.flatten(checkpointer.metadata(path).item_metadata.tree)
      _check(stored, wanted, path)
      targets = {
          k: jax.ShapeDtypeStruct(
              v.shape, _kind(stored[k].dtype, dtype), sharding=rule(k, v.shape))
          for k, v in wanted.items()}
      params = checkpointer.restore(path, zoo.unflatten(targets))
  except UserError:
    raise
  except Exception as e:  # Damage shows as any exception of any reader.
    raise UserError(f"{path}: not readable ({type(e).__name__}); copy or convert the "
                    "model again.") from e
  return about.with_params(params)


def _kind(stored: np.dtype, dtype: Any) -> np.dtype:
  floating = jax.numpy.issubdtype(stored, jax.numpy.floating)
  return np.dtype(dtype) if dtype and floating else np.dtype(stored)


def _check(stored: dict[str, Any], wanted: dict[str, Any], path: str) -> None:
  problems = [f"{k} is missing" for k in wanted.keys() - stored.keys()]
  problems += [f"{k} is not of this model" for k in stored.keys() - wanted.keys()]
  problems += [
      f"{k} is {list(stored[k].shape)}, not {list(v.shape)}" for k, v in wanted.items()
      if k in stored and tuple(stored[k].shape) != tuple(v.shape)]
  if problems:
    raise UserError(
        f"{path}: does not fit model.json: {'; '.join(sorted(problems))}.")
