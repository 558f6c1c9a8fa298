"""The mesh, and one table for where every array of a run lives.

It gives the sharding of parameters, optimiser moments, averaged weights, gradients
and restore targets: all end in the same parameter path.
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
from vision_banana.models import sharding
from vision_banana.train.optim import path_of

AXES = ("data", "fsdp", "tensor")

# Leaves below this many elements are cheaper to replicate than to gather.
SMALL = 2**16

_BOTH = ("fsdp", "tensor")

# First match holds: axes of the last two dimensions (in, out) of a matrix. A
# projection that writes to the residual stream splits its input over `tensor`,
# every other its output, so that a pair needs one reduction. Where matrices are
# fused, the axis along which they lie side by side is whole in store, since its
# parts do not end where shards would; `layers.Linear` splits each part in use.
RULES: tuple[tuple[str, tuple[sharding.Axes, sharding.Axes]], ...] = (
    # Convolutions [h, w, in, out] and linear layers alike are gathered in use.
    (r"(^|/)autoencoder/", (None, _BOTH)),
    (r"(^|/)(qkv|mlp_in|fused_in)/kernel$", (_BOTH, None)),
    (r"(^|/)fused_out/kernel$", (None, _BOTH)),
    (r"(^|[/_])out/kernel$", ("tensor", "fsdp")),
    (r"(^|/)embedding$", (None, _BOTH)),
    # Adapters: a [rank, in], b [out, rank].
    (r"transformer_blocks\..*/a$", (None, _BOTH)),
    (r"transformer_blocks\..*/b$", (_BOTH, None)),
    (r"", ("fsdp", "tensor")),
)


@dataclasses.dataclass(frozen=True)
class MeshConfig:
  """Keys of `config.mesh`: devices along each axis; -1 takes what is left.

  Attributes:
    data: replicas that split the batch only. Of several TPU slices each holds whole
      replicas: their network is slow.
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
    UserError: the axes do not multiply to the number of devices, or `data` is no
      multiple of the number of slices.
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
  slices = _slices(devices)
  if sizes[0] % slices:
    raise UserError(
        f"config.mesh.data is {sizes[0]}; these are {slices} slices and each must hold "
        f"whole replicas: set config.mesh.data to {slices} or a multiple.")
  # An axis of 64 has to be folded into a torus of 16x16.
  if slices > 1:
    grid = mesh_utils.create_hybrid_device_mesh(
        (sizes[0] // slices, *sizes[1:]), (slices, 1, 1), devices,
        allow_split_physical_axes=True)
  else:
    grid = mesh_utils.create_device_mesh(
        sizes, devices, allow_split_physical_axes=True)
  # Auto: the compiler propagates shardings.
  return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * 3)


def _slices(devices: Sequence[jax.Device]) -> int:
  """How many TPU slices the devices are of; other devices' hosts are not told apart."""
  # The chips of a topology of one slice have no such number.
  return len({getattr(d, "slice_index", 0) if d.platform == "tpu" else 0
              for d in devices})


def check_batch(size: int, accumulate: int, mesh: Mesh) -> None:
  """Refuses a batch that devices cannot share evenly.

  Args:
    size: samples of a step, over all processes.
    accumulate: pieces that a step takes them in.
    mesh: from `make_mesh`.

  Raises:
    UserError: see above.
  """
  rows = mesh.shape["data"] * mesh.shape["fsdp"]
  if size % (rows * accumulate):
    raise UserError(
        f"config.data.batch_size is {size}; {accumulate} pieces "
        f"(config.train.accumulate) over {rows} devices (data and fsdp of "
        f"config.mesh) need a multiple of {rows * accumulate}.")


def spec(path: str, shape: tuple[int, ...], mesh: Any) -> PartitionSpec:
  """Where one parameter lives, from its path and shape.

  Leading axes (stacked layers) are not split, nor an axis that the mesh does not
  divide. A large array that no rule splits is split along its longest axis.
  """
  if not shape or int(np.prod(shape)) < SMALL:
    return PartitionSpec()
  axes = next(a for pattern, a in RULES if re.search(pattern, path))
  axes = (None,) * (len(shape) - 2) + axes[-len(shape):]
  return _split(axes, shape, mesh)


def _split(axes: tuple[sharding.Axes, ...], shape: tuple[int, ...], mesh: Any
           ) -> PartitionSpec:
  fitted = [sharding.fit(a, size, mesh) for a, size in zip(axes, shape, strict=True)]
  if not any(fitted):
    longest = int(np.argmax(shape))
    fitted[longest] = sharding.fit(_BOTH, shape[longest], mesh)
  return PartitionSpec(*fitted)


def shardings(tree: Any, mesh: Mesh) -> Any:
  """A `NamedSharding` for every leaf of any tree of arrays or shapes.

  Args:
    tree: parameters, or a state with `params`. What else a state holds lies where
      the parameter lies whose path its own ends in. Factored moments have a
      parameter's shape less one axis, and its spec less that axis.
    mesh: of devices, or abstract.
  """
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  shapes = {path_of(p): tuple(x.shape) for p, x in leaves}
  owners = {p.removeprefix("params/"): shape for p, shape in shapes.items()
            if p.startswith("params/")}

  def place(key_path, x):
    path, shape = path_of(key_path), tuple(x.shape)
    parts = path.split("/")
    ends = ("/".join(parts[i:]) for i in range(len(parts)))
    owner = next((end for end in ends if end in owners), path)
    whole = owners.get(owner, shape)
    if len(shape) == len(whole) - 1 and int(np.prod(shape)) >= SMALL:
      # optax drops the longest axis for `v_row` and the second longest for `v_col`;
      # of a square matrix the name alone says which.
      lost = np.argsort(whole)[-1 if "v_row" in parts else -2]
      if np.delete(whole, lost).tolist() == list(shape):
        axes = tuple(spec(owner, whole, mesh))
        return NamedSharding(mesh, _split(
            axes[:lost] + axes[lost + 1:], shape, mesh))
    return NamedSharding(mesh, spec(owner, shape, mesh))
  return jax.tree_util.tree_map_with_path(place, tree)


def constrain(tree: Any) -> Any:
  """Has the compiler lay out parameters, or their gradients, by the table.

  For use inside a jitted function under `jax.set_mesh`; nothing happens without.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or mesh.size == 1:
    return tree
  return jax.tree_util.tree_map_with_path(
      lambda p, x: jax.lax.with_sharding_constraint(
          x, spec(path_of(p), x.shape, mesh)), tree)


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
    tree: arrays, of this process alone.
    where: their shardings.
  """
  def put(x: Any, sharding: Any) -> jax.Array:
    x = np.asarray(x)  # Without a copy, where it lies in the host's memory.
    return jax.make_array_from_callback(x.shape, sharding, lambda i: x[i])
  return jax.tree.map(put, tree, where)
