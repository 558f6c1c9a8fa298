"""Codec metrics of the predicted picture as additional losses.

The generator's loss compares colours; these compare what the colours say. Each is
taken at the noise level of its sample, of the clean picture as it is predicted
there, read by the smooth decoder of its codec.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vision_banana.codecs import depth, metrics, normals, segmentation, target

# Metres that a predicted depth counts up to: without it a single pixel near white,
# which means a million, outweighs the picture.
_FAR = 80.0
# The part of a picture at which painting what is not there costs half.
_STRAY = 0.01


@dataclasses.dataclass(frozen=True)
class AuxiliaryConfig:
  """Keys of `config.auxiliary`; a metric of weight 0 is not computed.

  Attributes:
    abs_rel: weight of the mean relative error of depth, predictions counted up to
      80 m.
    delta1: of 1 - smooth δ1 of depth.
    angle: of the mean angle between normals, radians.
    iou: of 1 - smooth IoU, averaged over the labels in the picture. What was asked for
      and is not there has none, so a large weight alone teaches to paint it all the
      same (experiments/nano, phase 13).
    absent: of a / (a + 1 %), a being the expected part of the picture that is painted
      in the colour of a label which is not there, averaged over those asked for; it
      goes with `iou`.
    temperature: of the smooth decoders of depth and labels, squared RGB units.
  """
  abs_rel: float = 0.0
  delta1: float = 0.0
  angle: float = 0.0
  iou: float = 0.0
  absent: float = 0.0
  temperature: float = 0.01

  def __post_init__(self):
    for name in ("abs_rel", "delta1", "angle", "iou", "absent"):
      if getattr(self, name) < 0:
        raise ValueError(f"{name} must not be negative, got {getattr(self, name)}.")
    if self.temperature <= 0:
      raise ValueError(f"temperature must be above 0, got {self.temperature}.")


def make(config: AuxiliaryConfig, curve: depth.Curve = depth.Curve()
         ) -> Callable[[Any, Any], jax.Array] | None:
  """What a train step adds to the loss, or None when all weights are 0.

  Args:
    config: the weights.
    curve: by which depth is painted.

  Returns:
    (aux of `Generator.loss`, batch) → float32 [B]: of each sample the weighted
    metrics of its codec, 0 for photos, and for depth in another map than the cube,
    whose 255 segments would take 36 times its memory.
  """
  if not any((config.abs_rel, config.delta1, config.angle, config.iou, config.absent)):
    return None

  def auxiliary(aux, batch):
    rgb = aux["rgb"].astype(jnp.float32)
    values, valid = batch["values"][:, 0], batch["valid"]
    codec, colormap = batch["codec"][:, 0], batch["colormap"][:, 0]
    total = jnp.zeros(len(rgb))
    if config.abs_rel or config.delta1:
      metres = depth.soft_decode(
          rgb, config.temperature, curve.lam, curve.c, far=curve.far)
      each = config.abs_rel * metrics.abs_rel(
          jnp.minimum(metres, _FAR), values[..., 0], valid)
      each += config.delta1 * (1 - metrics.soft_delta1(metres, values[..., 0], valid))
      cube = colormap == depth.COLORMAPS.index("cube")
      total += jnp.where(_is(codec, "depth") & cube, each, 0.0)
    if config.angle:
      mine = _is(codec, "normals")
      # What is no normal, such as a depth that is NaN, must not meet a gradient.
      true = jnp.where(mine[:, None, None, None], values, 0.0)
      angle = metrics.angular_error(normals.decode(rgb), true, valid)
      total += jnp.where(mine, config.angle * jnp.radians(angle), 0.0)
    if config.iou or config.absent:
      iou, stray = _labels(rgb, batch, config.temperature)
      each = config.iou * (1 - iou) + config.absent * stray
      total += jnp.where(_is(codec, "segmentation"), each, 0.0)
    return total
  return auxiliary


def _is(codec: jax.Array, name: str) -> jax.Array:
  return codec == target.CODECS.index(name)


def _labels(rgb: jax.Array, batch: Any, temperature: float
            ) -> tuple[jax.Array, jax.Array]:
  """Of each sample, float32 [B] both: smooth IoU, mean over the labels that its truth
  has, and what the others cost, mean over them (0 where there are none)."""
  palette, labels = batch["palette"][:, 0], batch["labels"][:, 0]
  # Unused rows repeat the background, the first; no label shares its colour.
  used = 1 + jnp.any(palette[:, 1:] != palette[:, :1], axis=-1).sum(-1)
  probabilities = segmentation.soft_decode(rgb, palette, temperature, used)
  iou = metrics.soft_iou(probabilities, labels, batch["valid"])
  rows = jnp.arange(palette.shape[1])
  valid = batch["valid"][..., None]
  there = jnp.any((labels[..., None] == rows) & valid, (1, 2))
  # The first row, the background, is not asked for.
  absent = ~there & (0 < rows) & (rows < used[:, None])
  part = (probabilities * valid).sum((1, 2)) / jnp.maximum(valid.sum((1, 2)), 1)
  mean = lambda each, of: (
      jnp.where(of, each, 0.0).sum(-1) / jnp.maximum(of.sum(-1), 1))
  return mean(iou, there), mean(part / (part + _STRAY), absent)
