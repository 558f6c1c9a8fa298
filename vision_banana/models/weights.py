"""Published weights to our parameters and back, bit for bit.

Tensors stream: one block of rows at a time is read, turned, and put in its place,
so that memory holds the parameters and little else.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding, SingleDeviceSharding

from vision_banana.errors import UserError
from vision_banana.models.safetensors_io import StoredTensor
from vision_banana.models.weight_tables import Piece, WeightMap

ShardingRule = Callable[[str, tuple[int, ...]], Sharding]

# What is read at a time: little enough to stay in cache while it is transposed.
_BLOCK_BYTES = 2**20
# XLA's CPU backend takes host memory as its own, without a copy, when aligned so.
_ALIGNMENT = 64


def on(device: jax.Device) -> ShardingRule:
  """Puts every parameter on one device."""
  where = SingleDeviceSharding(device)
  return lambda path, shape: where


def check(tensors: Mapping[str, Any], wanted: WeightMap, where: str) -> None:
  """Compares stored tensors with what a network needs, strictly both ways.

  Args:
    tensors: anything with `shape` and `dtype`, by key.
    wanted: of the network.
    where: the path, for the message.

  Raises:
    UserError: listing every tensor that is missing, unknown, or of another shape
      or type.
  """
  shapes = wanted.stored_shapes
  problems = [f"{k} is missing" for k in shapes.keys() - tensors.keys()]
  problems += [f"{k} is not of this network"
               for k in tensors.keys() - shapes.keys() - wanted.ignored]
  for key in shapes.keys() & tensors.keys():
    tensor = tensors[key]
    if tuple(tensor.shape) != shapes[key]:
      problems.append(f"{key} is {list(tensor.shape)}, not {list(shapes[key])}")
    kind = jnp.integer if _counts(key) else jnp.floating
    if not jnp.issubdtype(tensor.dtype, kind):
      problems.append(f"{key} is {tensor.dtype}, not {kind.__name__}")
  if problems:
    raise UserError(
        f"{where}: does not fit the network: {'; '.join(sorted(problems))}.")


def to_ours(
    tensors: Mapping[str, Any],
    wanted: WeightMap,
    *,
    dtype: Any = None,
    sharding: ShardingRule | None = None,
    where: str = "weights",
) -> dict[str, jax.Array]:
  """Parameters of published tensors.

  Args:
    tensors: arrays or `StoredTensor`s by published key.
    wanted: of the network.
    dtype: of the parameters; None keeps the stored one.
    sharding: gives the sharding of a path and shape; None puts all on the first
      device of this process. A device's part alone is read for it.
    where: the path, for messages.

  Returns:
    {'a/b/c': array}.

  Raises:
    UserError: as `check`.
  """
  check(tensors, wanted, where)
  rule = sharding or on(jax.local_devices()[0])
  out = {}
  for path, shape in wanted.shapes.items():
    pieces = wanted.by_path[path]
    if _counts(path):
      kind = np.dtype(np.int32)
    else:
      kind = np.dtype(dtype or jnp.result_type(*{tensors[p.key].dtype for p in pieces}))
    out[path] = jax.make_array_from_callback(
        shape, rule(path, shape),
        lambda index: _assemble(tensors, pieces, shape, index, kind))
  return out


def to_reference(
    params: Mapping[str, Any], wanted: WeightMap, *, dtype: Any = None
) -> dict[str, np.ndarray]:
  """Published tensors of parameters: the inverse of `to_ours`.

  Args:
    params: arrays by path.
    wanted: of the network.
    dtype: of the tensors; None keeps that of the parameters.

  Returns:
    Arrays by published key, `wanted.ignored` left out.

  Raises:
    UserError: the parameters are not those of the network; all problems listed.
  """
  check_params(params, wanted)
  return {key: published(params, wanted, key, dtype) for key in wanted.by_key}


def published_dtype(key: str, ours: Any, dtype: Any) -> np.dtype:
  """Type a tensor is stored in: `dtype`, else that of our parameter."""
  return np.dtype(np.int64 if _counts(key) else dtype or ours)


def check_params(params: Mapping[str, Any], wanted: WeightMap) -> None:
  """Raises UserError, listing every parameter that is not as the network needs it."""
  problems = [f"{k} is missing" for k in wanted.shapes.keys() - params.keys()]
  problems += [f"{k} is not of this network"
               for k in params.keys() - wanted.shapes.keys()]
  problems += [
      f"{k} is {list(params[k].shape)}, not {list(shape)}"
      for k, shape in wanted.shapes.items()
      if k in params and tuple(params[k].shape) != shape]
  if problems:
    raise UserError(
        f"parameters: do not fit the network: {'; '.join(sorted(problems))}.")


def published(
    params: Mapping[str, Any], wanted: WeightMap, key: str, dtype: Any
) -> np.ndarray:
  """The published tensor `key` of our parameters, as `to_reference` gives it."""
  kind = published_dtype(key, params[wanted.by_key[key][0].path].dtype, dtype)
  out = np.empty(wanted.stored_shapes[key], kind)
  for piece in wanted.by_key[key]:
    value = params[piece.path]
    value = np.asarray(value if piece.layer is None else value[piece.layer])
    if not piece.axes:
      out[...] = value
      continue
    part = [slice(None)] * len(piece.axes)
    part[piece.axis] = slice(piece.start, piece.start + piece.size)
    back = value[tuple(part)].transpose(np.argsort(piece.axes))
    out[piece.row:piece.row + piece.size] = back
  return out


def _counts(name: str) -> bool:
  """Whether a tensor is batch norm's counter, the only one of integers."""
  return name.endswith("num_batches_tracked")


def _assemble(
    tensors: Mapping[str, Any],
    pieces: list[Piece],
    shape: tuple[int, ...],
    index: tuple[slice, ...],
    dtype: np.dtype,
) -> np.ndarray:
  """The part `index` of a parameter, from the stored rows that fall in it."""
  bounds = [s.indices(n)[:2] for s, n in zip(index, shape)]
  out = _empty(tuple(stop - start for start, stop in bounds), dtype)
  for piece in pieces:
    tensor, target, inner = tensors[piece.key], out, bounds
    if piece.layer is not None:
      first, last = bounds[0]
      if not first <= piece.layer < last:
        continue
      target, inner = out[piece.layer - first], bounds[1:]
    if not inner:
      value = tensor.read() if isinstance(tensor, StoredTensor) else tensor
      target[...] = np.asarray(value).astype(dtype)
      continue
    low, high = inner[piece.axis]
    begin, end = max(low, piece.start), min(high, piece.start + piece.size)
    row_bytes = int(np.prod(tensor.shape[1:])) * np.dtype(tensor.dtype).itemsize
    step = max(1, _BLOCK_BYTES // max(1, row_bytes))
    for at in range(begin, end, step):
      stop = min(at + step, end)
      shift = piece.row - piece.start
      block = np.asarray(tensor[at + shift:stop + shift]).transpose(piece.axes)
      source = [slice(*b) for b in inner]
      source[piece.axis] = slice(None)
      place = [slice(None)] * len(inner)
      place[piece.axis] = slice(at - low, stop - low)
      target[tuple(place)] = block[tuple(source)]
  return out


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
  """Uninitialised memory that needs no copy to become a CPU array."""
  size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
  raw = np.empty(size + _ALIGNMENT, np.uint8)
  skip = -raw.ctypes.data % _ALIGNMENT
  return raw[skip:skip + size].view(dtype).reshape(shape)
