"""Confusion matrices against sets of pixels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.codecs import metrics as in_graph
from vision_banana.eval.metrics import accumulate
from vision_banana.eval.metrics.semantic import Semantic

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_semantic_equals_sets_of_pixels(seed):
  rng = np.random.default_rng(seed)
  truth = [rng.integers(-1, 3, (4, 5)) for _ in range(3)]
  guess = [rng.integers(-1, 6, (4, 5)) for _ in range(3)]
  t, p = np.concatenate(truth).ravel(), np.concatenate(guess).ravel()
  t, p = t[t >= 0], p[t >= 0]
  got = accumulate.over(lambda: Semantic(["a", "b", "c", "never"]), guess, truth)
  ious = []
  for i, name in enumerate(["a", "b", "c"]):
    iou = np.sum((t == i) & (p == i)) / np.sum((t == i) | (p == i))
    ious.append(iou)
    assert got[f"iou_{name}"] == pytest.approx(iou)
  # Class "never" is in no truth; the guesses hold label 3, so its IoU is 0.
  expected = np.mean(ious + [0.0] if (p == 3).any() else ious)
  assert got["miou"] == pytest.approx(expected)
  assert got["accuracy"] == pytest.approx(np.mean(t == p))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64])
def test_labels_of_any_type_with_ids_of_their_own(dtype):
  truth = np.array([[7, 7, 8, 0, 100]], dtype)
  guess = np.array([[7, 100, 7, 8, 8]], dtype)
  got = accumulate.over(lambda: Semantic(["a", "b"], [7, 8]), [guess], [truth])
  # Truth 0 and 100 is void; 100 on class a is a miss, nobody's false alarm.
  assert got == pytest.approx(
      {"miou": 1 / 6, "accuracy": 1 / 3, "iou_a": 1 / 3, "iou_b": 0.0})


def test_absent_class_is_not_in_the_mean():
  one = np.zeros((2, 2), int)
  got = accumulate.over(lambda: Semantic(["a", "b"]), [one], [one])
  assert got["miou"] == 1.0
  assert math.isnan(got["iou_b"])


def test_a_picture_has_numbers_of_its_own():
  total = Semantic(["a", "b"])
  assert total.add(np.array([[0, 1]]), np.array([[0, 0]])) == {
      "miou": 0.25, "accuracy": 0.5}
  assert total.add(np.array([[0, 1]]), np.array([[-1, -1]])) == {}


def test_bad_maps_are_refused():
  total = Semantic(["a"])
  with pytest.raises(ValueError, match="integers"):
    total.add(np.zeros((2, 2)), np.zeros((2, 2), int))
  with pytest.raises(ValueError, match="shape|prediction"):
    total.add(np.zeros((2, 1), int), np.zeros((2, 2), int))
  with pytest.raises(ValueError, match="ids"):
    Semantic(["a", "b"], [1])


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_the_graph_has_the_same_formula(seed):
  rng = np.random.default_rng(seed)
  truth, guess = rng.integers(-1, 4, (6, 8)), rng.integers(0, 4, (6, 8))
  counts = in_graph.confusion(guess, truth, truth >= 0, 4)
  got = Semantic("abcd").add(guess, truth)["miou"]
  assert float(in_graph.miou(counts)) == pytest.approx(got, rel=1e-6)
