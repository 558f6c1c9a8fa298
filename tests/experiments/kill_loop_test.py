"""The short version of the kill loop."""

import json

from experiments import kill_loop


def test_killed_at_random_and_while_saving_it_ends_bit_equal(capsys):
  assert kill_loop.main(["--kills", "2", "--seed", "5", "--steps", "200"]) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [line["aimed_at"] for line in lines[:2]] == ["any moment", "a save"]
  assert lines[2]["arrays"] > 20 and lines[2]["arrays_that_differ"] == []
