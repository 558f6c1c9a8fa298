"""Surface normals to RGB and back.

Camera space, right-handed: +x right, +y up, +z out of the image, towards the
camera. R = (1 - x) / 2, G = (1 + y) / 2, B = (1 + z) / 2 (paper, section on
surface normals): a wall facing left is pinkish red, a floor light green, a
surface facing the camera light blue.
"""

import jax
import jax.numpy as jnp

# Half the shortest vector an 8-bit colour can stand for is 3e-3, so every 8-bit
# colour decodes to a vector of length one.
_MIN_LENGTH = 1e-3


def _flip_x(xyz: jax.Array) -> jax.Array:
  return xyz * jnp.array([-1.0, 1.0, 1.0], jnp.float32)


@jax.jit
def encode(normals: jax.typing.ArrayLike) -> jax.Array:
  """Paints unit normals.

  Args:
    normals: [..., 3], any float type; the zero vector means "no normal".

  Returns:
    RGB, float32 [..., 3] in 0..1. The zero vector becomes mid grey.
  """
  normals = jnp.asarray(normals, jnp.float32)
  return jnp.clip(0.5 + 0.5 * _flip_x(normals), 0.0, 1.0)


@jax.jit
def decode(rgb: jax.typing.ArrayLike) -> jax.Array:
  """Reads unit normals from RGB; the gradient is finite everywhere.

  Args:
    rgb: [..., 3] in 0..1, any float type.

  Returns:
    float32 [..., 3] of length one, except within 1e-3 of mid grey (no direction;
    no 8-bit colour is that close), where the length falls to zero.
  """
  vector = _flip_x(2.0 * jnp.asarray(rgb, jnp.float32) - 1.0)
  square = jnp.sum(vector * vector, axis=-1, keepdims=True)
  return vector * jax.lax.rsqrt(jnp.maximum(square, _MIN_LENGTH**2))
