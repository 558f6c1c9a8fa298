"""Samplers and models in one folder: a column each, of one name in every task."""

import pathlib

import pytest

from tests.eval import fake
from vision_banana.errors import UserError
from vision_banana.eval import columns, evaluator, extremes, report, tables

SCENES = fake.scenes(3)


def _about(task, steps, **changes):
  return {"task": task, "steps": steps, "model": "m", "fingerprint": "a" * 16,
          "guidance": 1.0, "outside": "none", "batch": 32, "split_hash": "s", **changes}


def _sorted(*abouts):
  group = [(pathlib.Path(f"{i}"), a) for i, a in enumerate(abouts)]
  made = {task: {name: int(folder.name) for name, folder in here.items()}
          for task, here in columns.sort(group).items()}
  assert made == {task: {name: len(group) - 1 - int(folder.name) for name, folder in
                         here.items()} for task, here in columns.sort([
                             (pathlib.Path(f"{i}"), a) for i, a in enumerate(
                                 reversed(abouts))]).items()}  # whatever the order
  return made


def test_a_model_alone_has_its_own_name():
  assert _sorted(_about("depth", 1), _about("editing", 4)) == {
      "depth": {"m": 0}, "editing": {"m": 1}}


def test_samplers_are_columns_and_their_steps_are_told():
  assert _sorted(_about("depth", 1), _about("editing", 4), _about("depth", 2),
                 _about("editing", 2)) == {
      "depth": {"m, 1 step (4 for photos)": 0, "m, 2 steps": 2},
      "editing": {"m, 1 step (4 for photos)": 1, "m, 2 steps": 3}}
  # What was asked of some tasks only.
  assert _sorted(_about("depth", 1), _about("depth", 2), _about("normals", 1)) == {
      "depth": {"m, 1 step": 0, "m, 2 steps": 1}, "normals": {"m, 1 step": 2}}


@pytest.mark.parametrize("change, names", [
    ({"guidance": 2.5}, ["guidance 1", "guidance 2.5"]),
    ({"fingerprint": "b" * 16}, ["weights aaaaaaaa", "weights bbbbbbbb"]),
    ({"outside": "x"}, ["asks none", "asks x"]),
    ({"batch": 64}, ["batches of 32", "batches of 64"]),
    ({"split_hash": "t"}, ["split s", "split t"])])
def test_whatever_changes_an_answer_is_another_column(change, names):
  assert _sorted(_about("depth", 1), _about("depth", 1, **change),
                 _about("depth", 1, model="n")) == {
      "depth": {f"m, {names[0]}": 0, f"m, {names[1]}": 1, "n": 2}}


def test_one_column_has_one_answer():
  with pytest.raises(UserError, match="0 and 1: answers of one model"):
    columns.sort([(pathlib.Path(str(i)), _about("depth", 1)) for i in range(2)])


def _rescored(out, monkeypatch, runs):
  """Evaluates tasks by models with steps, then scores the folder."""
  record = fake.benchmark(3)
  monkeypatch.setattr(evaluator.benchmarks, "get", lambda name: record)
  for name, task, steps in runs:
    model = fake.Oracle(SCENES)
    model.name, model.fingerprint = name, name * 16
    evaluator.evaluate([model], record, out, tasks=[task], steps=steps,
                       log=lambda line: None)
  return evaluator.rescore(out, num_extremes=1, log=lambda line: None)


def test_a_column_says_the_steps_of_all_its_rows(tmp_path, monkeypatch):
  made, = _rescored(tmp_path, monkeypatch, [
      ("m", t, s) for t in ("depth", "semantic", "normals") for s in (1, 2)])
  told = {c["name"]: tables.sampler(c) for c in made.results["columns"]}
  assert told == {"m, 1 step": "1 step", "m, 2 steps": "2 steps"}
  for task in made.results["tasks"]:
    assert list(task["rows"][0]["values"]) == list(told)


def test_columns_of_some_tasks_are_shown_where_they_are(tmp_path, monkeypatch):
  made = _rescored(tmp_path, monkeypatch, [("a", "depth", 1), ("b", "normals", 1)])
  page = report.render(made, "t")
  assert page.count("painted: a") == page.count("painted: b") > 0
  page = extremes.render(made)
  assert "one picture of a." in page and "one picture of b." in page
