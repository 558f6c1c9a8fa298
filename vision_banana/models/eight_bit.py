"""Weight matrices in 8 bits: half the file of float16, for small models in the repo.

Symmetric and linear, with a scale for each column (output channel) of each matrix: an
entry is off by at most half a step, 1/254 of the largest in its column.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

_SCALE = ":scale"
_STEPS = 127


def pack(flat: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Matrices [..., in, out] as int8, with float32 scales [..., 1, out] beside them.

  Vectors, named scale or bias, also where a leading axis stacks them, become float16.

  Args:
    flat: 'a/b/c' → float array.

  Returns:
    The same names, and one more for each matrix.
  """
  packed: dict[str, np.ndarray] = {}
  for name, value in flat.items():
    value = np.asarray(value, np.float32)
    if value.ndim < 2 or name.rpartition("/")[2] in ("scale", "bias"):
      packed[name] = np.array(value, np.float16, order="C")
      continue
    scale = np.abs(value).max(-2, keepdims=True) / _STEPS
    rounded = np.rint(np.divide(value, scale, out=np.zeros_like(value), where=scale > 0))
    packed[name] = np.array(rounded, np.int8, order="C")
    packed[name + _SCALE] = np.array(scale, np.float32, order="C")
  return packed


def unpack(
    names: Iterable[str], read: Callable[[str], np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
  """The arrays of what `pack` or any other storage holds, one at a time.

  Args:
    names: of what is stored.
    read: gives the array of a name.

  Yields:
    Name and array: float32 where a scale is stored beside it, else as it was read.

  Raises:
    ValueError: a scale does not fit its matrix, or has none.
  """
  names = set(names)
  for name in sorted(names):
    if name.endswith(_SCALE):
      if name.removesuffix(_SCALE) not in names:
        raise ValueError(f"{name} has no matrix that it fits")
      continue
    value = read(name)
    if name + _SCALE in names:
      scale = read(name + _SCALE)
      if scale.shape != (*value.shape[:-2], 1, *value.shape[-1:]):
        raise ValueError(f"{name}{_SCALE} has no matrix that it fits")
      value = value.astype(np.float32) * scale
    elif value.dtype == np.int8:
      raise ValueError(f"{name} is in 8 bits and has no scale")
    yield name, value
