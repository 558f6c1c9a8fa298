"""Win rates against closed forms and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.eval.metrics import winrate

VOTES = st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=3),
                 min_size=1, max_size=30)


@settings(deadline=None, max_examples=40)
@given(VOTES)
def test_rate_counts_and_swapping_sides(votes):
  got = winrate.win_rate(votes, resamples=200)
  assert got.rate == pytest.approx(np.mean([np.mean(v) for v in votes]))
  assert got.wins + got.ties + got.losses == got.prompts == len(votes)
  other = winrate.win_rate([[1 - x for x in v] for v in votes], resamples=200)
  assert other.rate == pytest.approx(1 - got.rate)
  assert (other.wins, other.losses) == (got.losses, got.wins)
  assert other.p_value == pytest.approx(got.p_value)
  assert got.low <= got.rate + 1e-12 and got.rate <= got.high + 1e-12


def test_wilson_and_exact_binomial_by_their_formulas():
  votes = [[1]] * 40 + [[0]] * 25 + [[0.5]] * 10
  got = winrate.win_rate(votes)
  k, n, z = 40, 65, 1.959963984540054
  assert (got.wins, got.losses, got.ties) == (40, 25, 10)
  assert got.decided == pytest.approx(k / n)
  middle = (k / n + z * z / (2 * n)) / (1 + z * z / n)
  half = z / (1 + z * z / n) * math.sqrt(
      k / n * (1 - k / n) / n + z * z / (4 * n * n))
  assert got.decided_low == pytest.approx(middle - half)
  assert got.decided_high == pytest.approx(middle + half)
  tail = sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n
  assert got.p_value == pytest.approx(2 * tail)  # One half is symmetric.


def test_bootstrap_is_over_prompts():
  rng = np.random.default_rng(0)
  # Three raters of one mind are one prompt, not three.
  votes = [[v] * 3 for v in rng.choice([0.0, 0.5, 1.0], 200, p=[0.3, 0.2, 0.5])]
  got = winrate.win_rate(votes)
  scores = np.array([np.mean(v) for v in votes])
  means = rng.choice(scores, (10_000, 200)).mean(1)
  assert got.low == pytest.approx(np.quantile(means, 0.025), abs=0.006)
  assert got.high == pytest.approx(np.quantile(means, 0.975), abs=0.006)
  assert got == winrate.win_rate(votes)
  assert got != winrate.win_rate(votes, seed=1, resamples=50)


def test_prompts_go_by_the_average_of_their_raters():
  got = winrate.win_rate([[1, 1, 0], [0, 1], [0.5, 0.5], [0]])
  assert (got.wins, got.ties, got.losses) == (1, 2, 1)


def test_nothing_decided_and_nothing_at_all():
  ties = winrate.win_rate([[0.5], [0.5]])
  assert ties.rate == ties.low == ties.high == 0.5
  assert math.isnan(ties.decided) and ties.p_value == 1.0
  assert math.isnan(winrate.win_rate([]).rate)


def test_a_judge_must_say_it_twice():
  assert winrate.both_orders(1.0, 1.0) == 1.0
  assert winrate.both_orders(0.0, 0.0) == 0.0
  assert winrate.both_orders(1.0, 0.0) == winrate.both_orders(0.5, 1.0) == 0.5


@pytest.mark.parametrize("votes", [[[0.7]], [[]]])
def test_other_votes_are_refused(votes):
  with pytest.raises(ValueError, match="vote"):
    winrate.win_rate(votes)
