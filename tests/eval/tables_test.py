"""How numbers are printed."""

import pytest

from vision_banana.eval import tables


@pytest.mark.parametrize("value,unit,expected", [
    (0.12345, "", "0.123"), (12.3456, "°", "12.35°"), (20.0, "dB", "20.00 dB"),
    (1.5, "m", "1.500 m"), (None, "dB", "–")])
def test_cell(value, unit, expected):
  assert tables.cell(value, unit) == expected


def test_arrows_and_samplers():
  assert tables.arrow({"higher_is_better": True}) == "↑"
  assert tables.arrow({"higher_is_better": False}) == "↓"
  assert tables.sampler({
      "name": "a", "steps": 1, "photo_steps": 1, "guidance": 1.0,
      "outside": "none"}) == "1 step"
  assert tables.sampler({
      "name": "a", "steps": 2, "photo_steps": 4, "guidance": 2.5, "outside": "gem"}
      ) == "2 steps (4 for photos), guidance 2.5, asks gem"
  assert tables.sampler({"name": "constant"}) == ""
