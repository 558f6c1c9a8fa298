"""nano's page shows what the committed results say."""

import pytest

from experiments.nano import summary


def test_tables_are_those_of_the_json_files():
  page = (summary.HERE / "README.md").read_text()
  assert summary.fill(page) == page


def test_a_line_through_the_last_phases_meets_the_target():
  doublings = range(summary.LAST)
  rows = [{"samples": n, "metrics": {"depth/delta1": value}} for n, value in (
      (10, 0.9), *((500 * 2**i, 0.35 + 0.05 * i) for i in doublings))]
  slope, start, end = summary.fit(rows, "depth/delta1")
  assert slope == pytest.approx(0.05)
  # From .35 by .05 a doubling to .75.
  assert end == pytest.approx(500 * 2**8)


def test_the_change_of_a_loss_is_told_in_percent():
  losses = {"nano_base": {"fingerprint": "a", "editing": {"loss": 0.5}},
            "nano": {"fingerprint": "b", "editing": {"loss": 0.49}}}
  assert summary.kept(losses).splitlines()[2] == (
      "| editing | 0.5000 | 0.4900 | -2.0 % |")


def test_edits_are_counted_as_if_errors_were_smaller():
  # Nearer as it is; with half the error; with an eighth.
  table = summary.edits([[0.4, 0.3], [0.2, 0.3], [0.05, 0.3]])
  assert table.splitlines()[2].split("|")[2:-1] == [
      " 0.333 ", " 0.667 ", " 0.667 ", " 1.000 "]


def test_phrases_without_a_mask_are_counted_by_size():
  # What fits nothing is left out; four pixels are no mask, five are.
  table = summary.phrases([[0, 9], [1, 4], [63, 5], [64, 0], [256, 9], [4096, 4096]])
  assert table.splitlines()[2:] == [
      "| 1 to 63 | 2 | 0.500 |", "| 64 to 255 | 1 | 1.000 |",
      "| 256 to 1023 | 1 | 0.000 |", "| 1024 to 4096 | 1 | 0.000 |"]
