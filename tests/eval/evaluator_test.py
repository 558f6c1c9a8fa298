"""The whole evaluation: oracle scores, resuming, frozen records, what is refused."""

import dataclasses
import json

import numpy as np
import pytest

from tests.eval import fake
from vision_banana.errors import UserError
from vision_banana.eval import baselines, benchmarks, evaluator, scoring, tables

CONSTANT = baselines.fit(
    fake.scenes(6, first=100), [p.task for p in benchmarks.ROOMS.protocols])
SCENES = fake.scenes(3)


def _evaluate(models, out, n=3, **kwargs):
  return evaluator.evaluate(models, fake.benchmark(n), out, constant=CONSTANT,
                            log=lambda line: None, **kwargs)


@pytest.fixture(scope="module")
def perfect(tmp_path_factory):
  out = tmp_path_factory.mktemp("perfect")
  return _evaluate([fake.Oracle(SCENES)], out), out


# What 8-bit colours cost: depth and normals are not exact.
@pytest.mark.parametrize("task,metric,expected,slack", [
    ("depth", "delta1", 1, 0), ("depth", "abs_rel", 0, .01), ("normals", "mean", 0, .5),
    ("semantic", "miou", 1, 0), ("instance", "f1", 1, 0), ("referring", "ciou", 1, 0),
    ("referring", "false_positives", 0, 0), ("referring", "presence_mcc", 1, 1e-9),
    ("edges", "f1", 1, 0), ("modality", "mean", 0, .5), ("editing", "psnr", 100, 0),
    ("text_to_image", "histogram_distance", 0, 0)])
def test_the_truth_painted_scores_perfectly(perfect, task, metric, expected, slack):
  tasks = {t["task"]: t for t in perfect[0].results["tasks"]}
  rows = {r["metric"]: r["values"] for r in tasks[task]["rows"]}
  assert rows[metric]["oracle"] == pytest.approx(expected, abs=slack + 1e-12)
  assert rows[metric]["constant picture"] is not None


def test_every_row_can_be_traced(perfect):
  results, out = perfect[0].results, perfect[1]
  folders = list(out.glob("predictions/made-up/depth/oracle-*"))
  assert len(folders) == 1
  about = json.loads((folders[0] / "protocol.json").read_text())
  assert about["steps"] == 1 and about["fingerprint"] == fake.Oracle.fingerprint
  answer = json.loads((folders[0] / "0000.json").read_text())
  assert answer["prompt"] == "Generate a metric depth map for the image."
  assert answer["seeds"] == [0] and answer["fingerprint"] == fake.Oracle.fingerprint
  text = tables.text(results)
  for task in results["tasks"]:
    assert task["rule"] in text and f"n = {task['n']}" in text
  assert results["split_hash"] in text and "1 step" in text
  assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_negatives_are_asked(perfect):
  referring = [t for t in perfect[0].results["tasks"] if t["task"] == "referring"][0]
  assert referring["n"] == 6


def test_metrics_read_the_disk(tmp_path):
  oracle = fake.Oracle(SCENES)
  _evaluate([oracle], tmp_path, tasks=["depth"])
  path = next(tmp_path.glob("predictions/*/depth/*/0001.npz"))
  np.savez_compressed(path, value=np.full((32, 32), 19.0, np.float32))
  results = _evaluate([oracle], tmp_path, tasks=["depth"]).results
  assert results["tasks"][0]["rows"][0]["values"]["oracle"] == pytest.approx(2 / 3)


class _Killed(fake.Oracle):
  """Dies at its second batch."""

  def predict_batch(self, *args, **kwargs):
    if len(self.calls) == 1:
      raise KeyboardInterrupt
    return super().predict_batch(*args, **kwargs)


def test_a_killed_run_goes_on(tmp_path):
  many = fake.scenes(70)
  with pytest.raises(KeyboardInterrupt):
    _evaluate([_Killed(many)], tmp_path, n=70, tasks=["depth"])
  resumed = fake.Oracle(many)
  first = _evaluate([resumed], tmp_path, n=70, tasks=["depth"]).results
  assert resumed.calls == [32, 6]
  again = fake.Oracle(many)
  second = _evaluate([again], tmp_path, n=70, tasks=["depth"]).results
  assert again.calls == []
  whole = _evaluate([fake.Oracle(many)], tmp_path / "whole", n=70,
                    tasks=["depth"]).results
  for results in (first, second):
    assert results["tasks"][0]["rows"] == whole["tasks"][0]["rows"]


def test_other_weights_or_steps_never_read_old_predictions(tmp_path):
  _evaluate([fake.Oracle(SCENES)], tmp_path, tasks=["depth"])
  other = fake.Oracle(SCENES)
  other.fingerprint = "1" * 16
  _evaluate([other], tmp_path, tasks=["depth"])
  assert other.calls == [3]
  slower = fake.Oracle(SCENES)
  _evaluate([slower], tmp_path, tasks=["depth"], steps=2)
  assert slower.calls == [3]


def test_a_corrupt_prediction_is_named_and_counted(tmp_path):
  _evaluate([fake.Oracle(SCENES)], tmp_path, tasks=["depth"])
  path = next(tmp_path.glob("predictions/*/depth/*/0001.npz"))
  path.write_bytes(path.read_bytes()[:40])
  results = _evaluate([fake.Oracle(SCENES)], tmp_path, tasks=["depth"]).results
  task = results["tasks"][0]
  assert task["n"] == 2 and task["asked"] == 3
  assert task["left_out"]["oracle"]["count"] == 1
  assert "0001.npz: corrupt prediction; delete it" in tables.text(results)


def test_limit_asks_the_same_questions(tmp_path):
  few = _evaluate([fake.Oracle(SCENES)], tmp_path, limit=1)
  assert few.results["scenes"] == 1
  prompts = lambda e: {(task, x.item.name): x.item.request.prompt
                       for task, xs in e.examples.items() for x in xs}
  everything = prompts(_evaluate([fake.Oracle(SCENES)], tmp_path, num_examples=99))
  assert len(prompts(few)) >= 9 and prompts(few).items() <= everything.items()


@pytest.mark.parametrize("n,count,sizes", [
    (0, 10, []), (1, 10, [1]), (2, 10, [1, 1]), (3, 10, [1, 1, 1]), (7, 10, [2, 3, 2]),
    (29, 10, [10, 9, 10]), (30, 10, [10, 10, 10]), (101, 10, [10, 10, 10]), (5, 0, [])])
def test_no_picture_is_among_the_best_and_the_worst(n, count, sizes):
  ranking = tuple((i, float(n - i)) for i in range(n))
  groups = evaluator._extremes(scoring.Score({}, n, (), ranking), count)
  assert [len(g) for g in groups.values()] == sizes
  places = [place for group in groups.values() for place in group]
  assert places == sorted(set(places))  # Best first, none twice.
  if "median" in groups:
    assert np.mean(groups["median"]) == pytest.approx((n - 1) / 2, abs=0.5)
  if "worst" in groups:
    assert places[0] == 0 and places[-1] == n - 1


@pytest.mark.parametrize("kwargs,expected", [
    ({"limit": 0}, "limit 0"), ({"tasks": ["colour"]}, "no task 'colour'"),
    ({"seed": -1}, "seed -1: give 0"), ({"seed": 2**32}, "seed 4294967296"),
    ({"steps": 0}, "steps 0"), ({"guidance": float("nan")}, "guidance nan")])
def test_what_is_refused_leaves_nothing(tmp_path, kwargs, expected):
  with pytest.raises(UserError, match=expected):
    _evaluate([fake.Oracle(SCENES)], tmp_path, **kwargs)
  assert not list(tmp_path.iterdir())


def test_the_largest_seed_serves_all_batches(tmp_path):
  made = fake.scenes(33)
  oracle = fake.Oracle(made, 2**32 - 1)
  _evaluate([oracle], tmp_path, n=33, tasks=["depth"], seed=2**32 - 1)
  seeds = {json.loads(path.read_text())["seeds"][0]
           for path in tmp_path.rglob("00*.json")}
  assert oracle.calls == [32, 1] and seeds == {2**32 - 1, 31}


def test_two_columns_need_two_names(tmp_path):
  with pytest.raises(UserError, match="give each model once"):
    _evaluate([fake.Oracle(SCENES), fake.Oracle(SCENES)], tmp_path)


def test_a_changed_split_is_refused():
  made = fake.scenes(2)
  record = fake.benchmark(2)
  made[0]["depth"] = made[0]["depth"] + 1
  with pytest.raises(UserError, match="hash"):
    dataclasses.replace(record, read=benchmarks.from_scenes(lambda: made)).open()
  with pytest.raises(UserError, match="unknown benchmark 'nyu'; known: rooms"):
    benchmarks.get("nyu")
