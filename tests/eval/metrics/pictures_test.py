"""PSNR and colour histograms by hand."""

import math

import numpy as np
import pytest

from vision_banana.eval.metrics import accumulate, pictures


def test_psnr_by_hand():
  a = np.zeros((2, 2, 3), np.uint8)
  b = a.copy()
  b[0, 0] = 51  # a fifth of 255 in a quarter of the pixels
  assert pictures.psnr(a, b) == pytest.approx(10 * math.log10(1 / (0.04 / 4)))
  assert pictures.psnr(a, a) == 100
  assert math.isnan(pictures.psnr(a, b, np.zeros((2, 2), bool)))


def test_editing_gain_is_over_handing_back_the_input():
  given_, target = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
  target[0] = 102
  score = lambda guess: accumulate.over(pictures.Editing, [guess], [(target, given_)])
  got = score(given_)
  assert got["gain"] == got["better"] == 0
  assert got["psnr_changed"] == pytest.approx(-10 * math.log10(0.16))
  assert score(target // 2)["gain"] == pytest.approx(20 * math.log10(2))
  both = accumulate.over(
      pictures.Editing, [given_, target // 2], [(target, given_)] * 2)
  assert both["better"] == 0.5


def test_color_histogram_is_total_variation():
  black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
  mixed = np.concatenate([black, white])
  score = lambda p, t: accumulate.over(
      pictures.ColorHistogram, [p], [t])["histogram_distance"]
  assert score(black, black) == 0
  assert score(black, white) == 1
  assert score(mixed, white) == 0.5
  assert math.isnan(pictures.ColorHistogram().result()["histogram_distance"])
