"""What stands at each place of the order."""

import grain
import pytest

from vision_banana.data import stream
from vision_banana.errors import UserError


def usable(passes, length=10, seed=1):
  epochs = grain.MapDataset.range(length).shuffle(seed=seed).repeat()
  return epochs, stream.Usable(epochs, length, passes)


def test_where_all_pass_nothing_changes():
  epochs, kept = usable(lambda x: True)
  assert [kept[i] for i in range(35)] == [epochs[i] for i in range(35)]


def test_a_scene_that_does_not_pass_gives_its_place_to_the_next_of_the_epoch():
  epochs, kept = usable(lambda x: x % 3)
  for epoch in range(4):
    order = [epochs[i] for i in range(10 * epoch, 10 * epoch + 10)]
    found = [kept[i] for i in range(10 * epoch, 10 * epoch + 10)]
    assert set(found) == {x for x in range(10) if x % 3}
    for place, x in enumerate(found):
      assert x == next(y for y in order[place:] + order if y % 3)


def test_none_that_passes_is_an_error_not_a_hang():
  _, kept = usable(lambda x: False)
  with pytest.raises(UserError, match="no scene"):
    kept[3]
