"""Where activations live on a mesh of devices; without a mesh nothing happens.

The mesh is the one of `jax.set_mesh` around the call of a jitted function; its axes
are data, fsdp and tensor (see `train.partitioning`).
"""

from typing import Any

import jax
from jax.sharding import PartitionSpec

# Mesh axes that the batch is split over.
BATCH = ("data", "fsdp")
# The axis that heads and hidden channels are split over.
TENSOR = "tensor"

Axes = str | tuple[str, ...] | None


def fit(axes: Axes, size: int, mesh: Any) -> Axes:
  """`axes`, less as many of the last as it takes to divide an axis of `size`."""
  names = (axes,) if isinstance(axes, str) else tuple(axes or ())
  while names:
    count = 1
    for name in names:
      count *= mesh.shape[name]
    if size % count == 0:
      return names if len(names) > 1 else names[0]
    names = names[:-1]
  return None


def constrain(x: jax.Array, *axes: Axes) -> jax.Array:
  """Has the compiler split `x` over mesh axes, as far as they divide its sizes.

  Args:
    x: an array inside a jitted function.
    axes: mesh axes of each axis of `x`; those not given are whole.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or mesh.size == 1:
    return x
  axes = axes + (None,) * (x.ndim - len(axes))
  return jax.lax.with_sharding_constraint(x, PartitionSpec(
      *(fit(a, size, mesh) for a, size in zip(axes, x.shape, strict=True))))


def tensor_shards(sizes: tuple[int, ...]) -> int:
  """Devices along the tensor axis, or 1 where they do not divide all `sizes`."""
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty:
    return 1
  shards = mesh.shape[TENSOR]
  return 1 if any(size % shards for size in sizes) else shards
