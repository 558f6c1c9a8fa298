"""Votes over samples, and where samples disagree."""

import numpy as np
import pytest

from vision_banana.eval import voting
from vision_banana.tasks import tasks

SEMANTIC = tasks.request("semantic", classes=["a", "b", "c"])
INSTANCE = tasks.request("instance", name="box")


def test_labels_vote():
  values = [np.array([[0, 1, 2]]), np.array([[0, 1, 1]]), np.array([[3, 1, 0]])]
  value, disagreement, scores = voting.vote(SEMANTIC, values)
  np.testing.assert_array_equal(value, [[0, 1, 0]])  # a tie goes to the lower label
  np.testing.assert_allclose(disagreement, [[1 / 3, 0, 2 / 3]], atol=1e-6)
  assert scores is None


def test_depth_takes_the_median():
  values = [np.array([[1.0, 2, np.inf]], np.float32) * k for k in (1, 2, 4)]
  value, disagreement, _ = voting.vote(tasks.request("depth"), values)
  np.testing.assert_allclose(value, [[2, 4, np.inf]])
  np.testing.assert_allclose(disagreement, [[0.5, 0.5, 0]], atol=1e-6)


def test_normals_take_the_mean_direction():
  angles = np.radians([10, 20, 30])
  values = [np.array([[[np.sin(a), 0, np.cos(a)]]]) for a in angles]
  value, disagreement, _ = voting.vote(tasks.request("normals"), values)
  assert np.degrees(np.arctan2(value[0, 0, 0], value[0, 0, 2])) == pytest.approx(20)
  assert disagreement[0, 0] == pytest.approx(1 - (1 + 2 * np.cos(angles[0])) / 3)
  same, none, _ = voting.vote(tasks.request("normals"), [values[0]] * 2)
  np.testing.assert_allclose(same, values[0], atol=1e-6)
  assert none.max() == pytest.approx(0, abs=1e-6)


def test_of_instances_the_most_typical_sample_counts():
  empty, one, two = np.zeros((3, 8, 8), np.int32)
  one[:4, :4] = 1
  two[:4, :4], two[6:, 6:] = 1, 2
  value, disagreement, scores = voting.vote(INSTANCE, [empty, two, one, one])
  np.testing.assert_array_equal(value, one)
  np.testing.assert_allclose(scores, [2 / 3])  # two of three others have it
  assert disagreement[0, 0] == pytest.approx(1 / 3)
  assert disagreement[7, 7] == pytest.approx(1 / 3) and disagreement[5, 0] == 0
  value, _, scores = voting.vote(INSTANCE, [empty, empty])
  assert not value.any() and scores.shape == (0,)


def test_one_sample_is_itself():
  value, disagreement, scores = voting.vote(INSTANCE, [np.array([[0, 1], [2, 2]])])
  assert disagreement is None and scores.tolist() == [1, 1] and value.max() == 2
