"""What scoring costs, in the docs, is what was measured."""

import pytest

from experiments import scoring_table


def test_the_page_shows_what_the_committed_times_say():
  text = (scoring_table.ROOT / "docs" / "evaluation.md").read_text()
  assert scoring_table.fill(text) == text


@pytest.mark.parametrize("rounds, shown", [
    ([1.0, 3.0, 1.256], "1.26 s (1.00 to 3.00)"), ([12.3], "12.30 s")])
def test_median_and_range(rounds, shown):
  assert scoring_table.seconds(rounds) == shown
