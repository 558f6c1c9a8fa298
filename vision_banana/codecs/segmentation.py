"""Label maps to RGB and back through a palette (semantic, referring, instances).

The prompt names a colour for every label; a pixel decodes to the label whose
colour is nearest in RGB (paper, section on segmentation). Palettes are padded to
a fixed number of rows so that one compiled step serves any number of labels.
"""

import jax
import jax.numpy as jnp


@jax.jit
def encode(labels: jax.typing.ArrayLike,
           palette: jax.typing.ArrayLike) -> jax.Array:
  """Paints a label map.

  Args:
    labels: int [..., H, W], rows of the palette. A label outside 0..K-1 has no
      colour and becomes black.
    palette: [..., K, 3] in 0..1, with the leading dimensions of `labels` or with
      fewer (broadcast).

  Returns:
    RGB, float32 [..., H, W, 3].
  """
  labels = jnp.asarray(labels)
  palette = jnp.asarray(palette, jnp.float32)
  lead = labels.shape[:-2]
  k = palette.shape[-2]
  palette = jnp.broadcast_to(palette, (*lead, k, 3))
  flat = labels.reshape(*lead, -1, 1)
  known = (flat >= 0) & (flat < k)
  rgb = jnp.take_along_axis(palette, jnp.clip(flat, 0, k - 1), axis=-2)
  return jnp.where(known, rgb, 0.0).reshape(*labels.shape, 3)


def _square_distance(rgb: jax.typing.ArrayLike,
                     palette: jax.typing.ArrayLike) -> jax.Array:
  """Squared RGB distance to each palette row, [..., H, W, K]."""
  rgb = jnp.asarray(rgb, jnp.float32)[..., None, :]
  palette = jnp.asarray(palette, jnp.float32)[..., None, None, :, :]
  # Channel by channel: far faster on a CPU than a sum over an axis of three.
  return sum((rgb[..., i] - palette[..., i])**2 for i in range(3))


def _used(k: int, num_labels: jax.typing.ArrayLike | None) -> jax.Array:
  """Whether each palette row is in use, bool [..., 1, 1, K]."""
  limit = jnp.asarray(k if num_labels is None else num_labels)
  return jnp.arange(k) < limit[..., None, None, None]


@jax.jit
def decode(
    rgb: jax.typing.ArrayLike,
    palette: jax.typing.ArrayLike,
    num_labels: jax.typing.ArrayLike | None = None,
) -> jax.Array:
  """Reads the label of the nearest palette colour (the first one on a tie).

  Args:
    rgb: [..., H, W, 3] in 0..1.
    palette: [..., K, 3] in 0..1.
    num_labels: int [...], how many rows of the palette are in use; the rest is
      padding and never chosen. None: all of them.

  Returns:
    int32 [..., H, W].
  """
  square = _square_distance(rgb, palette)
  square = jnp.where(_used(square.shape[-1], num_labels), square, jnp.inf)
  return jnp.argmin(square, axis=-1).astype(jnp.int32)


@jax.jit
def soft_decode(
    rgb: jax.typing.ArrayLike,
    palette: jax.typing.ArrayLike,
    temperature: jax.typing.ArrayLike,
    num_labels: jax.typing.ArrayLike | None = None,
) -> jax.Array:
  """Label probabilities, a softmax of -(squared RGB distance) / temperature.

  Args:
    rgb: [..., H, W, 3] in 0..1.
    palette: [..., K, 3] in 0..1.
    temperature: > 0, in squared RGB units; towards 0 this is `decode`.
    num_labels: as in `decode`; padding rows get probability 0.

  Returns:
    float32 [..., H, W, K], sums to one over K.
  """
  logits = -_square_distance(rgb, palette) / temperature
  # Masked after the division: infinity / temperature has no finite gradient.
  logits = jnp.where(_used(logits.shape[-1], num_labels), logits, -jnp.inf)
  return jax.nn.softmax(logits, axis=-1)
