"""cgF1 and its parts against the official evaluator's stored numbers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.eval.metrics import goldens
from tests.goldens import metrics_data
from vision_banana.errors import UserError
from vision_banana.eval.metrics import accumulate, rle, saco


def _files(folder):
  """The annotators' files and the predictions, as JSON on disk."""
  files, predictions = metrics_data.saco()
  for rows in (*(f["annotations"] for f in files), predictions):
    for row in rows:
      row["segmentation"] = rle.encode(row["segmentation"]).coco()
  paths = [folder / f"{i}.json" for i in range(3)]
  for path, file in zip(paths, files):
    path.write_text(json.dumps(file))
  (folder / "predictions.json").write_text(json.dumps(predictions))
  return paths, folder / "predictions.json"


@pytest.mark.parametrize("name,chosen", [
    ("a", slice(0, 1)), ("c", slice(2, 3)), ("abc", slice(0, 3))])
def test_equals_the_official_evaluator(tmp_path, name, chosen):
  truths, predictions = _files(tmp_path)
  got = saco.score_files(truths[chosen], predictions)
  golden = goldens.load("saco")[name]
  assert got.keys() == golden.keys()
  for key, value in golden.items():
    assert got[key] == pytest.approx(value, abs=1e-9), key


def _masks(seed, count):
  rng = np.random.default_rng(seed)
  return [rle.encode(rng.random((6, 7)) < 0.5) for _ in range(count)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 4), st.randoms())
def test_order_of_instances_does_not_matter(seed, predicted, true, random):
  prediction, truth = _masks(seed, predicted), _masks(seed + 1, true)
  got = accumulate.over(saco.SaCo, [prediction], [[truth]])
  random.shuffle(prediction)
  random.shuffle(truth)
  again = accumulate.over(saco.SaCo, [prediction], [[truth]])
  np.testing.assert_equal(again, got)


def test_the_best_annotator_counts_and_agreeing_on_nothing_wins():
  a, b, c = _masks(0, 3)
  total = saco.SaCo()
  assert total.add([a, b], [[c], [a, b], [a]])["f1"] > 0.999
  assert total.add([], [[a], [], [b]])["f1"] == 1.0
  assert total.add([a], [[], []])["f1"] == 0.0
  assert total.add([], [[a], [b]])["f1"] == 0.0
  got = total.result()
  # Pairs: one hit, one true negative, one false alarm, one miss.
  assert got["IL_MCC"] == pytest.approx(0.0)
  assert got["precision"] == pytest.approx(2 / 3, abs=1e-4)
  assert got["positive_micro_precision"] == pytest.approx(1.0, abs=1e-4)
  assert got["recall"] == pytest.approx(2 / 3, abs=1e-4)


def test_no_positive_answered_has_no_macro_f1():
  total = saco.SaCo()
  total.add([], [[]])
  got = total.result()
  assert math.isnan(got["positive_macro_F1"])
  assert got["cgF1"] == 0.0


def test_average_over_subsets_is_unweighted():
  assert saco.average([{"cgF1": 0.2}, {"cgF1": 0.6}]) == {"cgF1": pytest.approx(0.4)}


def test_damaged_files_are_named(tmp_path):
  truths, predictions = _files(tmp_path)
  predictions.write_text("[{")
  with pytest.raises(UserError, match="predictions.json"):
    saco.score_files(truths, predictions)
  with pytest.raises(UserError, match="nowhere.json"):
    saco.score_files([tmp_path / "nowhere.json"], predictions)
  other = json.loads(truths[1].read_text())
  other["images"] = other["images"][:-2]
  with pytest.raises(UserError, match="annotator 2 has no pair 5"):
    saco.read_truth([json.loads(truths[0].read_text()), other])
