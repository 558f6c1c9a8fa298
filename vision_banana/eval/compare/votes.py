"""Votes: one JSON line each, on disk before the rater sees the next pair.

A line holds item, rater, choice ('a', 'b' or 'tie'), left (which folder was shown
there), digest (of the pair) and time. Who votes again on a pair adds a line; the
last one counts.
"""

import datetime
import json
import os
import pathlib
import threading
from collections.abc import Sequence

from vision_banana.errors import UserError
from vision_banana.eval import files
from vision_banana.eval.compare.pairs import Item
from vision_banana.eval.metrics import winrate

# What each choice is worth to the first folder.
CHOICES = {"a": winrate.WIN, "b": winrate.LOSS, "tie": winrate.TIE}


class Votes:
  """The file of votes.

  Attributes:
    unreadable: lines that are no votes, for example one that a crash cut short.
    stale: votes on pictures or prompts that have changed since; not counted.
  """

  def __init__(self, path: files.PathLike, items: Sequence[Item]):
    """Reads what is there.

    Args:
      path: a .jsonl file; made with the first vote.
      items: all pairs.

    Raises:
      UserError: it cannot be read.
    """
    self._path = pathlib.Path(path)
    self._items = {item.name: item for item in items}
    self._lock = threading.Lock()
    self._last: dict[tuple[str, str], str] = {}
    self.unreadable, stale = 0, set()
    try:
      data = self._path.read_bytes() if self._path.exists() else b""
    except OSError as e:
      raise UserError(f"{path}: {e.strerror or e}; make it readable, or choose "
                      "another --out.") from e
    for line in data.splitlines():
      try:
        vote = json.loads(line)
        rater, name, choice = vote["rater"], vote["item"], vote["choice"]
        digest = vote["digest"]
        if choice not in CHOICES or not isinstance(rater, str):
          raise ValueError(choice)
      except (ValueError, KeyError, TypeError):
        self.unreadable += bool(line.strip())
        continue
      item = self._items.get(name)
      if item is None or item.digest != digest:
        stale.add((rater, name))
      else:
        self._last[rater, name] = choice
    self.stale = len(stale - self._last.keys())

  def add(self, rater: str, item: Item, choice: str, left: str) -> None:
    """Stores a vote; it is on the disk when this returns.

    Args:
      rater: who.
      item: on which pair.
      choice: 'a', 'b' or 'tie'.
      left: 'a' or 'b', which was on the left; '' when there were no sides.

    Raises:
      UserError: it could not be stored, and does not count.
    """
    line = json.dumps({
        "item": item.name, "rater": rater, "choice": choice, "left": left,
        "digest": item.digest, "time": datetime.datetime.now(
            datetime.UTC).isoformat(timespec="seconds")}, ensure_ascii=False)
    with self._lock:
      try:
        self._append(line.encode() + b"\n")
      except OSError as e:
        raise UserError(f"{self._path}: the vote could not be stored "
                        f"({e.strerror or e}); free space or check the folder.") from e
      self._last[rater, item.name] = choice

  def _append(self, line: bytes) -> None:
    new = not self._path.exists()
    self._path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
      size = os.fstat(handle).st_size
      # A line that a crash cut short must not swallow this one.
      if size and os.pread(handle, 1, size - 1) != b"\n":
        line = b"\n" + line
      if os.write(handle, line) != len(line):
        raise OSError(28, "no space left")
      os.fsync(handle)
    finally:
      os.close(handle)
    if new:  # the name of a new file is on disk when its folder is
      folder = os.open(self._path.parent, os.O_RDONLY)
      try:
        os.fsync(folder)
      finally:
        os.close(folder)

  def choice(self, rater: str, item: Item) -> str | None:
    """What a rater last said of a pair."""
    return self._last.get((rater, item.name))

  def by_rater(self) -> dict[str, dict[str, str]]:
    """rater → item → choice, in order of names."""
    found: dict[str, dict[str, str]] = {}
    for (rater, name), choice in sorted(self._last.items()):
      found.setdefault(rater, {})[name] = choice
    return found
