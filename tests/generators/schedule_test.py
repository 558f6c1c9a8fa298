"""Noise levels against the reference (files made by tests/goldens)."""

import pathlib

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from vision_banana.errors import UserError
from vision_banana.generators import schedule

GOLDEN = safetensors.numpy.load_file(
    pathlib.Path(__file__).parent.parent / "goldens" / "schedule.safetensors")
CASES = [k.removeprefix("mu.") for k in GOLDEN if k.startswith("mu.")]


@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference(case):
  size = [int(n) for n in case.split(".")]
  assert schedule.shift(*size) == pytest.approx(GOLDEN[f"mu.{case}"].item(), rel=1e-12)
  levels = schedule.levels(*size)
  assert levels.dtype == np.float32
  np.testing.assert_allclose(levels, GOLDEN[f"sigmas.{case}"], rtol=3e-7)


# Four steps at 1024x1024 and at 512x512, as the authors of FLUX.2 print them.
@pytest.mark.parametrize("tokens, expected", [
    (4096, [1, 0.96738, 0.90814, 0.7672, 0]), (1024, [1, 0.95809, 0.88398, 0.7175, 0])])
def test_published_levels(tokens, expected):
  np.testing.assert_allclose(schedule.levels(tokens, 4), expected, atol=5e-5)


@given(st.integers(1, 16384), st.integers(1, 200))
def test_levels_fall_from_one_to_zero(tokens, steps):
  levels = schedule.levels(tokens, steps)
  assert levels.shape == (steps + 1,)
  assert levels[0] == 1 and levels[-1] == 0
  assert (np.diff(levels) < 0).all()


def test_no_step_is_refused():
  with pytest.raises(UserError, match="steps is 0; use 1 or more"):
    schedule.levels(1024, 0)


def test_training_shift_is_the_line_of_flux():
  assert schedule.training_shift(256) == 0.5
  assert schedule.training_shift(4096) == pytest.approx(1.15, rel=1e-12)
  assert schedule.training_shift(1024) == pytest.approx(0.63, rel=1e-12)
