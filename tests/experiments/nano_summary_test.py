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
