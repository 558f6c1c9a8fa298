"""The mesh, and one rule for where every array of a run lives.

The same function gives the sharding of parameters, optimiser moments, averaged
weights and restore targets: all end in the same parameter path and shape.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
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


def make_mesh(
    config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
  """A (data, fsdp, tensor) mesh, also over one device.

  Args:
    config: devices along each axis.
    devices: None takes all there are.

  Raises:
    UserError: the axes do not multiply to the number of devices.
  """
  sizes = [config.data, config.fsdp, config.tensor]
  devices = list(jax.devices() if devices is None else devices)
  total = len(devices)
  fixed = int(np.prod([s for s in sizes if s != -1]))
  if sizes.count(-1) == 1 and fixed > 0 and total % fixed == 0:
    sizes[sizes.index(-1)] = total // fixed
  if min(sizes) < 1 or int(np.prod(sizes)) != total:
    raise UserError(
        f"config.mesh: data={config.data} fsdp={config.fsdp} tensor={config.tensor} "
        f"does not fit {total} devices; at most one axis may be -1.")
  # An axis of 64 has to be folded into a torus of 16x16.
  grid = mesh_utils.create_device_mesh(
      sizes, devices, allow_split_physical_axes=True)
  # Auto: the compiler propagates shardings.
  return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * 3)


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


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
  """Starts the transfer of this process's part of a batch; does not wait.

  Args:
    batch: numpy arrays with the batch axis first.
    mesh: from `make_mesh`.
  """
  sharding = batch_sharding(mesh)
  return {k: jax.make_array_from_process_local_data(sharding, v)
          for k, v in batch.items()}
