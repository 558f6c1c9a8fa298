"""Folders that appear whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from vision_banana.errors import UserError


@contextlib.contextmanager
def whole(folder: str, *, replace: bool) -> Iterator[str]:
  """Yields a folder to fill, which takes the name `folder` when all went well.

  Args:
    folder: destination; folders above it are made.
    replace: whether an older folder of that name gives way; else it is an error.

  Raises:
    UserError: the destination exists or cannot be written.
  """
  folder = os.path.abspath(folder)
  if not replace and os.path.lexists(folder):
    raise UserError(f"{folder}: exists; remove it or choose another folder.")
  temporary = ""
  try:
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(folder))
    yield temporary
    os.chmod(temporary, 0o755)  # mkdtemp makes it private.
    if os.path.isdir(folder):
      old = temporary + ".old"
      os.rename(folder, old)
      os.rename(temporary, folder)
      shutil.rmtree(old)
    else:
      os.rename(temporary, folder)
  except OSError as e:
    raise UserError(f"{folder}: cannot be written ({e.strerror or e}); free space or "
                    "choose another folder.") from e
  finally:
    if temporary:
      shutil.rmtree(temporary, ignore_errors=True)
