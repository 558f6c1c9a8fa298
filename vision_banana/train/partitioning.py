"""The mesh, and one rule for where every array of a run lives.

The same function gives the sharding of parameters, optimiser moments, averaged
weights and restore targets: all end in the same parameter path and shape.
"""

import dataclasses
import re
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vision_banana.errors import UserError
from vision_banana.train.optim import path_of

AXES = ("data", "fsdp", "tensor")

# Leaves below this many elements are cheaper to replicate than to gather.
SMALL = 2**16

# First match holds: axes of the last two dimensions (in, out) of a matrix. A
# projection that writes to the residual stream splits its input over `tensor`,
# every other its output, so that a pair needs one reduction.
RULES: tuple[tuple[str, tuple[str, str]], ...] = (
    (r"(^|[/_])out/kernel$", ("tensor", "fsdp")),
    (r"", ("fsdp", "tensor")),
)


@dataclasses.dataclass(frozen=True)
class MeshConfig:
  """Keys of `config.mesh`: devices along each axis; -1 takes what is left.

  Attributes:
    data: replicas that split the batch only.
    fsdp: splits the batch and every large array.
    tensor: splits matrices within a layer.
  """
  data: int = 1
  fsdp: int = -1
  tensor: int = 1


def make_mesh(config: MeshConfig) -> Mesh:
  """A (data, fsdp, tensor) mesh over all devices, also when there is one.

  Raises:
    UserError: the axes do not multiply to the number of devices.
  """
  sizes = [config.data, config.fsdp, config.tensor]
  total = jax.device_count()
  fixed = int(np.prod([s for s in sizes if s != -1]))
  if sizes.count(-1) == 1 and fixed > 0 and total % fixed == 0:
    sizes[sizes.index(-1)] = total // fixed
  if min(sizes) < 1 or int(np.prod(sizes)) != total:
    raise UserError(
        f"config.mesh: data={config.data} fsdp={config.fsdp} tensor={config.tensor} "
        f"does not fit {total} devices; at most one axis may be -1.")
  # Auto: the compiler propagates shardings; make_mesh would default to Explicit.
  return jax.make_mesh(tuple(sizes), AXES, axis_types=(AxisType.Auto,) * 3)


def spec(path: str, shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
  """Where one array lives, from its path and shape.

  Leading axes (stacked layers) are never split, nor an axis that the mesh does
  not divide.
  """
  if len(shape) < 2 or int(np.prod(shape)) < SMALL:
    return PartitionSpec()
  axes = next(a for pattern, a in RULES if re.search(pattern, path))
  last = [a if size % mesh.shape[a] == 0 else None
          for a, size in zip(axes, shape[-2:])]
  return PartitionSpec(*[None] * (len(shape) - 2), *last)


def shardings(tree: Any, mesh: Mesh) -> Any:
  """A `NamedSharding` for every leaf of any tree of arrays or shapes."""
  return jax.tree_util.tree_map_with_path(
      lambda p, x: NamedSharding(mesh, spec(path_of(p), x.shape, mesh)), tree)


def targets(shapes: Any, mesh: Mesh) -> Any:
  """`shapes` as `ShapeDtypeStruct`s that carry their sharding, to restore into."""
  return jax.tree.map(
      lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
      shapes, shardings(shapes, mesh))


def batch_sharding(mesh: Mesh) -> NamedSharding:
  """Batches are split along their first axis over data and fsdp."""
  return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def replicated(mesh: Mesh) -> NamedSharding:
  """Every device holds the whole array."""
  return NamedSharding(mesh, PartitionSpec())


def rows(mesh: Mesh, batch_size: int) -> np.ndarray:
  """Which rows of every batch the devices of this process hold, in order.

  Hosts that share rows, as when `tensor` spans hosts, make them alike.

  Raises:
    UserError: the batch does not divide over the mesh.
  """
  sharding = batch_sharding(mesh)
  splits = _splits(mesh)
  if batch_size % splits:
    raise UserError(f"config.data.batch_size={batch_size} does not divide over "
                    f"{splits} parts of the mesh; choose a multiple.")
  held = sharding.addressable_devices_indices_map((batch_size,)).values()
  return np.unique(np.concatenate([np.arange(batch_size)[index] for index in held]))


def _splits(mesh: Mesh) -> int:
  """Into how many parts a batch is cut."""
  return mesh.size // batch_sharding(mesh).shard_shape((mesh.size,))[0]


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
  """Starts the transfer of this process's rows of a batch; does not wait.

  Args:
    batch: numpy arrays with the batch axis first, the `rows` of this process.
    mesh: from `make_mesh`.
  """
  sharding, splits = batch_sharding(mesh), _splits(mesh)
  made = len(next(iter(batch.values())))
  mine = rows(mesh, splits)
  batch_size = made * splits // len(mine)
  start = {int(row) * batch_size // splits: i * batch_size // splits
           for i, row in enumerate(mine)}

  def put(value: np.ndarray) -> jax.Array:
    def part(index: tuple[slice, ...]) -> np.ndarray:
      first = start[index[0].start or 0]
      return value[first:first + batch_size // splits][(slice(None), *index[1:])]
    return jax.make_array_from_callback(
        (batch_size, *value.shape[1:]), sharding, part)
  return {k: put(v) for k, v in batch.items()}


def place(tree: Any, where: Any) -> Any:
  """Host arrays, the same in every process, onto devices, each its part only.

  Args:
    tree: arrays.
    where: their shardings.
  """
  return jax.tree.map(
      lambda x, s: jax.make_array_from_callback(x.shape, s, lambda i: x[i]),
      tree, where)
