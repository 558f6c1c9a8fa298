"""Which scenes a task can use: none is overlooked, and most are not looked at."""

import numpy as np
import pytest

from vision_banana.data import buckets, mixture, pipeline, usable
from vision_banana.errors import UserError

IMAGE = np.zeros((4, 4, 3), np.uint8)
TOLD = mixture.Component("text_to_image", "mine", 1)


class Captions:
  """Pictures, of which some have a caption; counts what is read."""

  def __init__(self, count, told):
    self._count, self._told, self.reads = count, told, 0

  def __len__(self):
    return self._count

  def __getitem__(self, index):
    self.reads += 1
    return {"image": IMAGE, **({"caption": "x"} if self._told(index) else {})}


def parts(source, generated=False):
  part = buckets.Part(source, range(len(source)))
  return usable.parts(TOLD, {(4, 4): part}, (), generated)


@pytest.mark.parametrize("told", [lambda i: i % 2, lambda i: i % 8 == 7,
                                  lambda i: i == 511])
def test_no_period_and_no_rarity_hides_what_can_be_used(told):
  assert parts(Captions(512, told)).keys() == {(4, 4)}
  config = pipeline.DataConfig(mixture={"text_to_image@mine": 1}, size=4, batch_size=2)
  stream = pipeline.train_iterator(
      config, lambda prompts: (np.zeros((len(prompts), 1)),) * 2,
      sources={"mine": Captions(512, told)})
  assert next(stream)["values"].shape[0] == 2
  stream.close()


def test_large_sources_are_read_no_further_than_needed():
  source = Captions(10**6, lambda i: i % 2)
  parts(source)
  assert source.reads < 30
  source = Captions(10**6, lambda i: False)
  with pytest.raises(UserError, match=r"'text_to_image@mine': no scene can be used \(no "
                     "field 'caption'"):
    parts(source, generated=True)
  assert source.reads == usable.PROBE


def test_the_order_holds_each_index_once_and_goes_back_once():
  found = usable.order(1000)
  assert sorted(found) == list(range(1000)) and (np.diff(found) < 0).sum() == 1
  assert usable.order(3).tolist() == [0, 1, 2]


def test_names_of_every_second_scene_are_known():
  source = [{"image": IMAGE, "categories": ["mug"] if i % 2 else []}
            for i in range(512)]
  assert pipeline.Scenes(source, 4, False, True)[0]["absent"] == ["mug"]
