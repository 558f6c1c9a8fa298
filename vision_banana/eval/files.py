"""Files that are either whole or absent."""

import contextlib
import io
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from vision_banana.errors import UserError

PathLike = str | os.PathLike[str]


def write_all(contents: Mapping[pathlib.Path, bytes]) -> None:
  """Writes every file under a temporary name, then gives all their real names.

  Args:
    contents: path → bytes; parent directories are made.

  Raises:
    UserError: when a directory or a file cannot be written; then no temporary
      file is left, and none of the files is half-written.
  """
  temporary: dict[str, pathlib.Path] = {}
  try:
    for path, data in contents.items():
      path.parent.mkdir(parents=True, exist_ok=True)
      handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
      temporary[name] = path
      with os.fdopen(handle, "wb") as f:
        f.write(data)
      os.chmod(name, 0o644)  # mkstemp makes them private
    for name, path in temporary.items():
      os.replace(name, path)
  except OSError as e:
    raise UserError(
        f"cannot write {e.filename or path}: {e.strerror or e}; choose a folder "
        "that can be written.") from e
  finally:
    for name in temporary:
      with contextlib.suppress(FileNotFoundError):
        os.unlink(name)


def png(rgb: np.ndarray) -> bytes:
  """PNG bytes of a uint8 [H,W,3] picture."""
  buffer = io.BytesIO()
  Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG")
  return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
  """NPY bytes of one array (no pickles)."""
  buffer = io.BytesIO()
  np.save(buffer, array, allow_pickle=False)
  return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
  """Compressed NPZ bytes of named arrays."""
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **arrays)
  return buffer.getvalue()


def json_text(value: Any) -> bytes:
  """JSON for people: indented, not escaped, with a line's end."""
  return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
