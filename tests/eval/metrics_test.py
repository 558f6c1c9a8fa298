"""Every metric against an independent few-line formula or a hand-made case."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.eval import metrics

SEEDS = st.integers(0, 2**32 - 1)


def test_depth_is_a_mean_over_images_of_their_own_means():
  truth = [np.array([[1.0, 2.0]]), np.array([[4.0, np.nan]])]
  guess = [np.array([[1.0, 3.0]]), np.array([[5.0, 9.0]])]
  got = metrics.depth(guess, truth, cap=10.0)
  # 5/4 is exactly 1.25, and the rule is strict.
  assert got["delta1"] == pytest.approx((0.5 + 0.0) / 2)
  assert got["abs_rel"] == pytest.approx((0.25 + 0.25) / 2)
  assert got["rmse"] == pytest.approx((math.sqrt(0.5) + 1.0) / 2)


def test_depth_cap_and_infinity():
  truth = [np.array([[1.0, 30.0, np.inf, 0.0]])]
  guess = [np.array([[np.inf, 1.0, 1.0, 1.0]])]
  got = metrics.depth(guess, truth, cap=20.0)
  assert got["abs_rel"] == pytest.approx(19.0)
  assert math.isnan(metrics.depth(guess, [np.full((1, 4), np.nan)], 20.0)["rmse"])


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_normals_pool_all_pixels(seed):
  rng = np.random.default_rng(seed)
  truth = [rng.normal(size=(2, 3, 3)), rng.normal(size=(5, 4, 3))]
  guess = [rng.normal(size=t.shape) for t in truth]
  truth = [t / np.linalg.norm(t, axis=-1, keepdims=True) for t in truth]
  truth[0][0, 0] = 0
  error = []
  for p, t in zip(guess, truth):
    for a, b in zip(p.reshape(-1, 3), t.reshape(-1, 3)):
      if b.any():  # atan2 form: not the formula under test
        error.append(math.degrees(
            math.atan2(np.linalg.norm(np.cross(a, b)), np.dot(a, b))))
  got = metrics.normals(guess, truth)
  assert got["mean"] == pytest.approx(sum(error) / len(error))
  assert got["median"] == pytest.approx(np.median(error))
  assert got["within_22"] == pytest.approx(np.mean([e < 22.5 for e in error]))
  assert got["within_11"] <= got["within_22"] <= got["within_30"]
  images = [np.mean(error[:5]), np.mean(error[5:])]
  assert got["image_mean"] == pytest.approx(np.mean(images))


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_semantic_equals_sets_of_pixels(seed):
  rng = np.random.default_rng(seed)
  truth = [rng.integers(-1, 3, (4, 5)) for _ in range(3)]
  guess = [rng.integers(-1, 5, (4, 5)) for _ in range(3)]
  t, p = np.concatenate(truth).ravel(), np.concatenate(guess).ravel()
  t, p = t[t >= 0], p[t >= 0]
  got = metrics.semantic(guess, truth, ["a", "b", "c", "never"])
  ious = []
  for i, name in enumerate(["a", "b", "c"]):
    iou = np.sum((t == i) & (p == i)) / np.sum((t == i) | (p == i))
    ious.append(iou)
    assert got[f"iou_{name}"] == pytest.approx(iou)
  # Class "never" is in no truth; the guesses hold label 3, so its IoU is 0.
  expected = np.mean(ious + [0.0] if (p == 3).any() else ious)
  assert got["miou"] == pytest.approx(expected)
  assert got["accuracy"] == pytest.approx(np.mean(t == p))


def test_absent_class_is_not_in_the_mean():
  one = [np.zeros((2, 2), int)]
  assert metrics.semantic(one, one, ["a", "b"])["miou"] == 1.0
  assert math.isnan(metrics.semantic(one, one, ["a", "b"])["iou_b"])


def test_instances_match_one_to_one():
  truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0]])
  guess = np.array([[5, 5, 5, 0, 0, 7, 9, 9]])  # 3/4; 1/2; 9 meets 2 with 1/3
  got = metrics.instances([guess], [truth])
  assert got["recall"] == 1.0
  assert got["precision"] == pytest.approx(2 / 3)
  assert got["f1"] == pytest.approx(2 * 2 / 5)
  stricter = metrics.instances([guess], [truth], threshold=0.6)
  assert stricter["recall"] == 0.5
  nothing = np.zeros_like(truth)
  assert metrics.instances([nothing], [truth])["f1"] == 0.0
  assert metrics.instances([guess], [nothing])["precision"] == 0.0


def test_referring_with_phrases_that_fit_nothing():
  yes = np.array([[1, 1, 0, 0]], bool)
  half = np.array([[0, 1, 1, 0]], bool)
  none = np.zeros((1, 4), bool)
  got = metrics.referring([yes, half, none, yes, none], [yes, yes, yes, none, none])
  assert got["ciou"] == pytest.approx((2 + 1 + 0) / (2 + 3 + 2))
  assert got["giou"] == pytest.approx((1 + 1 / 3 + 0) / 3)
  assert got["false_positives"] == 0.5
  assert got["presence_accuracy"] == pytest.approx(3 / 5)
  said, there = [1, 1, 0, 1, 0], [1, 1, 1, 0, 0]
  assert got["presence_mcc"] == pytest.approx(np.corrcoef(said, there)[0, 1])


def test_a_speck_is_no_answer():
  truth = np.zeros((50, 50), bool)
  speck = truth.copy()
  speck[0, :2] = True
  assert metrics.referring([speck], [truth])["false_positives"] == 0.0
  speck[0, :3] = True
  assert metrics.referring([speck], [truth])["false_positives"] == 1.0


def test_edges_within_a_pixel():
  truth = np.zeros((9, 9), bool)
  truth[4] = True
  beside, far = np.roll(truth, 1, 0), np.roll(truth, 2, 0)
  assert metrics.edges([beside], [truth])["f1"] == 1.0
  assert metrics.edges([far], [truth])["f1"] == 0.0
  both = metrics.edges([truth | far], [truth])
  assert both == pytest.approx({"precision": 0.5, "recall": 1.0, "f1": 2 / 3})
  assert metrics.edges([np.zeros_like(truth)], [truth])["f1"] == 0.0


def test_psnr_by_hand():
  a = np.zeros((2, 2, 3), np.uint8)
  b = a.copy()
  b[0, 0] = 51  # a fifth of 255 in a quarter of the pixels
  assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(1 / (0.04 / 4)))
  assert metrics.psnr(a, a) == 100
  assert math.isnan(metrics.psnr(a, b, np.zeros((2, 2), bool)))


def test_editing_gain_is_over_handing_back_the_input():
  given_, target = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
  target[0] = 102
  got = metrics.editing([given_], [target], [given_])
  assert got["gain"] == 0
  assert got["psnr_changed"] == pytest.approx(-10 * math.log10(0.16))
  better = target // 2
  got = metrics.editing([better], [target], [given_])
  assert got["gain"] == pytest.approx(20 * math.log10(2))


def test_color_histogram_is_total_variation():
  black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
  mixed = np.concatenate([black, white])
  assert metrics.color_histogram([black], [black])["histogram_distance"] == 0
  assert metrics.color_histogram([black], [white])["histogram_distance"] == 1
  assert metrics.color_histogram([mixed], [white])["histogram_distance"] == 0.5
