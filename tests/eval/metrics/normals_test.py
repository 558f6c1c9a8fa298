"""Angular errors against another formula, pooled and per picture."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.codecs import metrics as in_graph
from vision_banana.eval.metrics import accumulate, normals


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_normals_pool_all_pixels(seed):
  rng = np.random.default_rng(seed)
  truth = [rng.normal(size=(2, 3, 3)), rng.normal(size=(5, 4, 3))]
  guess = [t + 0.5 * rng.normal(size=t.shape) for t in truth]
  truth = [t / np.linalg.norm(t, axis=-1, keepdims=True) for t in truth]
  truth[0][0, 0] = 0
  error = []
  for p, t in zip(guess, truth):
    for a, b in zip(p.reshape(-1, 3), t.reshape(-1, 3)):
      if b.any():  # atan2 form: not the formula under test
        error.append(math.degrees(
            math.atan2(np.linalg.norm(np.cross(a, b)), np.dot(a, b))))
  got = accumulate.over(normals.Normals, guess, truth)
  close = dict(rel=1e-9, abs=1e-5)  # acos is ill conditioned at 0°.
  assert got["mean"] == pytest.approx(sum(error) / len(error), **close)
  assert got["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(error))), **close)
  assert got["median"] == pytest.approx(np.median(error), abs=normals.MEDIAN_ERROR)
  for name, limit in (("within_5", 5), ("within_7", 7.5), ("within_11", 11.25),
                      ("within_22", 22.5), ("within_30", 30)):
    assert got[name] == pytest.approx(np.mean([e < limit for e in error]), rel=1e-12)
  images = [error[:5], error[5:]]
  assert got["image_mean"] == pytest.approx(
      np.mean([np.mean(i) for i in images]), **close)
  assert got["image_median"] == pytest.approx(
      np.mean([np.median(i) for i in images]), **close)


def test_median_of_many_is_within_a_bin():
  rng = np.random.default_rng(0)
  angles = np.abs(rng.normal(0, 20, (3, 100, 100)))
  truth = np.broadcast_to([0.0, 0.0, 1.0], (100, 100, 3))
  total, radians = normals.Normals(), np.radians(angles)
  for r in radians:
    total.add(np.stack([np.sin(r), 0 * r, np.cos(r)], -1), truth)
  assert total.result()["median"] == pytest.approx(
      np.median(angles), abs=normals.MEDIAN_ERROR)


def test_limits_are_strict_and_ends_are_counted():
  truth = np.array([[[0.0, 0, 1]] * 4])
  guess = np.array([[[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 0, 0]]])
  got = accumulate.over(normals.Normals, [guess], [truth])
  assert got["mean"] == pytest.approx((0 + 180 + 90 + 90) / 4)
  assert got["median"] == pytest.approx(90, abs=normals.MEDIAN_ERROR)
  assert got["within_30"] == 0.25


def test_nothing_valid_is_nan():
  assert normals.Normals().add(np.ones((2, 2, 3)), np.zeros((2, 2, 3))) == {}
  got = accumulate.over(normals.Normals, [np.ones((2, 2, 3))], [np.zeros((2, 2, 3))])
  assert all(math.isnan(v) for v in got.values())


def test_the_graph_has_the_same_formula():
  rng = np.random.default_rng(1)
  p, t = rng.normal(size=(2, 6, 7, 3))
  p, t = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (p, t))
  got = normals.Normals().add(p, t)["mean"]
  assert float(in_graph.angular_error(p, t, np.ones((6, 7), bool))) == pytest.approx(
      got, rel=1e-5)
