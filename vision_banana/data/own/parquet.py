"""Records of parquet files, read a row group at a time."""

import bisect
import collections
import itertools
import pathlib
import threading
import warnings
from collections.abc import Sequence
from typing import Any

from vision_banana.data import order
from vision_banana.errors import UserError

# Row groups kept in memory, by the size they have there.
_KEPT_BYTES = 2 << 30


class Parquet:
  """Rows of parquet files, one after the other.

  A row is read with the row group it is in; the groups used last are kept. So an
  order that stays among few groups at a time (`blocks`) reads each once.
  """

  def __init__(self, files: Sequence[pathlib.Path]):
    """Raises UserError where a file cannot be read or has other columns."""
    # Only those who use parquet pay for it.
    import pyarrow  # pylint: disable=g-import-not-at-top
    from pyarrow import parquet  # pylint: disable=g-import-not-at-top
    self._errors = (pyarrow.ArrowException, OSError, UnicodeDecodeError)
    self._open = parquet.ParquetFile
    # The file's metadata, the file, number, first row and rows of each group.
    self._groups: list[tuple[Any, pathlib.Path, int, int, int]] = []
    self._lock = threading.Lock()
    self._kept: collections.OrderedDict[int, tuple[Any, int]] = (
        collections.OrderedDict())
    self._columns: list[str] | None = None  # None: all.
    columns, largest = None, 0
    for path in files:
      try:
        with self._open(path) as file:
          metadata, names = file.metadata, file.schema_arrow.names
      except self._errors as e:
        raise UserError(f"{path}: not readable parquet ({_line(e)}); write or "
                        "download it again.") from e
      if columns is not None and names != columns:
        raise UserError(f"{path}: columns {', '.join(names)}, where {files[0].name} "
                        f"has {', '.join(columns)}; keep one kind in a folder.")
      columns, first = names, 0
      for g in range(metadata.num_row_groups):
        count = metadata.row_group(g).num_rows
        largest = max(largest, metadata.row_group(g).total_byte_size)
        if count:
          self._groups.append((metadata, path, g, first, count))
        first += count
    self._names = set(columns or ())
    if largest * order.WINDOW > _KEPT_BYTES:
      warnings.warn(f"{files[0].parent}: row groups of {largest >> 20} MiB are too "
                    "large to be kept, each will be read many times; write the files "
                    "with fewer rows in a group (row_group_size=100).")
    self._ends = list(itertools.accumulate(g[-1] for g in self._groups))

  def __len__(self) -> int:
    return self._ends[-1] if self._ends else 0

  def columns(self) -> set[str]:
    return self._names

  def keep(self, columns: Sequence[str]) -> None:
    self._columns = list(columns)

  @property
  def blocks(self) -> Sequence[int]:
    return [g[-1] for g in self._groups]

  def read(self, index: int) -> dict[str, Any]:
    group, row = self._place(index)
    try:
      return self._table(group).slice(row, 1).to_pylist()[0]
    except self._errors as e:
      raise UserError(f"{self.where(index)}: not readable parquet ({_line(e)}); write "
                      "or download it again.") from e

  def where(self, index: int) -> str:
    group, row = self._place(index)
    _, path, _, first, _ = self._groups[group]
    return f"{path} row {first + row}"

  def root(self, index: int) -> pathlib.Path:
    return self._groups[self._place(index)[0]][1].parent

  def _place(self, index: int) -> tuple[int, int]:
    group = bisect.bisect_right(self._ends, index)
    return group, index - (self._ends[group - 1] if group else 0)

  def _table(self, group: int) -> Any:
    with self._lock:  # No group is read twice at a time.
      if group not in self._kept:
        metadata, path, number, _, _ = self._groups[group]
        # Opened anew: of thousands of files not all can stay open.
        with self._open(path, metadata=metadata, pre_buffer=True) as file:
          table = file.read_row_group(
              number, columns=self._columns, use_threads=False)
        self._kept[group] = table, table.nbytes
        while len(self._kept) > 1 and (
            sum(size for _, size in self._kept.values()) > _KEPT_BYTES):
          self._kept.popitem(last=False)
      self._kept.move_to_end(group)
      return self._kept[group][0]


def _line(error: Exception) -> str:
  return (str(error).strip().splitlines() or [type(error).__name__])[0]
