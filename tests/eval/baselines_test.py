"""The constant picture is the best of its kind, and fits pictures of any size."""

import numpy as np
import pytest

from tests.eval import fake
from vision_banana.eval import baselines, questions
from vision_banana.eval.metrics import accumulate, edges, referring

SCENES = fake.scenes(8, first=50)


def _truths(task):
  return [i.truth for i in questions.ask(task, SCENES, 1)]


def test_depth_is_the_median_and_fills_what_is_never_known():
  answer = baselines.fit(SCENES, ["depth"]).answers["depth"]
  values = [d[20, 20] for d in _truths("depth")]
  assert answer[20, 20] == pytest.approx(np.median(values))
  # Pixel (0, 0) is NaN in every scene.
  assert np.isfinite(answer).all()


def test_normals_are_the_mean_direction():
  answer = baselines.fit(SCENES, ["normals"]).answers["normals"]
  mean = np.mean([n[20, 20] for n in _truths("normals")], axis=0)
  np.testing.assert_allclose(answer[20, 20], mean / np.linalg.norm(mean), atol=1e-6)


def test_semantic_is_the_most_frequent_class():
  answer = baselines.fit(SCENES, ["semantic"]).answers["semantic"]
  stack = np.stack(_truths("semantic"))
  for y, x in ((0, 0), (10, 10), (14, 12), (30, 30)):
    assert answer[y, x] == np.bincount(stack[:, y, x]).argmax()


@pytest.mark.parametrize("task,metric,key", [
    ("edges", edges.Edges, "f1"), ("referring", referring.Presence, "ciou")])
def test_masks_take_the_best_threshold(task, metric, key):
  truths = _truths(task)
  answer = baselines.fit(SCENES, [task]).answers[task] > 0
  score = accumulate.over(metric, [answer] * len(truths), truths)[key]
  share = np.mean(truths, axis=0)
  for level in np.unique(share):
    other = accumulate.over(metric, [share >= level] * len(truths), truths)[key]
    assert score >= other - 1e-9


def test_answers_fit_each_item():
  constant = baselines.fit(SCENES, [p for p in ("depth", "normals", "semantic")])
  wide = questions.ask("normals", [{**SCENES[0],
                                    "normals": np.zeros((40, 80, 3), np.float32),
                                    "image": np.zeros((40, 80, 3), np.uint8)}], 0)
  value = constant.values("normals", wide)[0]
  assert value.shape == (40, 80, 3)
  # A picture twice as wide as high sees the middle half of the rows.
  np.testing.assert_array_equal(value[0, 0], constant.answers["normals"][8, 0])
  np.testing.assert_array_equal(value[-1, -1], constant.answers["normals"][23, 31])


def test_editing_hands_back_the_input():
  items = questions.ask("editing", SCENES, 0)
  values = baselines.fit(SCENES, ["editing"]).values("editing", items)
  assert all((v == i.picture).all() for v, i in zip(values, items))
