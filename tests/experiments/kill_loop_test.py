"""The short version of the kill loop; the long one's log is beside the script."""

import json
import pathlib

from experiments import kill_loop

LOG = pathlib.Path(kill_loop.__file__).with_suffix(".jsonl")


def test_killed_at_random_and_while_saving_it_ends_bit_equal(capsys):
  assert kill_loop.main(["--kills", "2", "--seed", "5", "--steps", "400"]) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [line["aimed_at"] for line in lines[:2]] == ["any moment", "a save"]
  assert lines[2]["arrays"] > 20 and lines[2]["arrays_that_differ"] == []


def test_the_committed_log_is_of_twenty_kills_that_changed_nothing():
  *kills, result = [json.loads(line) for line in LOG.read_text().splitlines()]
  assert len(kills) == result["kills"] == 20
  assert result["arrays_that_differ"] == [] and result["losses_equal"]
  assert sum(kill["half_written"] for kill in kills) >= 3
