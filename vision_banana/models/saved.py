"""Model folders of any kind."""

import os

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, orbax_folder, zoo


def read(folder: str, dtype: str | None = None) -> zoo.SavedModel:
  """What a model folder holds.

  Args:
    folder: that training or `vision-banana convert` wrote, or a diffusers folder of
      FLUX.2 [klein].
    dtype: of klein's weights, 'float32' or 'bfloat16'; None keeps what is stored.
      nano's are always float32.

  Raises:
    UserError: no such folder, a damaged one, or an unknown dtype.
  """
  if dtype not in (None, "float32", "bfloat16"):
    raise UserError(f"dtype '{dtype}': use float32 or bfloat16.")
  if os.path.exists(os.path.join(folder, klein_folder.INDEX)):
    return klein_folder.read(folder, dtype=dtype)
  if os.path.isdir(os.path.join(folder, orbax_folder.PARAMS)):
    return orbax_folder.read(folder, dtype=dtype)
  return zoo.load_model(folder)
