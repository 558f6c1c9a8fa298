"""Instances matched one to one."""

import numpy as np
import pytest

from vision_banana.eval.metrics import accumulate
from vision_banana.eval.metrics.instances import Instances


def test_instances_match_one_to_one():
  truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0]])
  guess = np.array([[5, 5, 5, 0, 0, 7, 9, 9]])  # 3/4; 1/2; 9 meets 2 with 1/3
  got = accumulate.over(Instances, [guess], [truth])
  assert got["recall"] == 1.0
  assert got["precision"] == pytest.approx(2 / 3)
  assert got["f1"] == pytest.approx(2 * 2 / 5)
  stricter = accumulate.over(lambda: Instances(threshold=0.6), [guess], [truth])
  assert stricter["recall"] == 0.5
  nothing = np.zeros_like(truth)
  assert accumulate.over(Instances, [nothing], [truth])["f1"] == 0.0
  assert accumulate.over(Instances, [guess], [nothing])["precision"] == 0.0


def test_numbers_do_not_matter_and_pictures_add_up():
  truth = np.array([[1, 1, 2, 2]])
  total = Instances()
  assert total.add(np.array([[2, 2, 1, 1]]), truth)["f1"] == 1.0
  assert total.add(np.array([[0, 0, 0, 0]]), truth)["f1"] == 0.0
  assert total.add(truth * 0, truth * 0) == {}
  assert total.result() == pytest.approx({"f1": 2 / 3, "precision": 1.0, "recall": 0.5})
