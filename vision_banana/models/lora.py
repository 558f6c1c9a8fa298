"""LoRA adapters of the FLUX.2 transformer: beside its matrices, and merged into them.

W' = W + (alpha / rank) · B·A (Hu et al. 2021). An adapter names the modules as
diffusers does, so that files go in and out as they are (`lora_file`); where several
of its modules are one fused or stacked matrix of ours, each is of its own part.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vision_banana import settings
from vision_banana.errors import UserError
from vision_banana.models import layers, sharding
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.weight_tables import Piece, WeightMap, weight_map

# {module: {'a': [rank, in], 'b': [out, rank]}}.
Weights = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class LoraConfig:
  """Keys of `config.lora`.

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
    settings.check_patterns("targets", self.targets)

  def adapts(self, module: str) -> bool:
    """Whether a linear module, by diffusers' name, is one of the targets."""
    return any(re.search(target, module) for target in self.targets)


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
    if lora.adapts(name):
      bound = features ** -0.5
      a = jax.random.uniform(
          jax.random.fold_in(key, i), (lora.rank, features), minval=-bound, maxval=bound)
      made[name] = {"a": a, "b": jnp.zeros((out, lora.rank))}
  return made


def attach(params: Mapping[str, Any], adapter: Adapter, config: Flux2Config
           ) -> dict[str, layers.Kernel]:
  """Parameters with an adapter beside the matrices, as it is trained; pure.

  Args:
    params: of the transformer by path, 'a/b/c'.
    adapter: of this transformer; float32, or what its gradients shall be in.
    config: its sizes.

  Returns:
    All parameters; what the adapter changes as `layers.LowRank`, whose `b` holds the
    scale. Modules that are fused have ranks of their own in it.
  """
  wanted = weight_map(config)
  return {path: _attached(value, wanted.by_path[path], adapter)
          for path, value in params.items()}


def _attached(value, pieces: Sequence[Piece], adapter: Adapter) -> layers.Kernel:
  # The same rank in every layer, by where a module lies in the matrix.
  ranks = {p.start: 0 for p in sorted(pieces, key=lambda p: p.start)}
  for piece in pieces:
    if pair := adapter.weights.get(_module(piece)):
      ranks[piece.start] = max(ranks[piece.start], pair["a"].shape[0])
  if not any(ranks.values()):
    return value
  features = value.shape[-2]
  ends = dict(zip(ranks, np.cumsum(list(ranks.values())).tolist()))
  sides = []
  for layer in dict.fromkeys(p.layer for p in pieces):
    down, up = [], []
    for piece in sorted((p for p in pieces if p.layer == layer), key=lambda p: p.start):
      rank, end = ranks[piece.start], ends[piece.start]
      pair = adapter.weights.get(_module(piece))
      if pair is None:
        a, b = jnp.zeros((0, features)), jnp.zeros((piece.size, 0))
      else:
        a, b = jnp.asarray(pair["a"]), jnp.asarray(pair["b"])
        b = adapter.scale(_module(piece)) * b[piece.row:piece.row + piece.size]
      fill = rank - len(a)
      down.append(jnp.pad(a.T, ((0, 0), (0, fill))))
      up.append(jnp.pad(b.T, ((end - rank, sum(ranks.values()) - end + fill), (0, 0))))
    sides.append((jnp.concatenate(down, 1), jnp.concatenate(up, 1)))
  a, b = (jnp.stack(side) for side in zip(*sides))
  if pieces[0].layer is None:
    a, b = a[0], b[0]
  # Split as they come; only what a layer needs is gathered, when it needs it.
  before, both = (None,) * (a.ndim - 2), ("fsdp", sharding.TENSOR)
  return layers.LowRank(value, sharding.constrain(a, *before, both, None),
                        sharding.constrain(b, *before, None, both))


def merge(params: Mapping[str, Any], adapter: Adapter, config: Flux2Config
          ) -> dict[str, jax.Array]:
  """Parameters with an adapter added into the matrices, as it is used.

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
