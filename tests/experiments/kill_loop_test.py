"""The short version of the kill loop, and the log of the long one."""

import json
import pathlib

from experiments import kill_loop


def test_killed_at_random_and_while_saving_it_ends_bit_equal(capsys):
  assert kill_loop.main(["--kills", "2", "--seed", "5", "--steps", "200"]) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [line["aimed_at"] for line in lines[:2]] == ["any moment", "a save"]
  assert lines[2]["arrays"] > 20 and lines[2]["arrays_that_differ"] == []


def test_the_kept_log_is_of_twenty_kills_that_changed_nothing():
  log = pathlib.Path(kill_loop.__file__).with_suffix(".jsonl").read_text()
  *kills, end = map(json.loads, log.splitlines())
  assert [line["kill"] for line in kills] == list(range(1, 21))
  saving = [line for line in kills if line["aimed_at"] == "a save"]
  # A save that was cut short leaves its half behind.
  assert len(saving) == 10 and sum(line["half_written"] > 0 for line in saving) >= 8
  # The next start goes on from the newest that is whole.
  for before, after in zip(kills, kills[1:]):
    assert after["resumed_from"] == max(before["whole_checkpoints"])
  assert end == {"kills": 20, "seed": 0, "steps": 1200, "arrays": 113,
                 "arrays_that_differ": [], "losses_equal": True}
