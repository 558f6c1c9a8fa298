"""Model folders of any kind."""

import os

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, lora_file, orbax_folder, weights, zoo
from vision_banana.models import lora as lora_lib


def read(folder: str, dtype: str | None = None, lora: str | None = None, *,
         sharding: weights.ShardingRule | None = None) -> zoo.SavedModel:
  """What a model folder holds.

  Args:
    folder: that training or `vision-banana convert` wrote, or a diffusers folder of
      FLUX.2 [klein].
    dtype: of klein's weights, 'float32' or 'bfloat16'; None keeps what is stored (by
      training float32). nano's are always float32.
    lora: an adapter to merge in, see `lora_file.read`.
    sharding: of klein's weights, see `weights.to_ours`. A folder that training wrote
      gives numpy arrays.

  Raises:
    UserError: no such folder, a damaged one, an unknown dtype, or an adapter that is
      not of this model.
  """
  if dtype not in (None, "float32", "bfloat16"):
    raise UserError(f"dtype '{dtype}': use float32 or bfloat16.")
  if os.path.exists(os.path.join(folder, klein_folder.INDEX)):
    found = klein_folder.read(folder, dtype=dtype, sharding=sharding)
  elif os.path.isdir(os.path.join(folder, orbax_folder.PARAMS)):
    found = orbax_folder.read(folder, dtype=dtype, sharding=sharding)
  else:
    found = zoo.load_model(folder, dtype)
  if not lora:
    return found
  config = found.config.flux2
  flat = lora_lib.merge(
      zoo.flatten(found.params["flux2"]), lora_file.read(lora, config), config)
  return found.with_params({**found.params, "flux2": zoo.unflatten(flat)})
