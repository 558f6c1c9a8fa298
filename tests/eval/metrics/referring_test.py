"""Masks of phrases: by hand, and by the rules written out again."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.eval.metrics import accumulate, referring

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_refcoco_is_a_ratio_of_sums_and_a_mean(seed):
  rng = np.random.default_rng(seed)
  guess, truth = rng.random((2, 6, 5, 4)) < 0.6
  truth[:, 0, 0] = True
  got = accumulate.over(referring.Referring, guess, truth)
  inter = [(p * t).sum() for p, t in zip(guess * 1, truth * 1)]
  union = [np.maximum(p, t).sum() for p, t in zip(guess * 1, truth * 1)]
  ious = np.divide(inter, union)
  assert got["ciou"] == pytest.approx(sum(inter) / sum(union), rel=1e-12)
  assert got["giou"] == pytest.approx(ious.mean(), rel=1e-12)
  assert got["precision_50"] == pytest.approx((ious > 0.5).mean())
  swapped = accumulate.over(referring.Referring, truth, guess)
  assert swapped["ciou"] == got["ciou"]


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_reasonseg_counts_as_lisa_does(seed):
  """The loop of LISA's `validate`, with numpy's histograms."""
  rng = np.random.default_rng(seed)
  truth = rng.choice(np.array([0, 1, 255], np.uint8), (5, 4, 6))
  guess = rng.random((5, 4, 6)) < 0.5
  truth[0], guess[0] = 0, False  # An empty union.
  inter, union, each = np.zeros(2), np.zeros(2), np.zeros(2)
  for target, output in zip(truth.astype(int), guess.astype(int)):
    output = np.where(target == 255, 255, output)
    bins = lambda x: np.array([(x == 0).sum(), (x == 1).sum()], float)
    i = bins(output[output == target])
    u = bins(output) + bins(target) - i
    inter, union = inter + i, union + u
    one = i / (u + 1e-5)
    one[u == 0] += 1.0
    each += one
  got = accumulate.over(referring.Reasoning, guess, truth)
  assert got["giou"] == pytest.approx((each / 5)[1], rel=1e-12)
  assert got["ciou"] == pytest.approx((inter / (union + 1e-10))[1], rel=1e-12)


def test_nothing_is_nan():
  for metric in (referring.Referring, referring.Reasoning):
    assert all(math.isnan(v) for v in accumulate.over(metric, [], []).values())


def test_phrases_that_fit_nothing():
  yes = np.array([[1, 1, 0, 0]], bool)
  half = np.array([[0, 1, 1, 0]], bool)
  none = np.zeros((1, 4), bool)
  got = accumulate.over(referring.Presence, [yes, half, none, yes, none],
                        [yes, yes, yes, none, none])
  assert got["ciou"] == pytest.approx((2 + 1 + 0) / (2 + 3 + 2))
  assert got["giou"] == pytest.approx((1 + 1 / 3 + 0) / 3)
  assert got["false_positives"] == 0.5
  assert got["false_negatives"] == pytest.approx(1 / 3)
  assert got["presence_accuracy"] == pytest.approx(3 / 5)
  said, there = [1, 1, 0, 1, 0], [1, 1, 1, 0, 0]
  assert got["presence_mcc"] == pytest.approx(np.corrcoef(said, there)[0, 1])


def test_a_speck_is_no_answer():
  truth = np.zeros((50, 50), bool)
  speck = truth.copy()
  speck[0, :2] = True
  total = accumulate.over(referring.Presence, [speck], [truth])
  assert total["false_positives"] == 0.0
  speck[0, :3] = True
  total = accumulate.over(referring.Presence, [speck], [truth])
  assert total["false_positives"] == 1.0
