"""Random orders that are kind to how a source is stored."""

import functools
import sys
from collections.abc import Sequence
from typing import Any

import grain
import numpy as np

# Blocks that are mixed with each other: what a parquet source keeps in memory.
WINDOW = 8


class BlockShuffle(grain.MapDataset):
  """Shuffles a dataset that is read in blocks, each once in an epoch.

  The blocks come in random order, and rows are shuffled among `WINDOW` neighbours of
  that order. Each epoch has an order of its own, and every place can be read alone.
  """

  def __init__(self, parent: grain.MapDataset, *, blocks: Sequence[int], seed: int):
    """`blocks` are the lengths of the runs; they sum to that of `parent`."""
    super().__init__(parent)
    ends = np.cumsum(blocks)
    self._rows = np.split(np.arange(len(parent)), ends[:-1])
    self._seed = seed
    self._order = functools.lru_cache(maxsize=2)(self._make_order)

  def __len__(self) -> int:
    return len(self._parent)

  def __getitem__(self, index: Any) -> Any:
    if isinstance(index, slice):
      return self.slice(index)
    epoch, place = divmod(index, len(self))
    return self._parent[int(self._order(epoch)[place]) + epoch * len(self)]

  def _make_order(self, epoch: int) -> np.ndarray:
    rng = np.random.default_rng((self._seed, epoch))
    blocks = rng.permutation(len(self._rows))
    windows = (blocks[i:i + WINDOW] for i in range(0, len(blocks), WINDOW))
    return np.concatenate([rng.permutation(np.concatenate(
        [self._rows[b] for b in window])) for window in windows])


class Turns:
  """A selection of grain: datasets take turns by weight, a whole batch at a time."""

  def __init__(self, weights: Sequence[float], batch_size: int):
    self._batch_size = batch_size
    self._order = grain.MapDataset.mix(
        [grain.MapDataset.range(2**50).map(lambda number, d=d: (d, number))
         for d in range(len(weights))], weights)

  def __len__(self) -> int:
    return sys.maxsize

  def __getitem__(self, index: int) -> tuple[int, int]:
    batch, row = divmod(index, self._batch_size)
    dataset, number = self._order[batch]
    return dataset, number * self._batch_size + row
