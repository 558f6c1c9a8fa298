import collections
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.data import fake
from vision_banana import settings
from vision_banana.data import augment
from vision_banana.data import pipeline
from vision_banana.errors import UserError
from vision_banana.tasks import tasks

SIZE = 16
SOURCE = fake.Source(10, SIZE)
ALL = {task: 1 for task in tasks.TASKS}


def tokenize(prompts):
  ids = np.zeros((len(prompts), 64), np.int32)
  for row, prompt in zip(ids, prompts):
    row[:min(64, len(prompt))] = list(prompt.encode()[:64])
  return ids, ids > 0


def open_(source=SOURCE, rows=None, **changes):
  config = pipeline.DataConfig(**{"mixture": ALL, "size": SIZE, "batch_size": 4,
                                  **changes})
  return pipeline.train_iterator(config, tokenize, sources={"rooms": source},
                                 rows=rows)


def take(iterator, count):
  return [next(iterator) for _ in range(count)]


def assert_equal(some, others):
  for a, b in zip(some, others, strict=True):
    assert a.keys() == b.keys()
    for key in a:
      np.testing.assert_array_equal(a[key], b[key])


def test_batches_hold_all_a_step_needs():
  batch, = take(open_(), 1)
  assert batch["prompt"].shape == (4,) and batch["prompt"].dtype.kind == "U"
  assert {k: (v.shape, str(v.dtype)) for k, v in batch.items() if k != "prompt"} == {
      "values": ((4, 2, 16, 16, 3), "float32"), "labels": ((4, 2, 16, 16), "int32"),
      "palette": ((4, 2, 32, 3), "float32"), "codec": ((4, 2), "int32"),
      "colormap": ((4, 2), "int32"), "present": ((4, 2), "bool"),
      "valid": ((4, 16, 16), "bool"), "task": ((4,), "int32"),
      "tokens": ((4, 64), "int32"), "text_mask": ((4, 64), "bool")}
  np.testing.assert_array_equal(batch["tokens"], tokenize(batch["prompt"].tolist())[0])


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_restored_iterator_continues_bit_for_bit(after):
  whole = take(open_(), after + 6)
  first = open_()
  take(first, after)
  state = json.loads(json.dumps(first.get_state()))
  second = open_()
  take(second, 3)  # What it did before the state is set does not matter.
  second.set_state(state)
  assert_equal(take(second, 6), whole[after:])


def test_the_stream_is_a_function_of_the_seed_not_of_threads_cache_or_spelling():
  one = take(open_(), 5)
  assert_equal(take(open_(num_threads=3, cache=True), 5), one)
  assert_equal(take(open_(mixture=dict(reversed(ALL.items()))), 5), one)
  other = take(open_(seed=1), 5)
  assert [b["prompt"].tolist() for b in one] != [b["prompt"].tolist() for b in other]


def test_proportions_follow_the_weights():
  iterator = open_(mixture={"text_to_image": 6, "depth": 3, "edges": 1}, batch_size=10)
  counts = collections.Counter(
      tasks.TASKS[t] for batch in take(iterator, 20) for t in batch["task"])
  assert counts["text_to_image"] + counts["depth"] + counts["edges"] == 200
  for task, share in (("text_to_image", 120), ("depth", 60), ("edges", 20)):
    assert abs(counts[task] - share) <= 2


def test_an_epoch_shows_every_scene_once_in_an_order_of_its_own():
  iterator = open_(mixture={"depth": 1}, batch_size=10, flip=False, p_drop_prompt=0)
  depths = [s["depth"] for s in SOURCE.scenes]
  orders = []
  for batch in take(iterator, 3):
    orders.append([next(i for i, d in enumerate(depths)
                        if np.array_equal(d, v[0, ..., 0], equal_nan=True))
                   for v in batch["values"]])
    assert sorted(orders[-1]) == list(range(10))
  assert len(set(map(tuple, orders))) == 3


def test_another_component_does_not_change_a_components_stream():
  alone = [s for b in take(open_(mixture={"depth": 1}), 2) for s in b["prompt"]]
  mixed = [p for b in take(open_(mixture={"depth": 1, "edges": 1}), 4)
           for p, t in zip(b["prompt"], b["task"]) if tasks.TASKS[t] == "depth"]
  assert alone == mixed


def join(parts):
  """The batches of several processes as those of one."""
  return [{k: np.concatenate([b[k] for b in rows]) for k in rows[0]}
          for rows in zip(*parts, strict=True)]


def test_processes_make_the_rows_of_the_batches_that_one_makes():
  whole = take(open_(), 6)
  assert_equal(join([take(open_(rows=rows), 6) for rows in ([0, 1], [2, 3])]), whole)
  interleaved = join([take(open_(rows=rows), 3) for rows in ([0, 2], [1, 3])])
  assert_equal([{k: v[[0, 2, 1, 3]] for k, v in b.items()} for b in interleaved],
               whole[:3])


@pytest.mark.parametrize("before, after", [(1, 2), (2, 1), (4, 2)])
def test_another_number_of_processes_continues_bit_for_bit(before, after):
  parts = lambda count: [open_(rows=range(i * 4 // count, (i + 1) * 4 // count))
                         for i in range(count)]
  first, second = parts(before), parts(after)
  done = join([take(part, 3) for part in first])
  states = [json.loads(json.dumps(part.get_state())) for part in first]
  assert states == [{"samples": 12}] * before
  for part in second:
    part.set_state(states[0])
  assert_equal(done + join([take(part, 3) for part in second]), take(open_(), 6))


def test_another_batch_size_goes_on_with_the_next_sample():
  prompts = lambda batches: [p for b in batches for p in b["prompt"]]
  first, second = open_(batch_size=3), open_(batch_size=2)
  taken = prompts(take(first, 3))
  second.set_state(first.get_state())
  assert taken + prompts(take(second, 3)) == prompts(take(open_(batch_size=5), 3))


@pytest.mark.parametrize("state", [{}, {"parents": {}, "index": 4}, {"samples": -1}])
def test_a_state_of_another_kind_is_one_line(state):
  with pytest.raises(UserError, match="is of another version"):
    open_().set_state(state)


def test_processes_read_their_own_scenes_only():
  source = fake.Source(40, SIZE)
  stream = open_(source, rows=[1], p_negative=0, mixture={"depth": 1})
  opened = source.reads
  take(stream, 5)
  stream.close()
  # Five and what was made ahead, not the other rows' fifteen and more.
  assert 5 <= source.reads - opened <= 11


def test_half_of_the_samples_are_mirrored():
  iterator = open_(mixture={"normals": 1}, batch_size=20)
  flipped = []
  for batch in take(iterator, 5):
    for values in batch["values"]:
      flipped.append(not any(
          np.array_equal(values[0], s["normals"]) for s in SOURCE.scenes))
      assert flipped[-1] == any(np.array_equal(
          values[0], augment.flip(s)["normals"]) for s in SOURCE.scenes)
  assert 25 < sum(flipped) < 75


def test_prompts_are_dropped_at_their_rate():
  drawn = [p for b in take(open_(p_drop_prompt=0.3, batch_size=20), 10)
           for p in b["prompt"]]
  assert 35 < sum(p == "" for p in drawn) < 85
  assert all(p for b in take(open_(p_drop_prompt=0), 10) for p in b["prompt"])


def test_scenes_of_another_size_are_resized():
  batch, = take(open_(fake.Source(3, 32)), 1)
  assert batch["values"].shape[2:4] == (SIZE, SIZE)


def test_cached_scenes_are_read_once():
  source = fake.Source(5, SIZE)
  take(open_(source, cache=True, p_negative=0), 10)
  assert source.reads == 5


def test_absent_names_are_those_of_other_scenes_that_fit_nothing_here():
  source = [{"image": np.zeros((4, 4, 3), np.uint8), "categories": names}
            for names in (["lamp", "mug", "mug"], ["desk lamp", "box"], ["cup"], ["mug"])]
  source.append(dict(source[0], absent=["box", "mug"]))
  scenes = pipeline.Scenes(source, 4, False, True)
  assert scenes[0]["absent"] == ["box"]  # A cup may be called a mug.
  assert scenes[1]["absent"] == ["mug", "cup"]  # The most common first.
  assert scenes[4]["absent"] == ["mug", "box"]
  assert pipeline.Scenes(source, 4, False, False)[0]["absent"] == []


def test_unasked_categories_are_in_no_answer_and_no_prompt_of_labels():
  names, told = ("floor", "crate"), {"semantic", "instance", "referring"}
  asked = collections.Counter()
  for batch in take(open_(mixture=dict.fromkeys((*told, "depth"), 1), flip=False,
                          p_negative=0.5, unasked=names, p_drop_prompt=0), 60):
    for i, prompt in enumerate(batch["prompt"]):
      task = tasks.TASKS[batch["task"][i]]
      if task in told:
        asked[task] += 1
        assert "floor" not in prompt and "crate" not in prompt
        scene = next(s for s in SOURCE.scenes if np.allclose(
            s["image"], batch["values"][i, 1] * 255, atol=1e-3))
        assert not batch["labels"][i, 0][scene["instances"] == 1].any()
      else:
        assert (batch["values"][i, 0] > 0).any()
  assert set(asked) == told and min(asked.values()) > 10


def test_legends_of_modality_name_no_unasked_category():
  legends = [prompt.partition("{")[2] for batch in take(open_(
      mixture={"modality": 1}, p_negative=0.5, unasked=("floor", "crate")), 60)
             for prompt in batch["prompt"]]
  assert sum("wall" in text for text in legends) > 10
  assert not any("floor" in text or "crate" in text for text in legends)


def test_the_palette_and_colormap_of_a_config_are_those_of_its_samples():
  seen = collections.defaultdict(set)
  for batch in take(open_(mixture={"depth": 1, "semantic": 1}, palette="fixed",
                          colormap="turbo"), 20):
    for i, codec in enumerate(batch["codec"][:, 0]):
      seen[int(codec)].add((int(batch["colormap"][i, 0]),
                            tuple(batch["palette"][i, 0, 0].tolist())))
  assert seen[1] == {(5, (0.0, 0.0, 0.0))}
  assert {ground for _, ground in seen[3]} == {(0.0, 0.0, 0.0)}


def test_scenes_a_task_cannot_use_are_passed_over():
  source = fake.Source(4, SIZE)
  for scene in source.scenes[1:]:
    scene["edits"] = []
  batch, = take(open_(source, mixture={"editing": 1}, flip=False), 1)
  for values in batch["values"]:
    np.testing.assert_allclose(values[1] * 255, source.scenes[0]["image"], atol=1e-4)
  halves = [take(open_(source, [row], mixture={"editing": 1}, batch_size=2), 3)
            for row in (0, 1)]
  assert_equal(join(halves), take(open_(source, mixture={"editing": 1}, batch_size=2),
                                  3))
  for scene in source.scenes:
    scene.pop("edits")
  with pytest.raises(UserError, match="'editing@rooms': no scene can be used"):
    open_(source, mixture={"editing": 1})


def test_an_error_in_a_scene_reaches_the_caller():
  with pytest.raises(UserError, match="num_references=0"):
    next(open_(num_references=0))


def test_a_program_ends_well_with_an_open_iterator():
  program = ("from tests.data import pipeline_test as t; i = t.open_(); "
             "t.take(i, 2); print('end')")
  ended = subprocess.run([sys.executable, "-c", program], capture_output=True,
                         text=True, check=False)
  assert (ended.returncode, ended.stdout) == (0, "end\n"), ended.stderr
  assert "Exception" not in ended.stderr


@pytest.mark.parametrize("section, message", [
    ({"mixtur": {}}, "did you mean 'mixture'"),
    ({"mixture": {"depth": 1}, "p_negative": 2}, "p_negative is 2"),
    ({"mixture": {"depth": 1}, "batch_size": 0}, "batch_size is 0"),
    ({"mixture": {"depth": 1}, "num_threads": -1}, "num_threads is -1; .* at least 0"),
])
def test_config_is_strict(section, message):
  with pytest.raises(UserError, match=message):
    settings.build(pipeline.DataConfig, section, "config.data")


def test_sources_are_strict():
  config = pipeline.DataConfig(mixture=ALL, sources={"rooms": {"pth": "x"}})
  with pytest.raises(UserError, match="config.data.sources.rooms.pth"):
    pipeline.train_iterator(config, tokenize)
  with pytest.raises(UserError, match="no scenes"):
    open_(fake.Source(0, SIZE))
