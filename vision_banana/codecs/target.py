"""Paints a batch of mixed targets inside the training step.

Colours are made on the device from values, labels and palettes. Every sample of
a batch is painted by all codecs and the right picture selected, so one compiled
step serves every task.
"""

import functools

import jax
import jax.numpy as jnp

from vision_banana.codecs import depth
from vision_banana.codecs import normals
from vision_banana.codecs import segmentation

# Edges, instances and referring masks are painted as segmentation.
CODECS = ("image", "depth", "normals", "segmentation")


@functools.partial(jax.jit, static_argnames="curve")
def encode(
    values: jax.typing.ArrayLike,
    labels: jax.typing.ArrayLike,
    palette: jax.typing.ArrayLike,
    codec: jax.typing.ArrayLike,
    colormap: jax.typing.ArrayLike,
    curve: depth.Curve = depth.Curve(),
) -> jax.Array:
  """Paints pictures, each with its own codec.

  Args:
    values: [..., H, W, 3]. RGB in 0..1 for "image", unit normals for "normals",
      metres in channel 0 for "depth"; not read for "segmentation".
    labels: int [..., H, W], rows of the palette; read for "segmentation".
    palette: [..., K, 3] in 0..1.
    codec: int [...], indices into CODECS.
    colormap: int [...], indices into depth.COLORMAPS; read for "depth".
    curve: squeeze of "depth".

  Returns:
    RGB, float32 [..., H, W, 3] in 0..1.
  """
  values = jnp.asarray(values, jnp.float32)
  codec = jnp.asarray(codec)[..., None, None, None]
  return jnp.select([codec == i for i in range(len(CODECS))], [
      jnp.clip(values, 0.0, 1.0),
      depth.encode(values[..., 0], curve.lam, curve.c, colormap, curve.far),
      normals.encode(values),
      segmentation.encode(labels, palette),
  ])
