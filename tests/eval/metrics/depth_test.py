"""Depth metrics against few-line formulas, written from each protocol."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from vision_banana.codecs import depth as codec
from vision_banana.codecs import metrics as in_graph
from vision_banana.errors import UserError
from vision_banana.eval.metrics import accumulate, depth, depth_protocols
from vision_banana.eval.metrics.depth_protocols import DepthProtocol

SEEDS = st.integers(0, 2**32 - 1)
OURS = DepthProtocol("ours", near=1e-3, far=10.0, closed=True, clip=True)


def _score(protocol, predictions, truths):
  return accumulate.over(lambda: depth.Depth(protocol), predictions, truths)


def _pictures(seed, size, count=2, far=100.0):
  """Random pictures with NaN, infinity and zeros in both."""
  rng = np.random.default_rng(seed)
  truths, guesses = [], []
  for _ in range(count):
    truth = np.exp(rng.uniform(np.log(0.3), np.log(far), size)).astype(np.float32)
    guess = (truth * np.exp(rng.normal(0, 0.3, size))).astype(np.float32)
    for value in (np.nan, np.inf, 0.0):
      truth[rng.random(size) < 0.05] = value
    guess[rng.random(size) < 0.02] = np.inf
    truths.append(truth)
    guesses.append(guess)
  return guesses, truths


def _formulas(p, t, ddof=0, offset=0.0):
  """The errors of valid pixels, one line each."""
  p, t = np.float64(p), np.float64(t)
  worst = np.maximum(p / t, t / p)
  log = np.log(p / t)
  return {
      "delta1": (worst < 1.25).mean(), "delta2": (worst < 1.5625).mean(),
      "delta3": (worst < 1.953125).mean(),
      "abs_rel": (abs(p - t) / (t + offset)).mean(),
      "sq_rel": ((p - t) ** 2 / t).mean(), "rmse": math.sqrt(((p - t) ** 2).mean()),
      "rmse_log": math.sqrt((log**2).mean()), "log10": abs(np.log10(p / t)).mean(),
      "silog": 100 * math.sqrt(((log - log.mean()) ** 2).sum() / (len(log) - ddof))}


def test_depth_is_a_mean_over_images_of_their_own_means():
  truth = [np.array([[1.0, 2.0]]), np.array([[4.0, np.nan]])]
  guess = [np.array([[1.0, 3.0]]), np.array([[5.0, 9.0]])]
  got = _score(OURS, guess, truth)
  # 5/4 is exactly 1.25, and the rule is strict.
  assert got["delta1"] == pytest.approx((0.5 + 0.0) / 2)
  assert got["abs_rel"] == pytest.approx((0.25 + 0.25) / 2)
  assert got["rmse"] == pytest.approx((math.sqrt(0.5) + 1.0) / 2)


def test_limits_and_what_is_not_finite():
  truth = [np.array([[1.0, 30.0, np.inf, 0.0]])]
  guess = [np.array([[np.inf, 1.0, 1.0, 1.0]])]
  got = _score(OURS, guess, truth)
  assert got["abs_rel"] == pytest.approx(9.0)
  nothing = _score(OURS, guess, [np.full((1, 4), np.nan)])
  assert all(math.isnan(v) for v in nothing.values())
  assert depth.Depth(OURS).add(guess[0], np.full((1, 4), np.nan)) == {}
  # Black decodes to 0 m: as far off as can be, but a number.
  black = _score(OURS, [np.zeros((1, 1))], [np.ones((1, 1))])
  assert black["abs_rel"] == pytest.approx(0.999) and np.isfinite(black["silog"])


def test_limits_are_open_unless_closed():
  truth, guess = [np.array([[1.0, 10.0]])], [np.array([[1.0, 5.0]])]
  assert _score(OURS, guess, truth)["delta1"] == 0.5
  assert _score(DepthProtocol("x", 1e-3, 10.0), guess, truth)["delta1"] == 1.0


@settings(deadline=None, max_examples=3)
@given(SEEDS)
def test_unidepth_on_nyu(seed):
  guesses, truths = _pictures(seed, (480, 640))
  got = _score(depth_protocols.get("unidepth", "nyuv2"), guesses, truths)
  rows = []
  for p, t in zip(guesses, truths):
    p, t = p[45:471, 41:601], t[45:471, 41:601]
    keep = (t > 0) & (t < 10)
    rows.append(_formulas(np.where(np.isinf(p), 10, p)[keep], t[keep], ddof=1))
  for name in depth.NAMES:
    assert got[name] == pytest.approx(np.mean([r[name] for r in rows]), rel=1e-9)


@pytest.mark.parametrize("name,far", [
    ("ibims1", 25), ("eth3d", 50), ("diode_indoor", 25), ("nuscenes", 80)])
def test_unidepth_elsewhere_is_a_limit_alone(name, far):
  guesses, truths = _pictures(0, (20, 30))
  got = _score(depth_protocols.get("unidepth", name), guesses, truths)
  rows = []
  for p, t in zip(guesses, truths):
    keep = (t > 0) & (t < far)
    rows.append(_formulas(np.where(np.isinf(p), far, p)[keep], t[keep], ddof=1))
  for key in depth.NAMES:
    assert got[key] == pytest.approx(np.mean([r[key] for r in rows]), rel=1e-9)


@pytest.mark.parametrize("name,ddof", [("unidepth", 1), ("zoe", 0)])
def test_kitti_is_seen_and_scored_through_crops(name, ddof):
  protocol = depth_protocols.get(name, "kitti")
  guesses, truths = _pictures(1, (375, 1242))
  view = protocol.view.window(375, 1242)
  assert view == (slice(23, 375), slice(13, 1229))
  guesses, truths = [g[view] for g in guesses], [t[view] for t in truths]
  got = _score(protocol, guesses, truths)
  rows = []
  for p, t in zip(guesses, truths):
    p, t = p[143:349, 43:1172], t[143:349, 43:1172]  # Garg's shares of 352x1216.
    keep = (t > 1e-3) & (t < 80)
    p = np.where(np.isinf(p), 80, p)[keep]
    rows.append(_formulas(p if name == "unidepth" else np.clip(p, 1e-3, 80), t[keep],
                          ddof))
  for key in depth.NAMES:
    assert got[key] == pytest.approx(np.mean([r[key] for r in rows]), rel=1e-9)


def test_zoe_clips_and_crops_everything_as_nyu():
  guesses, truths = _pictures(2, (480, 640), far=30.0)
  for name in ("nyuv2", "ibims1", "diode_indoor"):
    got = _score(depth_protocols.get("zoe", name), guesses, truths)
    rows = []
    for p, t in zip(guesses, truths):
      keep = np.zeros(t.shape, bool)
      keep[45:471, 41:601] = True
      keep &= (t > 1e-3) & (t < 10)
      rows.append(_formulas(np.clip(p, 1e-3, 10)[keep], t[keep]))
    for key in depth.NAMES:
      assert got[key] == pytest.approx(np.mean([r[key] for r in rows]), rel=1e-9)


def test_moge_drops_what_is_very_far():
  guesses, truths = _pictures(3, (40, 60))
  truths[0][0, 0] = 1e6
  got = _score(depth_protocols.get("moge", "eth3d"), guesses, truths)
  rows = []
  for p, t in zip(guesses, truths):
    keep = np.isfinite(t) & (t > 0)
    keep[keep] = t[keep] <= 1000 * np.quantile(t[keep], 0.01)
    assert not (keep & (t == 1e6)).any()
    p = np.where(np.isinf(p), t[keep].max(), p)
    rows.append(_formulas(p[keep], t[keep], offset=1e-6))
  for key in ("delta1", "abs_rel"):
    assert got[key] == pytest.approx(np.mean([r[key] for r in rows]), rel=1e-9)


def test_protocols_differ_and_say_how():
  guesses, truths = _pictures(4, (480, 640), far=30.0)
  seen = {name: _score(depth_protocols.get(name, "nyuv2"), guesses, truths)
          for name in depth_protocols.NAMES}
  assert len({s["abs_rel"] for s in seen.values()}) == len(seen)
  rules = [depth_protocols.get(name, "nyuv2").rule for name in depth_protocols.NAMES]
  assert len(set(rules)) == len(rules)
  assert "45:471" in rules[0] and "10 m" in rules[0] and "clipped" in rules[1]
  for name in depth_protocols.DATASETS:
    assert depth_protocols.get("unidepth", name).rule.startswith("unidepth: ")


def test_unknown_protocols_and_sets_are_named():
  with pytest.raises(UserError, match="'mine'.*unidepth, zoe, moge"):
    depth_protocols.get("mine", "nyuv2")
  with pytest.raises(UserError, match="zoe.*'eth3d'"):
    depth_protocols.get("zoe", "eth3d")
  with pytest.raises(UserError, match="300x400"):
    depth_protocols.KB.window(300, 400)


def test_eigen_crop_is_the_published_one():
  assert depth_protocols.EIGEN.window(375, 1242) == (slice(124, 342), slice(44, 1197))
  assert depth_protocols.GARG.window(375, 1242) == (slice(153, 371), slice(44, 1197))


@pytest.mark.parametrize("corners", [True, False])
def test_resize_is_bilinear(corners):
  """A plane stays a plane; what lies beyond the centres of the edge is the edge."""
  y, x = np.mgrid[:5, :7].astype(float)
  got = depth.resize(2 * y + 3 * x, (9, 13), corners)
  if corners:
    at_y, at_x = np.linspace(0, 4, 9), np.linspace(0, 6, 13)
  else:
    at_y = np.clip((np.arange(9) + 0.5) * 5 / 9 - 0.5, 0, 4)
    at_x = np.clip((np.arange(13) + 0.5) * 7 / 13 - 0.5, 0, 6)
  np.testing.assert_allclose(got, 2 * at_y[:, None] + 3 * at_x[None], atol=1e-12)
  np.testing.assert_array_equal(depth.resize(x, x.shape, corners), x)


@pytest.mark.parametrize("curve", [codec.Curve(), codec.Curve(-2.0), codec.Curve(c=1.0)])
@pytest.mark.parametrize("name, rest", [("unidepth", 10.0), ("moge", 3.0)])
def test_a_white_pixel_counts_as_the_limit_not_as_a_million_metres(curve, name, rest):
  truth = np.full((480, 640), 3.0)  # The size of NYU, whose crop keeps the middle.
  rgb = np.array(codec.encode(truth, curve.lam, curve.c))
  rgb[240, 320] = 1.0
  value = np.asarray(codec.decode(rgb, curve.lam, curve.c))
  got = depth.Depth(depth_protocols.get(name, "nyuv2")).add(value, truth)
  assert got["rmse"] < rest - 3 + 1e-3 and got["abs_rel"] < 1e-3


def test_a_prediction_of_another_size_is_resized():
  truth = np.full((8, 12), 2.0)
  small = np.full((4, 6), 2.0)
  small[0, 0] = np.inf  # Counts as the limit before it is smeared.
  got = depth.Depth(OURS).add(small, truth)
  assert 0.8 < got["delta1"] < 1 and np.isfinite(got["rmse"])


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_the_graph_has_the_same_formulas(seed):
  (guess,), (truth,) = _pictures(seed, (9, 11), count=1, far=9.0)
  guess = np.minimum(guess, 10)  # Our protocol clips; in the graph nothing does.
  valid = np.isfinite(truth) & (truth > 0)
  got = depth.Depth(OURS).add(guess, truth)
  assert float(in_graph.abs_rel(guess, truth, valid)) == pytest.approx(
      got["abs_rel"], rel=1e-5)
  assert float(in_graph.delta1(guess, truth, valid)) == pytest.approx(
      got["delta1"], abs=1.01 / valid.sum())
