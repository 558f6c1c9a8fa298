"""LoRA adapters of the FLUX.2 transformer, in the files PEFT and diffusers use.

W' = W + (alpha / rank) · B·A (Hu et al. 2021). An adapter names the modules as
diffusers does, so that files go in and out as they are; where several of its
modules are one fused or stacked matrix of ours, each is added to its own part.
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from vision_banana.errors import UserError
from vision_banana.models import safetensors_io
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.weight_tables import Piece, WeightMap, weight_map

# {module: {'a': [rank, in], 'b': [out, rank]}}.
Weights = dict[str, dict[str, Any]]

METADATA = "lora_adapter_metadata"  # Key of the safetensors header.
FILE = "pytorch_lora_weights.safetensors"  # As diffusers names it.
_FILES = (FILE, "adapter_model.safetensors")
_KEY = re.compile(
    r"(?:transformer\.|base_model\.model\.)?(?P<module>.+)"
    r"\.(?:lora_(?P<side>[AB])\.weight|(?P<alpha>alpha))")
_UNSUPPORTED = ("use_dora", "use_rslora", "lora_bias")


@dataclasses.dataclass(frozen=True)
class LoraConfig:
  """Keys of `config.lora`.

  Training adds B·A to the matrices in their dtype, that of the computation. In bfloat16
  a change of less than half a unit in the last place of an entry is not seen by the
  pictures until it has grown, though A and B, in float32, keep it; and what reaches A
  and B is summed over devices in bfloat16.

  Attributes:
    rank: of every adapted matrix; 0 adapts nothing.
    alpha: the update is scaled by alpha / rank.
    targets: regular expressions, searched in the names that diffusers gives to the
      linear modules; the default takes all of the blocks' matrices.
  """
  rank: int = 0
  alpha: float = 16.0
  targets: tuple[str, ...] = (r"transformer_blocks\.",)

  def __post_init__(self):
    if self.rank < 0:
      raise ValueError(f"rank must not be negative, got {self.rank}.")
    if not np.isfinite(self.alpha):
      raise ValueError(f"alpha must be finite, got {self.alpha}.")


@dataclasses.dataclass(frozen=True)
class Adapter:
  """Attributes: weights by module, and the alpha of each."""
  weights: Weights
  alphas: Mapping[str, float]

  def scale(self, module: str) -> float:
    return self.alphas[module] / self.weights[module]["a"].shape[0]


def modules(config: Flux2Config) -> dict[str, tuple[int, int]]:
  """(out, in) of every linear module of the transformer, by diffusers' name."""
  return {
      key.removesuffix(".weight"): shape
      for key, shape in weight_map(config).stored_shapes.items() if len(shape) == 2}


def init(config: Flux2Config, lora: LoraConfig, key: jax.Array) -> Weights:
  """Fresh adapters, which change nothing: A uniform as in PEFT, B zero; float32.

  Raises:
    UserError: a target fits no module.
  """
  sizes = modules(config)
  for target in lora.targets:
    if not any(re.search(target, name) for name in sizes):
      raise UserError(f"config.lora.targets: '{target}' fits no module; names are such "
                      f"as {next(iter(sizes))}.")
  made = {}
  for i, (name, (out, features)) in enumerate(sizes.items()):
    if any(re.search(target, name) for target in lora.targets):
      bound = features ** -0.5
      a = jax.random.uniform(
          jax.random.fold_in(key, i), (lora.rank, features), minval=-bound, maxval=bound)
      made[name] = {"a": a, "b": jnp.zeros((out, lora.rank))}
  return made


def merge(params: Mapping[str, Any], adapter: Adapter, config: Flux2Config
          ) -> dict[str, jax.Array]:
  """Parameters with an adapter added; pure, to be used in a graph as well.

  Args:
    params: of the transformer by path, 'a/b/c'.
    adapter: of this transformer.
    config: its sizes.

  Returns:
    All parameters, dtypes as they were; the product is computed in float32.
  """
  wanted = weight_map(config)
  return {path: _merged(value, path, adapter, wanted) for path, value in params.items()}


def _merged(value, path: str, adapter: Adapter, wanted: WeightMap):
  pieces = wanted.by_path[path]
  if not any(_module(piece) in adapter.weights for piece in pieces):
    return value
  matrices = [_added(value if layer is None else value[layer],
                     [p for p in pieces if p.layer == layer], adapter)
              for layer in dict.fromkeys(p.layer for p in pieces)]
  # Whole matrices side by side, not parts put into one that is there: the second, on
  # a mesh, has every device gather it.
  return matrices[0] if pieces[0].layer is None else jnp.stack(matrices)


def _module(piece: Piece) -> str:
  return piece.key.removesuffix(".weight")


def _added(value, pieces: list[Piece], adapter: Adapter):
  """One matrix [in, out] with what an adapter has for its `pieces`."""
  changes = []
  for piece in sorted(pieces, key=lambda p: p.start):
    pair = adapter.weights.get(_module(piece))
    if pair is None:
      changes.append(jnp.zeros((value.shape[0], piece.size)))
      continue
    a, b = (jnp.asarray(pair[side]).astype(jnp.float32) for side in "ab")
    rows = b[piece.row:piece.row + piece.size]
    changes.append(adapter.scale(_module(piece)) * jnp.matmul(
        rows, a, precision=jax.lax.Precision.HIGHEST).T)
  change = changes[0] if len(changes) == 1 else jnp.concatenate(changes, 1)
  return (jnp.asarray(value).astype(jnp.float32) + change).astype(value.dtype)


def read(path: str, config: Flux2Config) -> Adapter:
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
  sizes, problems = modules(config), []
  weights: Weights = {}
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
  return Adapter(weights, {
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


def write(path: str, adapter: Adapter) -> None:
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
