"""Edges within a pixel."""

import numpy as np
import pytest

from vision_banana.eval.metrics import accumulate
from vision_banana.eval.metrics.edges import Edges


def test_edges_within_a_pixel():
  truth = np.zeros((9, 9), bool)
  truth[4] = True
  beside, far = np.roll(truth, 1, 0), np.roll(truth, 2, 0)
  score = lambda guess: accumulate.over(Edges, [guess], [truth])
  assert score(beside)["f1"] == 1.0
  assert score(far)["f1"] == 0.0
  assert score(truth | far) == pytest.approx(
      {"precision": 0.5, "recall": 1.0, "f1": 2 / 3})
  assert score(np.zeros_like(truth))["f1"] == 0.0
  assert accumulate.over(lambda: Edges(tolerance=2), [far], [truth])["f1"] == 1.0
