"""FLUX.2 [klein] as diffusers publishes it: a folder with a part for each network.

Reference: what `Flux2KleinPipeline.save_pretrained` writes and `from_pretrained`
reads: model_index.json, scheduler/, tokenizer/, and transformer/, vae/ and
text_encoder/ with their weights.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from typing import Any

from vision_banana import folders
from vision_banana.errors import UserError
from vision_banana.models import qwen3_text, safetensors_io, weight_files, weights, zoo
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config

INDEX = "model_index.json"
# Field of ModelConfig (and name in the parameters) → subfolder and sizes.
PARTS = {"flux2": ("transformer", Flux2Config), "text": ("text_encoder", Qwen3Config),
         "autoencoder": ("vae", AutoencoderConfig)}
_PIPELINE = "Flux2KleinPipeline"
# What the sampler does; a scheduler that says otherwise is another model's.
_SCHEDULER = {"use_dynamic_shifting": True, "time_shift_type": "exponential"}


def flow_settings(distilled: bool) -> dict[str, Any]:
  """Settings of the flow generator: 4 steps without guidance, or 50 with."""
  steps, guidance = (4, 1.0) if distilled else (50, 4.0)
  # Levels around the middle; the floor leaves the plain velocity loss.
  return {"prediction": "v", "schedule": "flux2", "level_mean": 0.0, "level_sd": 1.0,
          "level_floor": 0.01, "steps": steps, "perception_steps": steps,
          "guidance": guidance}


def read(
    folder: str, *, dtype: Any = None, sharding: weights.ShardingRule | None = None,
    transformer: str | None = None,
) -> zoo.SavedModel:
  """Reads a klein.

  Args:
    folder: with a model_index.json.
    dtype: of the parameters; None keeps the stored ones.
    sharding: as for `weights.to_ours`; paths begin with the field of ModelConfig.
    transformer: a file or component folder to take it from instead.

  Raises:
    UserError: a part is missing or damaged, or it is another model.
  """
  index = safetensors_io.read_json(os.path.join(folder, INDEX))
  if index.get("_class_name") != _PIPELINE:
    raise UserError(f"{folder}: model_index.json is of {index.get('_class_name')}, "
                    f"not {_PIPELINE}; give a folder of FLUX.2 [klein].")
  _check_scheduler(os.path.join(folder, "scheduler", "scheduler_config.json"))
  tokenizer = qwen3_text.Tokenizer.from_file(
      os.path.join(folder, "tokenizer", "tokenizer.json"))
  sizes, flat = {}, {}
  for part, (name, kind) in PARTS.items():
    rule = None
    if sharding is not None:
      rule = lambda path, shape, part=part: sharding(f"{part}/{path}", shape)
    path = os.path.join(folder, name)
    if part == "flux2" and transformer:
      path = transformer
    sizes[part], params = weight_files.read(kind, path, dtype=dtype, sharding=rule)
    flat |= {f"{part}/{path}": value for path, value in params.items()}
  try:
    config = dataclasses.replace(zoo.MODELS["klein"], **sizes)
  except ValueError as e:
    raise UserError(f"{folder}: its parts do not fit together: {e}") from e
  distilled = bool(index.get("is_distilled", False))
  return zoo.SavedModel(
      "klein", config, flow_settings(distilled), zoo.unflatten(flat), tokenizer,
      {"source": os.path.abspath(folder), "distilled": distilled})


def write(
    folder: str, config: zoo.ModelConfig, params: Mapping[str, Any], *, source: str,
    dtype: Any = None,
) -> None:
  """Writes a folder that `Flux2KleinPipeline.from_pretrained` loads.

  Args:
    folder: destination; must not exist, and appears when it is whole.
    config: sizes.
    params: nested dict of arrays, all addressable by this process.
    source: the folder that the model came from: configurations, tokenizer, and the
      tensors that our networks have no use for are taken from it.
    dtype: of the tensors; None keeps that of the parameters.

  Raises:
    UserError: the source does not fit the model, or the destination exists or
      cannot be written.
  """
  if not os.path.isfile(os.path.join(source, INDEX)):
    raise UserError(f"{source}: not a diffusers folder (no {INDEX}); give the folder "
                    "that the model came from.")
  for name in ("scheduler", "tokenizer"):
    if not os.path.isdir(os.path.join(source, name)):
      raise UserError(f"{source}: {name}/ is missing; download the folder again.")
  with folders.whole(folder, replace=False) as made:
    for name in ("scheduler", "tokenizer"):
      shutil.copytree(os.path.join(source, name), os.path.join(made, name))
    shutil.copyfile(os.path.join(source, INDEX), os.path.join(made, INDEX))
    for part, (name, _) in PARTS.items():
      weight_files.write(
          os.path.join(made, name), getattr(config, part), zoo.flatten(params[part]),
          source=os.path.join(source, name), dtype=dtype)


def _check_scheduler(path: str) -> None:
  config = safetensors_io.read_json(path)
  for key, value in _SCHEDULER.items():
    if config.get(key) != value:
      raise UserError(f"{path}: {key} is {config.get(key)}, klein samples with "
                      f"{value}; give a folder of FLUX.2 [klein].")
