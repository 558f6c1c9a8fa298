"""Tensors on disk: safetensors files, read piece by piece and written in a stream.

Reads a lone file, or the weights of a component folder of diffusers or
transformers, in one file or in shards with an index. Nothing is ever unpickled.
Plain reads, not a memory map: what was read does not stay in this process.
"""

import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping

import ml_dtypes
import numpy as np
import safetensors

from vision_banana.errors import UserError

_DTYPES = {
    "F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16), "I64": np.dtype(np.int64)}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_STEMS = ("diffusion_pytorch_model", "model")
# How the name of a list of shards ends.
INDEX = ".safetensors.index.json"


@dataclasses.dataclass(frozen=True)
class StoredTensor:
  """A tensor in a file, not yet read; slice its first axis to read those rows.

  Attributes:
    file: path of the safetensors file.
    shape: of the tensor.
    dtype: float32, float16, bfloat16 or int64.
    offset: of the first byte, from the start of the file.
  """
  file: str
  shape: tuple[int, ...]
  dtype: np.dtype
  offset: int

  def __getitem__(self, rows: slice) -> np.ndarray:
    start, stop, step = rows.indices(self.shape[0])
    if step != 1:
      raise IndexError(f"rows are read one after another, not with step {step}.")
    row = int(np.prod(self.shape[1:], dtype=np.int64))
    return self._read(start * row, (max(stop - start, 0), *self.shape[1:]))

  def read(self) -> np.ndarray:
    """The whole tensor.

    Raises:
      UserError: the file got shorter since it was opened.
    """
    return self._read(0, self.shape)

  def _read(self, skip: int, shape: tuple[int, ...]) -> np.ndarray:
    size = self.dtype.itemsize
    count = int(np.prod(shape, dtype=np.int64))
    with open(self.file, "rb") as f:
      raw = np.fromfile(f, np.uint8, count * size, offset=self.offset + skip * size)
    if raw.size != count * size:
      raise UserError(f"{self.file}: truncated while it was read; copy it again.")
    return raw.view(self.dtype).reshape(shape)


def open_tensors(path: str) -> dict[str, StoredTensor]:
  """Lists the tensors of a safetensors file or of a component folder.

  Only headers are read.

  Raises:
    UserError: no safetensors weights there, a damaged file, a type of number
      that is not supported, or an index that does not fit its files.
  """
  if os.path.isdir(path):
    tensors = {}
    for keys in _open_files(path).values():
      tensors |= keys
    return tensors
  if path.lower().endswith(_PICKLES):
    raise UserError(_pickle_message(path))
  return _open_file(path)


def layout(folder: str) -> dict[str, tuple[str, ...]]:
  """The weight files of a component folder: {file name: keys in it}.

  Raises:
    UserError: as `open_tensors`.
  """
  return {name: tuple(keys) for name, keys in _open_files(folder).items()}


def _pickle_message(path: str) -> str:
  return (f"{path}: pickled weights can run any code and are never read; give "
          "the .safetensors of this model.")


def _open_files(folder: str) -> dict[str, dict[str, StoredTensor]]:
  """{file name: {key: tensor}} of a component folder."""
  names = sorted(os.listdir(folder))
  found = [s + end for s in _STEMS for end in (INDEX, ".safetensors")
           if s + end in names]
  if len(found) > 1:
    raise UserError(
        f"{folder}: holds {' and '.join(found)}; keep the one that is meant.")
  if not found:
    pickles = [n for n in names if n.lower().endswith(_PICKLES)]
    raise UserError(
        _pickle_message(os.path.join(folder, pickles[0])) if pickles else
        f"{folder}: no weights ({' or '.join(s + '.safetensors' for s in _STEMS)}, "
        "or an index of shards); give a component folder such as transformer/.")
  if not found[0].endswith(INDEX):
    return {found[0]: _open_file(os.path.join(folder, found[0]))}
  path = os.path.join(folder, found[0])
  mapped = read_json(path).get("weight_map")
  if not isinstance(mapped, dict) or not mapped:
    raise UserError(f"{path}: has no weight_map; download it again.")
  unsafe = sorted({
      repr(n) for n in mapped.values()
      if not isinstance(n, str) or not re.fullmatch(r"\w[\w.\-]*\.safetensors", n)})
  if unsafe:
    raise UserError(
        f"{path}: names {', '.join(unsafe)}, not safetensors files of this folder; "
        "do not trust it.")
  _check_names(path, mapped)
  shards = sorted(set(mapped.values()))
  missing = [n for n in shards if not os.path.isfile(os.path.join(folder, n))]
  if missing:
    raise UserError(f"{path}: {', '.join(missing)} missing; download the rest.")
  files = {n: _open_file(os.path.join(folder, n)) for n in shards}
  problems = [f"{k} is not in {n}" for k, n in mapped.items() if k not in files[n]]
  for name, keys in files.items():
    for key in keys:
      if key not in mapped:
        problems.append(f"{key} of {name} is not listed")
      elif mapped[key] != name:
        problems.append(f"{key} is also in {name}")
  if problems:
    raise UserError(
        f"{path}: does not fit its files: {'; '.join(sorted(problems))}.")
  return files


def _open_file(path: str) -> dict[str, StoredTensor]:
  """The tensors of one safetensors file, its header verified by the library."""
  try:
    with safetensors.safe_open(path, framework="numpy"):
      pass
    with open(path, "rb") as f:
      length = int.from_bytes(f.read(8), "little")
      header = json.loads(f.read(length))
  except FileNotFoundError as e:
    raise UserError(f"{path}: no such file; check the path.") from e
  except (OSError, ValueError, safetensors.SafetensorError) as e:
    reason = str(e).splitlines()[0] if str(e) else type(e).__name__
    raise UserError(
        f"{path}: not a whole safetensors file ({reason}); copy it again.") from e
  header.pop("__metadata__", None)
  _check_names(path, header)
  others = sorted({v["dtype"] for v in header.values()} - _DTYPES.keys())
  if others:
    raise UserError(
        f"{path}: holds {', '.join(others)}; use weights stored as bfloat16, "
        "float16 or float32.")
  return {
      key: StoredTensor(
          path, tuple(v["shape"]), _DTYPES[v["dtype"]],
          8 + length + v["data_offsets"][0])
      for key, v in header.items()}


def _check_names(path: str, names: Iterable[str]) -> None:
  """Names reach messages and terminals."""
  odd = sorted(ascii(name) for name in names if not name.isprintable())
  if odd:
    raise UserError(
        f"{path}: has tensors named {', '.join(odd)}; do not trust it.")


def write_file(
    path: str,
    specs: Mapping[str, tuple[tuple[int, ...], np.dtype]],
    read: Callable[[str], np.ndarray],
) -> int:
  """Writes a safetensors file, holding one tensor at a time in memory.

  Args:
    path: destination; it appears when it is whole.
    specs: shape and type of every tensor.
    read: gives the tensor of a key; called once a key.

  Returns:
    Bytes of the tensors.

  Raises:
    OSError: the file cannot be written.
    ValueError: `read` gave something other than `specs` says.
  """
  # Wide types first keeps every tensor aligned, as the library does.
  keys = sorted(specs, key=lambda k: (-specs[k][1].itemsize, k))
  # The metadata is how PyTorch's loaders know whose layout this is.
  header, offset = {"__metadata__": {"format": "pt"}}, 0
  for key in keys:
    shape, dtype = specs[key]
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    header[key] = {"dtype": _NAMES[dtype], "shape": list(shape),
                   "data_offsets": [offset, offset + size]}
    offset += size
  text = json.dumps(header, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 8)
  temporary = f"{path}.{os.getpid()}.tmp"
  try:
    with open(temporary, "wb") as f:
      f.write(len(text).to_bytes(8, "little") + text)
      for key in keys:
        tensor = read(key)
        if (tensor.shape, tensor.dtype) != specs[key]:
          raise ValueError(f"{key}: {tensor.shape} {tensor.dtype}, not {specs[key]}.")
        f.write(np.ascontiguousarray(tensor).reshape(-1).view(np.uint8))
    os.replace(temporary, path)
  finally:
    if os.path.exists(temporary):
      os.remove(temporary)
  return offset


def write_index(
    path: str, files: Mapping[str, tuple[str, ...]], total_bytes: int
) -> None:
  """Writes the list of shards that `layout` reads."""
  mapped = {key: name for name, keys in files.items() for key in keys}
  content = {"metadata": {"total_size": total_bytes},
             "weight_map": dict(sorted(mapped.items()))}
  with open(path, "w", encoding="utf-8") as f:
    f.write(json.dumps(content, indent=2) + "\n")


def read_json(path: str) -> dict:
  """Reads a JSON object.

  Raises:
    UserError: no such file, or it holds something else.
  """
  try:
    with open(path, encoding="utf-8") as f:
      value = json.load(f)
  except FileNotFoundError as e:
    raise UserError(f"{path}: no such file; give a whole model folder.") from e
  except (OSError, ValueError, RecursionError) as e:
    raise UserError(f"{path}: not readable as JSON; download it again.") from e
  if not isinstance(value, dict):
    raise UserError(f"{path}: not a JSON object; download it again.")
  return value
