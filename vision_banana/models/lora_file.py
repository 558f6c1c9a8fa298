"""Files of LoRA adapters, as PEFT and diffusers write and read them."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from vision_banana.errors import UserError
from vision_banana.models import lora, safetensors_io
from vision_banana.models.flux2 import Flux2Config

METADATA = "lora_adapter_metadata"  # Key of the safetensors header.
FILE = "pytorch_lora_weights.safetensors"  # As diffusers names it.
_FILES = (FILE, "adapter_model.safetensors")
_KEY = re.compile(
    r"(?:transformer\.|base_model\.model\.)?(?P<module>.+)"
    r"\.(?:lora_(?P<side>[AB])\.weight|(?P<alpha>alpha))")
_UNSUPPORTED = ("use_dora", "use_rslora", "lora_bias")


def read(path: str, config: Flux2Config) -> lora.Adapter:
  """Reads an adapter.

  Args:
    path: a safetensors file, or a folder with one as diffusers or PEFT names it.
    config: sizes of the transformer it is for.

  Raises:
    UserError: no such file, a damaged one, or one that does not fit the
      transformer: every key that is unknown, alone, or of another shape is listed.
  """
  folder = path if os.path.isdir(path) else os.path.dirname(path)
  if os.path.isdir(path):
    found = [f for f in _FILES if os.path.isfile(os.path.join(path, f))]
    if not found:
      raise UserError(f"{path}: no {' or '.join(_FILES)}; give the adapter's file.")
    path = os.path.join(path, found[0])
  tensors = safetensors_io.open_tensors(path)
  settings = _settings(path, folder)
  sizes, problems = lora.modules(config), []
  weights: lora.Weights = {}
  alphas: dict[str, float] = {}
  for key, tensor in tensors.items():
    match = _KEY.fullmatch(key)
    if not match or match["module"] not in sizes:
      problems.append(f"{key} is not of this transformer")
    elif match["alpha"]:
      alphas[match["module"]] = float(tensor.read().reshape(()))
    else:
      weights.setdefault(match["module"], {})[match["side"].lower()] = tensor
  for module, pair in weights.items():
    if pair.keys() != {"a", "b"}:
      problems.append(f"{module} has only one of lora_A and lora_B")
      continue
    out, features = sizes[module]
    rank = pair["a"].shape[0]
    for side, shape in (("a", (rank, features)), ("b", (out, rank))):
      if tuple(pair[side].shape) != shape or not rank:
        problems.append(f"{module}.lora_{side.upper()} is {list(pair[side].shape)}, "
                        f"not {list(shape)}")
  problems += [f"{m} has an alpha and no weights" for m in alphas.keys() - weights.keys()]
  problems += [f"{k}: true is not supported" for k in _UNSUPPORTED if settings.get(k)]
  if problems or not weights:
    raise UserError(f"{path}: not an adapter of this transformer: "
                    f"{'; '.join(sorted(problems)) or 'it is empty'}.")
  weights = {m: {s: t.read() for s, t in pair.items()} for m, pair in weights.items()}
  return lora.Adapter(weights, {
      m: alphas.get(m, _alpha(settings, m, pair["a"].shape[0]))
      for m, pair in weights.items()})


def _settings(path: str, folder: str) -> dict[str, Any]:
  """What the file's header or an adapter_config.json beside it says."""
  with safetensors.safe_open(path, "np") as f:
    text = (f.metadata() or {}).get(METADATA)
  if text is None:
    beside = os.path.join(folder, "adapter_config.json")
    return safetensors_io.read_json(beside) if os.path.isfile(beside) else {}
  try:
    return {k.removeprefix("transformer."): v for k, v in json.loads(text).items()}
  except (ValueError, AttributeError) as e:
    raise UserError(f"{path}: its {METADATA} is not readable; save it again.") from e


def _alpha(settings: Mapping[str, Any], module: str, rank: int) -> float:
  """As PEFT: the first pattern that fits the end of the name, then the common one."""
  for pattern, alpha in settings.get("alpha_pattern", {}).items():
    if re.match(rf"(.*\.)?({pattern})$", module):
      return float(alpha)
  return float(settings.get("lora_alpha", rank))


def write(path: str, adapter: lora.Adapter) -> None:
  """Writes an adapter that diffusers' `load_lora_weights` reads.

  Args:
    path: of a safetensors file; it appears when it is whole.
    adapter: of a transformer.

  Raises:
    UserError: the file cannot be written.
  """
  ranks = {m: int(pair["a"].shape[0]) for m, pair in adapter.weights.items()}
  rank, alpha = next(iter(ranks.values())), next(iter(adapter.alphas.values()))
  about = {
      "r": rank, "lora_alpha": alpha, "target_modules": sorted(ranks),
      "rank_pattern": {m: r for m, r in sorted(ranks.items()) if r != rank},
      "alpha_pattern": {m: a for m, a in sorted(adapter.alphas.items()) if a != alpha}}
  metadata = {"format": "pt", METADATA: json.dumps(
      {f"transformer.{k}": v for k, v in about.items()}, sort_keys=True)}
  tensors = {
      f"transformer.{m}.lora_{side.upper()}.weight": np.ascontiguousarray(value)
      for m, pair in adapter.weights.items() for side, value in pair.items()}
  temporary = f"{path}.{os.getpid()}.tmp"
  try:
    safetensors.numpy.save_file(tensors, temporary, metadata=metadata)
    os.chmod(temporary, 0o644)  # The library makes it private.
    os.replace(temporary, path)
  except (OSError, safetensors.SafetensorError) as e:
    raise UserError(f"{path}: cannot be written ({e}); choose another file.") from e
  finally:
    if os.path.exists(temporary):
      os.remove(temporary)
