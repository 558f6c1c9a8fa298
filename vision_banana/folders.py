"""Folders that appear whole or not at all."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator

from vision_banana.errors import UserError


@contextlib.contextmanager
def whole(folder: str, *, replace: bool) -> Iterator[str]:
  """Yields a folder to fill, which takes the name `folder` when all went well.

  Args:
    folder: destination; folders above it are made.
    replace: whether an older folder of that name gives way; else it is an error. What
      killed writes of it left behind goes too, so nobody else may be writing it.

  Raises:
    UserError: the destination exists or cannot be written.
  """
  folder = os.path.abspath(folder)
  if not replace and os.path.lexists(folder):
    raise UserError(f"{folder}: exists; remove it or choose another folder.")
  parent, name = os.path.split(folder)
  temporary = ""
  try:
    os.makedirs(parent, exist_ok=True)
    if replace:
      _tidy(parent, name)
    temporary = tempfile.mkdtemp(prefix=f".new-{name}-", dir=parent)
    yield temporary
    os.chmod(temporary, 0o755)  # mkdtemp makes it private.
    if os.path.isdir(folder):
      _exchange(temporary, folder)
    else:
      os.rename(temporary, folder)
  except OSError as e:
    raise UserError(f"{folder}: cannot be written ({e.strerror or e}); free space or "
                    "choose another folder.") from e
  finally:
    if temporary:
      shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: str, folder: str) -> None:
  """Puts `new` in the place of `folder`, or leaves that as it is."""
  old = new + ".old"
  os.rename(folder, old)
  try:
    os.rename(new, folder)
  except OSError:
    os.rename(old, folder)
    raise
  shutil.rmtree(old)


def _tidy(parent: str, name: str) -> None:
  """Undoes what writes of a folder left when they were killed."""
  left = re.compile(rf"\.new-{re.escape(name)}-[^-.]{{8}}(\.old)?")
  for entry in filter(left.fullmatch, sorted(os.listdir(parent), reverse=True)):
    path, folder = os.path.join(parent, entry), os.path.join(parent, name)
    if entry.endswith(".old") and not os.path.lexists(folder):
      os.rename(path, folder)  # Killed between two renames.
    else:
      shutil.rmtree(path)
