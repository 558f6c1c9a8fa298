"""Eight bits a weight: how far off, and what is refused."""

import hypothesis
import numpy as np
import pytest
from hypothesis.extra import numpy as arrays

from vision_banana.models import eight_bit


def unpack(stored):
  return dict(eight_bit.unpack(stored.keys(), stored.get))


@hypothesis.given(arrays.arrays(
    np.float32, (2, 5, 3), elements={"min_value": -1e3, "max_value": 1e3}))
def test_an_entry_is_off_by_half_a_step_of_its_column_at_most(kernel):
  packed = eight_bit.pack({"a/kernel": kernel})
  assert packed["a/kernel"].dtype == np.int8
  error = np.abs(unpack(packed)["a/kernel"] - kernel)
  largest = np.abs(kernel).max(-2, keepdims=True)
  assert (error <= largest / 254 * (1 + 1e-5) + 1e-37).all()


def test_vectors_are_kept_in_half_precision_also_when_stacked():
  bias = np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6)
  packed = eight_bit.pack({"b/bias": bias, "b/scale": bias, "v": bias[0]})
  assert {v.dtype for v in packed.values()} == {np.dtype(np.float16)}
  np.testing.assert_array_equal(
      unpack(packed)["b/bias"], bias.astype(np.float16))


def test_packing_again_changes_nothing():
  kernel = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
  once = unpack(eight_bit.pack({"k": kernel}))["k"]
  np.testing.assert_allclose(
      unpack(eight_bit.pack({"k": once}))["k"], once, rtol=1e-6)


@pytest.mark.parametrize("flat, message", [
    ({"k": np.zeros((2, 3), np.int8)}, "k is in 8 bits and has no scale"),
    ({"k:scale": np.zeros((1, 3), np.float32)}, "no matrix that it fits"),
    ({"k": np.zeros((2, 3), np.int8), "k:scale": np.zeros((1, 2), np.float32)},
     "no matrix that it fits"),
])
def test_a_lone_part_is_refused(flat, message):
  with pytest.raises(ValueError, match=message):
    unpack(flat)
