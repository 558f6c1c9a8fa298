import grain
import pytest

from vision_banana.data import order

BLOCKS = [3, 1, 4, 2, 5] * 6
COUNT = sum(BLOCKS)


def shuffled(seed=0):
  return order.BlockShuffle(
      grain.MapDataset.range(COUNT), blocks=BLOCKS, seed=seed)


def test_every_epoch_shows_each_row_once_in_its_own_order():
  endless = shuffled().repeat()
  epochs = [[endless[e * COUNT + i] for i in range(COUNT)] for e in range(3)]
  assert all(sorted(e) == list(range(COUNT)) for e in epochs)
  assert len(set(map(tuple, epochs))) == 3
  assert epochs[0] != list(range(COUNT))
  assert [shuffled().repeat()[i] for i in (5, COUNT + 7)] == [
      epochs[0][5], epochs[1][7]]
  assert [shuffled(1)[i] for i in range(COUNT)] != epochs[0]
  assert [shuffled()[2:9][i] for i in range(7)] == epochs[0][2:9]


@pytest.mark.parametrize("seed", range(3))
def test_a_memory_of_a_window_of_blocks_reads_each_once(seed):
  block = [b for b, n in enumerate(BLOCKS) for _ in range(n)]
  kept, reads = [], 0
  for i in range(COUNT):
    b = block[shuffled(seed)[i]]
    if b not in kept:
      reads += 1
      kept = [*kept, b][-order.WINDOW:]
  assert reads == len(BLOCKS)
