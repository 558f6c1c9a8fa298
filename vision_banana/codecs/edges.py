"""Edges of a scene: found in its geometry and ids, painted in two colours."""

import jax
import jax.numpy as jnp
import numpy as np

from vision_banana.codecs import segmentation
from vision_banana.errors import UserError

# A depth edge: inverse depth leaves its local plane by a tenth.
DEPTH_JUMP = 0.1
# A crease: neighbouring normals differ by more than this.
CREASE_DEGREES = 30.0


def detect(
    depth: np.ndarray | None = None,
    normals: np.ndarray | None = None,
    instances: np.ndarray | None = None,
    *,
    depth_jump: float = DEPTH_JUMP,
    crease_degrees: float = CREASE_DEGREES,
) -> np.ndarray:
  """Marks both pixels of every pair of neighbours that an edge separates.

  Neighbours are horizontal or vertical; lines are two pixels wide and mirror with
  the scene. Pixels without depth (NaN) or normal (zero) make no such edge. What
  is None is left out.

  Args:
    depth: float [H, W], z-depth in metres, inf for sky.
    normals: float [H, W, 3], unit.
    instances: int [H, W]; a change of id is an edge.
    depth_jump: a depth edge is where inverse depth, extrapolated across the pair
      from the left and from the right, misses by more than this share of the
      larger of the two both times. On a plane, however slanted, inverse z-depth
      is linear in the picture, so floors seen at a grazing angle make no edge.
    crease_degrees: a crease is a larger angle between the two normals.

  Returns:
    bool [H, W].

  Raises:
    UserError: nothing given, or shapes that disagree.
  """
  fields = [x for x in (depth, normals, instances) if x is not None]
  if not fields:
    raise UserError("edges: give at least one of depth, normals, instances.")
  shape = fields[0].shape[:2]
  if any(x.shape[:2] != shape for x in fields):
    raise UserError("edges: fields differ in size: "
                    f"{', '.join(str(list(x.shape)) for x in fields)}.")
  edges = np.zeros(shape, bool)
  # The second pass sees the transposed scene and marks the vertical pairs.
  for view in (lambda x: x, lambda x: np.swapaxes(x, 0, 1)):
    pairs = np.zeros((view(edges).shape[0], view(edges).shape[1] - 1), bool)
    if depth is not None:
      pairs |= _depth_pairs(view(depth), depth_jump)
    if normals is not None:
      pairs |= _crease_pairs(view(normals), crease_degrees)
    if instances is not None:
      pairs |= view(instances)[:, 1:] != view(instances)[:, :-1]
    view(edges)[:, 1:] |= pairs
    view(edges)[:, :-1] |= pairs
  return edges


def _depth_pairs(depth: np.ndarray, jump: float) -> np.ndarray:
  """Depth edges between columns i and i + 1, bool [H, W - 1]."""
  depth = depth.astype(np.float64)
  inverse = 1.0 / np.where(depth > 0, depth, np.nan)  # Of infinity: 0.
  left, right = inverse[:, :-1], inverse[:, 1:]
  # Without a second pixel to extrapolate from, the plane is taken as flat.
  slope = np.nan_to_num(np.diff(inverse, axis=1))
  before = np.pad(slope[:, :-1], ((0, 0), (1, 0)))
  after = np.pad(slope[:, 1:], ((0, 0), (0, 1)))
  miss = np.minimum(np.abs(left + before - right), np.abs(right - after - left))
  return miss > jump * np.maximum(left, right)  # False where NaN.


def _crease_pairs(normals: np.ndarray, degrees: float) -> np.ndarray:
  """Creases between columns i and i + 1, bool [H, W - 1]."""
  left, right = normals[:, :-1], normals[:, 1:]
  both = np.any(left != 0, axis=-1) & np.any(right != 0, axis=-1)
  return both & (np.sum(left * right, axis=-1) < np.cos(np.radians(degrees)))


def _palette(background, foreground) -> jax.Array:
  return jnp.stack([jnp.asarray(background, jnp.float32),
                    jnp.asarray(foreground, jnp.float32)], axis=-2)


def encode(edges: jax.typing.ArrayLike, background: jax.typing.ArrayLike,
           foreground: jax.typing.ArrayLike) -> jax.Array:
  """Paints an edge map.

  Args:
    edges: bool [..., H, W].
    background: [..., 3] in 0..1, the colour of False.
    foreground: [..., 3] in 0..1, the colour of True.

  Returns:
    RGB, float32 [..., H, W, 3].
  """
  return segmentation.encode(jnp.asarray(edges, jnp.int32),
                             _palette(background, foreground))


def decode(rgb: jax.typing.ArrayLike, background: jax.typing.ArrayLike,
           foreground: jax.typing.ArrayLike) -> jax.Array:
  """Reads an edge map, bool [..., H, W]: nearer to `foreground` in RGB."""
  return segmentation.decode(rgb, _palette(background, foreground)) == 1


def soft_decode(rgb: jax.typing.ArrayLike, background: jax.typing.ArrayLike,
                foreground: jax.typing.ArrayLike,
                temperature: jax.typing.ArrayLike) -> jax.Array:
  """Probability of an edge, float32 [..., H, W]; see `segmentation.soft_decode`."""
  palette = _palette(background, foreground)
  return segmentation.soft_decode(rgb, palette, temperature)[..., 1]
