"""The records name what is in the repository."""

from vision_banana.eval import benchmarks
from vision_banana.tasks import tasks


def test_rooms_is_the_embedded_split_in_all_tasks():
  split = benchmarks.ROOMS.open()  # raises when the hash is another
  assert len(split.ids) == benchmarks.ROOMS.size == 128
  assert {p.task for p in benchmarks.ROOMS.protocols} == set(tasks.TASKS)


def test_rows_are_named_once_and_say_how_they_count():
  for benchmark in benchmarks.BENCHMARKS.values():
    for protocol in benchmark.protocols:
      keys = [m.key for m in protocol.metrics]
      assert len(set(keys)) == len(keys) and protocol.rule.endswith(".")
