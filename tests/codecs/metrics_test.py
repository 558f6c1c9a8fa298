import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vision_banana.codecs import metrics

ALL = np.ones((2, 3), bool)


def _finite(gradient) -> bool:
  return bool(np.isfinite(gradient).all())


def test_depth_metrics_by_hand_and_per_picture():
  true = np.array([[[1.0, 2.0], [4.0, 8.0]]] * 2)
  predicted = true * np.array([[[1.0, 1.2], [1.3, 0.79]], [[2.0, 2.0], [2.0, 2.0]]])
  valid = np.ones((2, 2, 2), bool)
  valid[1, 0] = False
  np.testing.assert_allclose(metrics.abs_rel(predicted, true, valid),
                             [(0 + 0.2 + 0.3 + 0.21) / 4, 1.0], rtol=1e-5)
  # 1 / 0.79 > 1.25 although 1 - 0.79 < 0.25: the ratio counts both ways.
  np.testing.assert_allclose(metrics.delta1(predicted, true, valid), [0.5, 0.0])
  sharp = metrics.soft_delta1(predicted, true, valid, 1e-4)
  np.testing.assert_allclose(sharp, [0.5, 0.0], atol=1e-6)
  at_limit = metrics.soft_delta1(1.25 * true, true, valid)
  np.testing.assert_allclose(at_limit, [0.5, 0.5], atol=1e-4)


@pytest.mark.parametrize("metric",
                         [metrics.abs_rel, metrics.delta1, metrics.soft_delta1])
def test_depth_metrics_ignore_what_is_not_valid_and_keep_gradients_finite(metric):
  true = np.array([[1.0, np.nan, np.inf], [0.0, 3.0, 5.0]])
  predicted = np.array([[2.0, np.nan, np.inf], [0.0, 3.0, 0.0]])
  valid = ALL.copy()
  valid[1, 2] = False
  clean = metric(np.array([[2.0, 3.0]]), np.array([[1.0, 3.0]]), np.ones((1, 2), bool))
  np.testing.assert_allclose(metric(predicted, true, valid), clean, rtol=1e-6)
  assert _finite(jax.grad(metric)(predicted, true, valid))
  assert _finite(jax.grad(metric)(predicted, true, ALL))  # Predicted depth of 0.
  assert metric(predicted, true, ~ALL) == 0


def test_soft_delta1_pulls_towards_the_truth():
  true = np.full((2, 3), 2.0)
  down = jax.grad(metrics.soft_delta1)(np.full((2, 3), 2.6), true, ALL)
  up = jax.grad(metrics.soft_delta1)(np.full((2, 3), 1.5), true, ALL)
  assert (down < 0).all() and (up > 0).all()


@pytest.mark.parametrize("degrees", [0, 1e-3, 0.1, 30, 90, 150, 179.9, 179.999, 180])
def test_angles_are_accurate_and_smooth_at_both_ends(degrees):
  rng = np.random.default_rng(0)
  a, b = np.linalg.qr(rng.normal(size=(3, 3)))[0][:, :2].T
  angle = np.radians(degrees)
  turned = np.cos(angle) * a + np.sin(angle) * b
  np.testing.assert_allclose(metrics.angles(turned, a), degrees, rtol=1e-4, atol=1e-4)
  assert _finite(jax.grad(lambda v: metrics.angles(v, a))(turned))
  if 1e-3 <= degrees <= 179.999:  # One degree a degree, away from the truth.
    gradient = np.asarray(jax.grad(lambda v: metrics.angles(v, a))(turned))
    tangent = -np.sin(angle) * a + np.cos(angle) * b
    np.testing.assert_allclose(gradient @ tangent, 180 / np.pi, rtol=1e-3)


def test_the_zero_vector_is_at_ninety_degrees_to_all():
  zero, unit = np.zeros(3), np.array([0.0, 0.6, 0.8])
  for a, b in ((zero, unit), (unit, zero), (zero, zero)):
    np.testing.assert_allclose(metrics.angles(a, b), 90, rtol=1e-6)
    assert _finite(jax.grad(metrics.angles)(a, b))


def test_angular_error_masks_missing_normals():
  true = np.zeros((2, 2, 3))
  true[0, 0], true[0, 1] = [0, 0, 1], [0, 1, 0]
  predicted = np.zeros((2, 2, 3))
  predicted[..., 0, 2] = 1
  predicted[..., 1, 2] = 1
  valid = np.ones((2, 2), bool)
  np.testing.assert_allclose(metrics.angular_error(predicted, true, valid), 45,
                             rtol=1e-6)
  for guess in (predicted, true, -true, 0 * true):
    assert _finite(jax.grad(metrics.angular_error)(guess, true, valid))


def test_soft_iou_of_hard_predictions_is_the_iou():
  rng = np.random.default_rng(0)
  true, guess = rng.integers(0, 3, (2, 2, 8, 8))
  valid = rng.random((2, 8, 8)) < 0.8
  got = metrics.soft_iou(jax.nn.one_hot(guess, 4), true, valid)
  for i in range(2):
    for k in range(3):
      t, g = (true[i] == k)[valid[i]], (guess[i] == k)[valid[i]]
      np.testing.assert_allclose(got[i, k], (t & g).sum() / (t | g).sum(), rtol=1e-6)
    assert got[i, 3] == 0
  gradient = jax.jit(jax.grad(lambda p: metrics.soft_iou(p, true, valid).sum()))
  for p in (0.25, 0.0):
    assert _finite(gradient(jnp.full((2, 8, 8, 4), p)))


def test_confusion_adds_up_to_the_miou():
  true = np.array([[[0, 0, 1], [1, 2, 255]], [[0, 1, 1], [0, 0, -1]]])
  guess = np.array([[[0, 1, 1], [1, 0, 0]], [[0, 1, 0], [0, 0, 0]]])
  valid = np.ones(true.shape, bool)
  valid[1, 1, 1] = False
  counts = metrics.confusion(guess, true, valid, 4)
  assert counts.dtype == jnp.int32
  np.testing.assert_array_equal(
      counts[0], [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
  assert counts[1].sum() == 4
  total = counts.sum(0)
  np.testing.assert_allclose(metrics.iou(total), [3 / 6, 3 / 5, 0, np.nan])
  np.testing.assert_allclose(metrics.miou(total), (3 / 6 + 3 / 5 + 0) / 3, rtol=1e-6)
