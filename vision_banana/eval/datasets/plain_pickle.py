"""Pickles of plain data: numbers, text, lists, dicts. Anything else is refused.

A pickle is a program; an unrestricted one runs whatever its author wrote. RefCOCOg
is distributed as one, so it is read by an unpickler that knows no class at all.
"""

import io
import pathlib
import pickle
from typing import Any

from vision_banana.errors import UserError


class _Plain(pickle.Unpickler):
  """Refuses every class and function."""

  def find_class(self, module: str, name: str) -> Any:
    raise pickle.UnpicklingError(f"it asks for {module}.{name}")

  def persistent_load(self, pid: Any) -> Any:
    raise pickle.UnpicklingError("it refers to objects outside of it")


def read(path: pathlib.Path) -> Any:
  """Reads a pickle of numbers, text (Python 2's is latin-1), lists and dicts.

  Raises:
    UserError: missing, broken, or with anything that is not plain data.
  """
  try:
    data = path.read_bytes()
  except OSError as e:
    raise UserError(f"{path}: cannot be read ({e.strerror or e}); restore the "
                    "file.") from e
  try:
    return _Plain(io.BytesIO(data), encoding="latin1").load()
  except Exception as e:  # A broken pickle raises nearly anything.
    raise UserError(f"{path}: not a pickle of plain data ({type(e).__name__}: {e}); "
                    "nothing of it was run; restore the file.") from e
