"""Batches of several shapes: one at a time, in proportion, exactly resumable."""

import collections
import json

import numpy as np
import pytest

from tests.data import fake
from tests.data.pipeline_test import assert_equal, take, tokenize
from vision_banana.data import pipeline
from vision_banana.errors import UserError
from vision_banana.tasks import tasks

ASPECTS = (1.0, 2.0, 0.5)
SHAPES = {(32, 32), (16, 48), (48, 16)}


def scene(index, height, width):
  """A fake room cut to a shape."""
  whole = fake.scene(index, 48)
  cut = {k: (v[:height, :width] if isinstance(v, np.ndarray) else v)
         for k, v in whole.items()}
  cut["edits"] = [(text, image[:height, :width]) for text, image in whole["edits"]]
  return cut


# Of ten scenes six are square, three wide and one is tall.
SCENES = [scene(i, *size) for i, size in enumerate(
    [(40, 40)] * 6 + [(20, 46)] * 3 + [(46, 20)])]


def open_(rows=None, source=SCENES, **changes):
  config = pipeline.DataConfig(**{
      "mixture": {"depth": 2, "text_to_image": 1, "editing": 1}, "size": 32,
      "aspects": ASPECTS, "batch_size": 4, **changes})
  return pipeline.train_iterator(config, tokenize, sources={"rooms": source},
                                 rows=rows)


def shape(batch):
  assert batch["valid"].shape[1:] == batch["values"].shape[2:4]
  assert batch["labels"].shape[2:] == batch["values"].shape[2:4]
  return batch["values"].shape[2:4]


def test_batches_have_one_shape_each_and_shapes_their_share():
  batches = take(open_(), 50)
  counts = collections.Counter(map(shape, batches))
  assert counts.keys() == SHAPES
  for size, share in (((32, 32), 30), ((16, 48), 15), ((48, 16), 5)):
    assert abs(counts[size] - share) <= 2
  asked = collections.Counter(tasks.TASKS[t] for b in batches for t in b["task"])
  for task, share in (("depth", 100), ("text_to_image", 50), ("editing", 50)):
    assert abs(asked[task] - share) <= 8


def test_scenes_are_seen_in_their_own_shape_and_once_an_epoch():
  """The wide ones: three, in batches of three."""
  batches = [b for b in take(open_(mixture={"depth": 1}, batch_size=3, flip=False), 30)
             if shape(b) == (16, 48)]
  wide = SCENES[6:9]
  for batch in batches:
    found = [next(i for i, s in enumerate(wide) if values[0, ..., 0].size and np.isin(
        values[0, ..., 0][~np.isnan(values[0, ..., 0])], s["depth"]).all())
             for values in batch["values"]]
    assert sorted(found) == [0, 1, 2]


@pytest.mark.parametrize("after", [1, 6])
def test_a_restored_iterator_continues_bit_for_bit(after):
  whole = take(open_(), after + 8)
  first = open_()
  take(first, after)
  state = json.loads(json.dumps(first.get_state()))
  second = open_()
  second.set_state(state)
  assert_equal(take(second, 8), whole[after:])


def test_another_batch_size_goes_on_at_the_next_whole_batch():
  first, second = open_(), open_(batch_size=6)
  take(first, 2)
  second.set_state(first.get_state())
  # Eight samples were seen: two of them are of the second batch of six.
  assert_equal(take(second, 8), take(open_(batch_size=6), 10)[2:])


def test_processes_agree_on_the_shape_of_every_batch():
  parts = [take(open_(rows), 30) for rows in ((0, 1), (2, 3))]
  for part, rows in zip(parts, ((0, 1), (2, 3))):
    assert_equal(part, [{k: v[list(rows)] for k, v in b.items()}
                        for b in take(open_(), 30)])
  assert [shape(b) for b in parts[0]] == [shape(b) for b in parts[1]]
  assert {shape(b) for b in parts[0]} == SHAPES


def test_square_scenes_give_the_stream_they_give_without_buckets():
  square = SCENES[:6]
  assert_equal(take(open_(source=square), 5),
               take(open_(source=square, aspects=(1.0,)), 5))


def test_a_shape_whose_scenes_a_task_cannot_use_is_left_to_the_others():
  source = [dict(s) for s in SCENES]
  for s in source[6:9]:
    del s["caption"]
  batches = take(open_(source=source, mixture={"text_to_image": 1}), 20)
  assert {shape(b) for b in batches} == {(32, 32), (48, 16)}
  for s in source:
    s.pop("caption", None)
  with pytest.raises(UserError, match="no scene can be used"):
    open_(source=source, mixture={"text_to_image": 1})


def test_references_have_the_shape_of_the_target():
  """Also where the edited picture has another size than the picture."""
  source = [{"image": np.full((20, 46, 3), 10, np.uint8),
             "edits": [("x", np.full((90, 90, 3), 200, np.uint8))]}]
  batch, = take(open_(source=source, mixture={"editing": 1}, p_negative=0), 1)
  assert shape(batch) == (16, 48)
  np.testing.assert_allclose(batch["values"][:, 0], 200 / 255, atol=1e-6)
  np.testing.assert_allclose(batch["values"][:, 1], 10 / 255, atol=1e-6)


def test_blocks_of_a_source_are_kept_together():
  class Blocked(list):
    blocks = [2] * 5
    order = []

    def __getitem__(self, index):
      self.order.append(index)
      return super().__getitem__(index)

  source = Blocked(fake.scene(i, 16) for i in range(10))
  iterator = open_(source=source, mixture={"depth": 1}, p_negative=0, size=16,
                   aspects=(1.0,), batch_size=10, p_drop_prompt=0)
  depths = [s["depth"][0, 0] for s in source]
  take(iterator, 2)
  assert len(depths) == 10
  assert collections.Counter(source.order[1:21]) == dict.fromkeys(range(10), 2)


@pytest.mark.parametrize("changes, message", [
    ({"aspects": (9.0,)}, "aspect 9.0"), ({"size": 40}, "multiple of 16")])
def test_config_is_strict(changes, message):
  with pytest.raises(ValueError, match=message):
    open_(**changes)
