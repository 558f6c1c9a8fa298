"""Win rates of one model over another, with what they are worth."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats

WIN, TIE, LOSS = 1.0, 0.5, 0.0


@dataclasses.dataclass(frozen=True)
class WinRate:
  """What votes say of A against B.

  Attributes:
    prompts: how many were voted on.
    wins: prompts whose votes favour A on the whole; ties and losses likewise.
    rate: mean over prompts of the mean vote: 1 for A, .5 for a tie, 0 for B.
    low: of `rate`, the 2.5 % quantile of a bootstrap over prompts; high: 97.5 %.
    decided: wins / (wins + losses), ties left out.
    decided_low: 95 % Wilson interval of `decided`; decided_high likewise.
    p_value: exact two-sided binomial test of wins against losses at one half; 1 if
      nothing was decided.
  """
  prompts: int
  wins: int
  ties: int
  losses: int
  rate: float
  low: float
  high: float
  decided: float
  decided_low: float
  decided_high: float
  p_value: float


def win_rate(votes: Sequence[Sequence[float]], resamples: int = 10_000, seed: int = 0
             ) -> WinRate:
  """The win rate of A.

  Votes on one prompt are not independent, so a prompt is one draw: its raters are
  averaged, and it is a win, tie or loss by that average.

  Args:
    votes: of each prompt, one or more of WIN (A is better), TIE, LOSS.
    resamples: of the bootstrap.
    seed: of the bootstrap.

  Returns:
    NaN where there is nothing to measure.

  Raises:
    ValueError: a prompt without a vote, or a vote that is none of the three.
  """
  if any(not len(v) for v in votes):
    raise ValueError("a prompt without a vote")
  if not {float(x) for v in votes for x in v} <= {WIN, TIE, LOSS}:
    raise ValueError(f"votes must be {WIN}, {TIE} or {LOSS}")
  scores = np.array([np.mean(v) for v in votes])
  wins, losses = int((scores > TIE).sum()), int((scores < TIE).sum())
  low, high = _bootstrap(scores, resamples, seed)
  decided = interval = None
  if wins + losses:
    decided = stats.binomtest(wins, wins + losses)
    interval = decided.proportion_ci(method="wilson")
  nan = float("nan")
  return WinRate(
      len(scores), wins, len(scores) - wins - losses, losses,
      float(scores.mean()) if len(scores) else nan, low, high,
      decided.statistic if decided else nan, float(interval.low) if decided else nan,
      float(interval.high) if decided else nan,
      float(decided.pvalue) if decided else 1.0)


def both_orders(a_first: float, b_first: float) -> float:
  """One vote from a judge asked twice: what it says both times, else a tie.

  Args:
    a_first: its vote for A when A was shown first.
    b_first: its vote for A when B was shown first.
  """
  return a_first if a_first == b_first else TIE


def _bootstrap(scores: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
  if not len(scores):
    return float("nan"), float("nan")
  # A resample is decided by how often it draws each distinct score.
  values, counts = np.unique(scores, return_counts=True)
  draws = np.random.default_rng(seed).multinomial(
      len(scores), counts / len(scores), size=resamples)
  low, high = np.quantile(draws @ values / len(scores), [0.025, 0.975])
  return float(low), float(high)
