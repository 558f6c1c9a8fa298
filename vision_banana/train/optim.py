"""Optimiser: AdamW, Muon or Adafactor, a schedule, clipping, rates by module.

Muon (Jordan 2024) orthogonalises the momentum of weight matrices; everything
that is no matrix of a hidden layer stays with Adam. Its updates are scaled to
Adam's root mean square (Liu et al. 2025, "Muon is Scalable for LLM Training"),
so that one learning rate serves both.

Adafactor (Shazeer & Stern 2018) keeps row and column means of the squared gradients
in place of all of them. Learning rates are absolute here, as for the others.
"""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from vision_banana import settings

# Liu et al. 2025, section 2.2: Adam's updates have a root mean square of 0.2-0.4.
_ADAM_RMS = 0.2


@dataclasses.dataclass(frozen=True)
class OptimConfig:
  """Keys of `config.optim`.

  Attributes:
    name: 'adamw' (8 bytes a parameter), 'muon' (4, and 8 where Adam is left) or
      'adafactor' (4, or next to nothing with b1 = 0).
    lr: peak learning rate.
    schedule: 'constant', 'cosine' or 'wsd' (warm-up, stable, linear decay).
    warmup_steps: linear warm-up from zero, in steps.
    decay_fraction: 'wsd' only: the last part of the run that decays, 0..1.
    end_lr: final learning rate as a fraction of `lr` ('cosine' and 'wsd').
    weight_decay: decoupled, on matrices only; multiplied by the learning rate.
    clip_norm: gradients are clipped to this global norm; 0 turns it off.
    b1: first moment decay of Adam and Adafactor; 0: Adafactor keeps none.
    b2: Adam's second moment decay. Adafactor's is 1 − step^−0.8.
    muon_momentum: Muon's momentum.
    moment_dtype: of first moments and Muon's momentum: 'float32', or 'bfloat16' at
      half the bytes. Second moments are float32: small changes add up in them.
    adam_paths: regular expressions, searched in 'a/b/c' parameter paths, of
      matrices that Muon leaves to Adam: embeddings and the projections into and
      out of the network.
    lr_multipliers: regular expression → factor on the learning rate; the first
      that matches a path holds.
  """
  name: str = "muon"
  lr: float = 2e-3
  schedule: str = "cosine"
  warmup_steps: int = 200
  decay_fraction: float = 0.2
  end_lr: float = 0.0
  weight_decay: float = 0.01
  clip_norm: float = 1.0
  b1: float = 0.9
  b2: float = 0.95
  muon_momentum: float = 0.95
  moment_dtype: str = "float32"
  adam_paths: tuple[str, ...] = (
      "embedding", "(image|text|time)_(in|out)/", "modulation")
  lr_multipliers: dict[str, float] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if self.name not in ("adamw", "muon", "adafactor"):
      raise ValueError(f"name '{self.name}' is unknown; use 'adamw', 'muon' or "
                       "'adafactor'.")
    if self.moment_dtype not in ("float32", "bfloat16"):
      raise ValueError(f"moment_dtype '{self.moment_dtype}' is unknown; use "
                       "'float32' or 'bfloat16'.")
    if self.schedule not in ("constant", "cosine", "wsd"):
      raise ValueError(f"schedule '{self.schedule}' is unknown; use 'constant', "
                       "'cosine' or 'wsd'.")
    if not 0 <= self.decay_fraction <= 1:
      raise ValueError(f"decay_fraction must be in 0..1, got {self.decay_fraction}.")
    settings.check_at_least(self, 0, "lr", "warmup_steps", "weight_decay", "clip_norm")
    settings.check_patterns("adam_paths", self.adam_paths)
    settings.check_patterns("lr_multipliers", self.lr_multipliers)


def path_of(key_path) -> str:
  """'a/b/c' of a JAX key path; dict keys, attributes and indices alike."""
  return "/".join(
      str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k))))
      for k in key_path)


def schedule(config: OptimConfig, total_steps: int) -> optax.Schedule:
  """Learning rate by step; zero at step 0 when there is a warm-up."""
  warmup = min(config.warmup_steps, total_steps)
  rest = max(total_steps - warmup, 1)
  end = config.lr * config.end_lr
  if config.schedule == "constant":
    after = optax.constant_schedule(config.lr)
  elif config.schedule == "cosine":
    after = optax.cosine_decay_schedule(config.lr, rest, alpha=config.end_lr)
  else:
    # A warm-up that reaches into the decay shortens it; it ends where it should.
    decay = min(max(round(total_steps * config.decay_fraction), 1), rest)
    after = optax.linear_schedule(
        config.lr, end, decay, transition_begin=rest - decay)
  if not warmup:
    return after
  return optax.join_schedules(
      [optax.linear_schedule(0.0, config.lr, warmup), after], [warmup])


def label(path: str, ndim: int, config: OptimConfig) -> str:
  """'muon', 'adafactor' or 'adam' for one parameter."""
  if config.name == "adamw" or not is_matrix(path, ndim):
    return "adam"
  if config.name == "adafactor":
    return "adafactor"
  return "adam" if any(re.search(p, path) for p in config.adam_paths) else "muon"


def is_matrix(path: str, ndim: int) -> bool:
  """Whether a leaf is a weight matrix, or a stack of them with a layer axis first.

  A stacked bias has two axes as well, so vectors are told by their name.
  """
  return ndim >= 2 and not re.search(r"(^|/)(bias|scale)$", path)


def make(config: OptimConfig, total_steps: int) -> optax.GradientTransformation:
  """The whole optimiser, in float32.

  Order: clip by global norm, precondition (Muon, Adafactor or Adam), decoupled weight
  decay on matrices, per-module factors, learning rate.
  """
  def by_path(fn):
    def over(params):
      return jax.tree_util.tree_map_with_path(
          lambda p, x: fn(path_of(p), x), params)
    return over

  axes = lambda params: jax.tree.map(
      lambda _: contrib.MuonDimensionNumbers(-2, -1), params)
  muon = optax.chain(
      contrib.scale_by_muon(beta=config.muon_momentum, mu_dtype=config.moment_dtype,
                            weight_dimension_numbers=axes),
      _match_adam_rms())
  adam = optax.scale_by_adam(config.b1, config.b2, mu_dtype=config.moment_dtype)
  adafactor = [optax.scale_by_factored_rms(), _clip_rms()]
  if config.b1:
    adafactor.append(optax.ema(
        config.b1, debias=False, accumulator_dtype=config.moment_dtype))
  precondition = optax.partition(
      {"muon": muon, "adafactor": optax.chain(*adafactor), "adam": adam},
      by_path(lambda path, x: label(path, x.ndim, config)))
  parts = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
  parts += [
      precondition,
      optax.add_decayed_weights(
          config.weight_decay, by_path(lambda path, x: is_matrix(path, x.ndim))),
  ]
  if config.lr_multipliers:
    parts.append(_scale_by_path(config.lr_multipliers))
  parts.append(optax.scale_by_learning_rate(schedule(config, total_steps)))
  return optax.chain(*parts)


def _match_adam_rms() -> optax.GradientTransformation:
  """Scales each orthogonal [..., in, out] update to a root mean square of 0.2."""
  def update(updates, params=None):
    del params
    return jax.tree.map(
        lambda u: u * (_ADAM_RMS * max(u.shape[-2:]) ** 0.5), updates)
  return optax.stateless(update)


def _clip_rms() -> optax.GradientTransformation:
  """Scales each [..., in, out] update down to a root mean square of 1.

  A stack of layers is many matrices; `optax.clip_by_block_rms` takes it for one.
  """
  def update(updates, params=None):
    del params
    rms = lambda u: jnp.sqrt(jnp.mean(jnp.square(u), (-2, -1), keepdims=True))
    return jax.tree.map(lambda u: u / jnp.maximum(1.0, rms(u)), updates)
  return optax.stateless(update)


def _scale_by_path(multipliers: dict[str, float]) -> optax.GradientTransformation:
  """Multiplies each update by the first multiplier whose pattern fits its path."""
  def factor(path: str) -> float:
    return next((f for p, f in multipliers.items() if re.search(p, path)), 1.0)

  def update(updates: Any, params=None):
    del params
    return jax.tree_util.tree_map_with_path(
        lambda p, u: u * jnp.asarray(factor(path_of(p)), u.dtype), updates)
  return optax.stateless(update)
