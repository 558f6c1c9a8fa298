"""One endless order of samples, cut into batches that any number of hosts share."""

import atexit
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import grain
import numpy as np

from vision_banana.errors import UserError

Batch = dict[str, np.ndarray]
Scene = dict[str, Any]

_PREFETCH = 4  # Batches made ahead.


class Usable(grain.MapDataset):
  """A source in endless shuffled epochs, with a scene that passes at every place.

  Where a scene does not pass, the next one of the epoch's order that does takes its
  place. So every place can be read alone, which a filter would not allow: an epoch
  shows every usable scene at least once, and hosts need not read each other's part.
  """

  def __init__(self, epochs: grain.MapDataset, length: int,
               passes: Callable[[Scene], bool]):
    """`length` is that of one epoch."""
    super().__init__(epochs)
    self._epoch, self._passes = length, passes

  def __len__(self) -> int:
    return len(self._parent)

  def __getitem__(self, index):
    if isinstance(index, slice):
      return self.slice(index)
    place = index % self._epoch
    for ahead in range(self._epoch):
      scene = self._parent[index - place + (place + ahead) % self._epoch]
      if self._passes(scene):
        return scene
    raise UserError("no scene of a source can be used; take it out of the mixture.")


class Stream:
  """Batches of an order of samples, of which this process makes some rows.

  With B samples a batch, the batch after n samples holds samples n, …, n + B - 1 of
  the order, row by row, however many processes there are. The state is n alone. So a
  run goes on exactly with another number of hosts.
  """

  def __init__(self, samples: grain.MapDataset, batch_size: int,
               rows: Sequence[int], num_threads: int,
               finish: Callable[[Batch], Batch], turns: bool = False):
    """Opens the stream at its start.

    Args:
      samples: endless, random access.
      batch_size: B, over all processes.
      rows: which of 0..B-1 this process makes.
      num_threads: threads that make samples ahead; 0 leaves it to the one that
        makes batches.
      finish: applied to this process's rows of every batch.
      turns: whether only the samples of a whole batch have one shape (`order.Turns`).
    """
    self._samples, self._batch_size, self._rows = samples, batch_size, rows
    self._reading = grain.ReadOptions(num_threads=num_threads,
                                      prefetch_buffer_size=2 * num_threads)
    self._finish, self._turns = finish, turns
    self._batches = self._open(0)
    # A thread still at work when Python ends aborts the process.
    atexit.register(_close, weakref.ref(self))

  def _open(self, start: int) -> grain.DatasetIterator[Batch]:
    self._next = start
    mine = grain.MapDataset.select_from_datasets(
        [self._samples], _Rows(start, self._batch_size, self._rows))
    batches = mine.to_iter_dataset(self._reading).batch(len(self._rows))
    return iter(grain.experimental.ThreadPrefetchIterDataset(
        batches.map(self._finish), prefetch_buffer_size=_PREFETCH))

  def __iter__(self) -> "Stream":
    return self

  def __next__(self) -> Batch:
    batch = next(self._batches)
    self._next += self._batch_size
    return batch

  def get_state(self) -> dict[str, int]:
    """The number of samples that all processes have taken together."""
    return {"samples": self._next}

  def set_state(self, state: dict[str, int]) -> None:
    """Goes on from a state of any stream of the same config and data.

    With another batch size it goes on with the next sample or, where batches take turns,
    at the next that begins.

    Raises:
      UserError: it is no such state.
    """
    start = state.get("samples")
    if not isinstance(start, int) or start < 0:
      raise UserError(f"the checkpoint's data position {str(state)[:80]} is of another "
                      "version of this program; choose another --workdir.")
    self.close()
    if self._turns:
      start = -(-start // self._batch_size) * self._batch_size
    self._batches = self._open(start)

  def close(self) -> None:
    """Ends the threads."""
    self._batches.close()
    # grain closes again when the iterator is deleted; its modules may be gone then.
    self._batches.close = lambda: None


class _Rows:
  """Place in this process's rows → (0, place in the order); a selection of grain."""

  def __init__(self, start: int, batch_size: int, rows: Sequence[int]):
    self._start, self._batch_size = start, batch_size
    self._rows = [int(row) for row in rows]

  def __len__(self) -> int:
    return sys.maxsize

  def __getitem__(self, index: int) -> tuple[int, int]:
    batch, row = divmod(index, len(self._rows))
    return 0, self._start + batch * self._batch_size + self._rows[row]


def _close(reference: weakref.ref) -> None:
  stream = reference()
  if stream is not None:
    stream.close()
