"""Metrics on decoded values, differentiable with finite gradients.

Every metric takes a mask of valid pixels and reduces the last two axes, [H, W], so
leading dimensions are a batch. A picture without a valid pixel gives 0: weight by
the number of valid pixels, or leave it out, when averaging over pictures.
"""

import functools

import jax
import jax.numpy as jnp

from vision_banana.codecs.thresholds import DELTA

# Angles this close to 0° or 180° (radians) have gradient zero.
_MIN_ANGLE = 1e-6


def masked_mean(x: jax.Array, valid: jax.Array) -> jax.Array:
  """Mean of x [..., H, W] over valid pixels (bool [..., H, W]), float32 [...]."""
  total = jnp.sum(jnp.where(valid, x, 0.0), axis=(-2, -1))
  return total / jnp.maximum(jnp.sum(valid, axis=(-2, -1)), 1)


def _depths(predicted, true, valid) -> tuple[jax.Array, jax.Array, jax.Array]:
  """As float32, with 1 m in both where not valid, so no NaN meets a gradient."""
  predicted = jnp.asarray(predicted, jnp.float32)
  true = jnp.asarray(true, jnp.float32)
  valid = jnp.asarray(valid, bool) & jnp.isfinite(true) & (true > 0)
  return jnp.where(valid, predicted, 1.0), jnp.where(valid, true, 1.0), valid


@jax.jit
def abs_rel(predicted: jax.typing.ArrayLike, true: jax.typing.ArrayLike,
            valid: jax.typing.ArrayLike) -> jax.Array:
  """Mean of |predicted - true| / true.

  Args:
    predicted: [..., H, W], metres.
    true: [..., H, W], metres; NaN, infinity and 0 are never valid.
    valid: bool [..., H, W].

  Returns:
    float32 [...].
  """
  predicted, true, valid = _depths(predicted, true, valid)
  return masked_mean(jnp.abs(predicted - true) / true, valid)


def _log_ratio(predicted: jax.Array, true: jax.Array) -> jax.Array:
  return jnp.abs(jnp.log(jnp.maximum(predicted, 1e-6)) - jnp.log(true))


@jax.jit
def delta1(predicted: jax.typing.ArrayLike, true: jax.typing.ArrayLike,
           valid: jax.typing.ArrayLike) -> jax.Array:
  """Share of pixels with max(predicted / true, true / predicted) < 1.25.

  Args and return value as in `abs_rel`. Its gradient is zero; see `soft_delta1`.
  """
  predicted, true, valid = _depths(predicted, true, valid)
  inside = (predicted < DELTA * true) & (true < DELTA * predicted)
  return masked_mean(inside.astype(jnp.float32), valid)


@jax.jit
def soft_delta1(predicted: jax.typing.ArrayLike, true: jax.typing.ArrayLike,
                valid: jax.typing.ArrayLike,
                temperature: jax.typing.ArrayLike = 0.05) -> jax.Array:
  """A smooth `delta1`: a sigmoid of (log 1.25 - |log ratio|) / temperature.

  Args and return value as in `abs_rel`; towards temperature 0 this is `delta1`.
  """
  predicted, true, valid = _depths(predicted, true, valid)
  margin = jnp.log(DELTA) - _log_ratio(predicted, true)
  return masked_mean(jax.nn.sigmoid(margin / temperature), valid)


def _length(vector: jax.Array) -> jax.Array:
  square = jnp.sum(vector * vector, axis=-1)
  long = square > _MIN_ANGLE**2
  return jnp.where(long, jnp.sqrt(jnp.where(long, square, 1.0)), 0.0)


@jax.jit
def angles(predicted: jax.typing.ArrayLike,
           true: jax.typing.ArrayLike) -> jax.Array:
  """Angles between vectors, accurate and differentiable near 0° and 180° too.

  Args:
    predicted: [..., 3], unit vectors.
    true: [..., 3], unit vectors; a zero vector in either gives 90.

  Returns:
    Degrees, float32 [...], 0..180.
  """
  predicted = jnp.asarray(predicted, jnp.float32)
  true = jnp.asarray(true, jnp.float32)
  # 2 atan2(|a - b|, |a + b|), which unlike arccos(a · b) is well conditioned.
  across, along = _length(predicted - true), _length(predicted + true)
  both_zero = (across == 0) & (along == 0)
  angle = 2.0 * jnp.arctan2(jnp.where(both_zero, 1.0, across),
                            jnp.where(both_zero, 1.0, along))
  return jnp.degrees(angle)


@jax.jit
def angular_error(predicted: jax.typing.ArrayLike, true: jax.typing.ArrayLike,
                  valid: jax.typing.ArrayLike) -> jax.Array:
  """Mean angle between normals in degrees.

  Args:
    predicted: [..., H, W, 3], unit vectors.
    true: [..., H, W, 3], unit vectors; the zero vector is never valid.
    valid: bool [..., H, W].

  Returns:
    float32 [...].
  """
  valid = jnp.asarray(valid, bool) & jnp.any(jnp.asarray(true) != 0, axis=-1)
  return masked_mean(angles(predicted, true), valid)


@jax.jit
def soft_iou(probabilities: jax.typing.ArrayLike, labels: jax.typing.ArrayLike,
             valid: jax.typing.ArrayLike) -> jax.Array:
  """Intersection over union of each label, with probabilities as memberships.

  The intersection is Σ p y and the union Σ (p + y - p y), y being 0 or 1; with
  hard predictions this is the IoU. A label that neither has gives 0.

  Args:
    probabilities: [..., H, W, K], from `segmentation.soft_decode`.
    labels: int [..., H, W], the truth.
    valid: bool [..., H, W].

  Returns:
    float32 [..., K].
  """
  p = jnp.asarray(probabilities, jnp.float32)
  y = jax.nn.one_hot(labels, p.shape[-1], dtype=jnp.float32)
  weight = jnp.asarray(valid, jnp.float32)[..., None]
  intersection = jnp.sum(weight * p * y, axis=(-3, -2))
  union = jnp.sum(weight * (p + y - p * y), axis=(-3, -2))
  # A label that the truth has makes the union at least 1. One that it has not can have
  # probabilities so small that their square, by which the gradient divides, is 0.
  return intersection / jnp.maximum(union, 0.5)


@functools.partial(jax.jit, static_argnames="num_labels")
def confusion(predicted: jax.typing.ArrayLike, labels: jax.typing.ArrayLike,
              valid: jax.typing.ArrayLike, num_labels: int) -> jax.Array:
  """Counts of (true, predicted) pairs; add them up over pictures, then `iou`.

  Args:
    predicted: int [..., H, W], 0..num_labels-1, from `segmentation.decode`.
    labels: int [..., H, W], the truth; outside 0..num_labels-1 is never valid.
    valid: bool [..., H, W].
    num_labels: K.

  Returns:
    int32 [..., K, K]: rows are true labels, columns predicted ones.
  """
  predicted, labels = jnp.asarray(predicted), jnp.asarray(labels)
  valid = jnp.asarray(valid, bool) & (labels >= 0) & (labels < num_labels)
  # Pixels that do not count go to one cell past the table.
  cell = jnp.where(valid, labels * num_labels + predicted, num_labels**2)
  count = lambda x: jnp.bincount(x, length=num_labels**2 + 1)[:-1]
  counts = jax.vmap(count)(cell.reshape(-1, cell.shape[-2] * cell.shape[-1]))
  return counts.astype(jnp.int32).reshape(*cell.shape[:-2], num_labels, num_labels)


@jax.jit
def iou(counts: jax.typing.ArrayLike) -> jax.Array:
  """IoU of each label from `confusion`, float32 [..., K]; NaN if it never occurs."""
  counts = jnp.asarray(counts, jnp.float32)
  hit = jnp.diagonal(counts, axis1=-2, axis2=-1)
  union = counts.sum(-1) + counts.sum(-2) - hit
  return jnp.where(union > 0, hit / union, jnp.nan)


def miou(counts: jax.typing.ArrayLike) -> jax.Array:
  """Mean of `iou` over the labels that occur in truth or prediction, float32 [...]."""
  return jnp.nanmean(iou(counts), axis=-1)
