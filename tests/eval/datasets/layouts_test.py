"""Every reader on its official layout: the truth painted scores perfectly."""

import json
import pathlib

import numpy as np
import pytest

from tests.eval.datasets import fake_painter
from vision_banana.eval import benchmarks, evaluator, records, tables

_FIXTURES = pathlib.Path(__file__).parent.parent.parent / "fixtures"
GOLDENS = _FIXTURES / "benchmark_goldens.json"
PUBLISHED = [b.name for b in benchmarks.BENCHMARKS.values() if b.folder]
# Headline of a perfect answer, and what 8-bit colours cost.
PERFECT = {
    "refcocog": (100, 0), "reasonseg": (100, .01), "cityscapes": (100, 0),
    # The second annotator misses an instance; the first is found in full.
    "saco": (100, .02),
    "nyu_depth": (1, 0), "ibims": (1, 0), "eth3d": (1, 0), "diode_depth": (1, 0),
    "kitti": (1, 0), "nuscenes": (1, 0), "nyu_normals": (0, .6),
    "diode_normals": (0, .6), "scannet_normals": (0, .6), "vkitti_normals": (0, .6)}
FOUND = {"refcocog": 4, "saco": 21, "genai_bench": 3}


def evaluate(painter, name, out, layouts, **kwargs):
  return evaluator.evaluate([painter], benchmarks.get(name), out, data=layouts,
                            log=lambda line: None, **kwargs)


def _questions(name, layouts):
  benchmark = benchmarks.get(name)
  split = benchmark.open(layouts)
  protocol = benchmark.protocols[0]
  return records.viewed(
      split.ask(protocol.task, range(len(split.ids)), 0), protocol.view)


def _half(name, layouts):
  """Half right where there is a truth."""
  if name in PERFECT:
    return fake_painter.HalfKnowing(_questions(name, layouts))
  return fake_painter.Nonsense()


@pytest.mark.parametrize("name", PERFECT)
def test_the_truth_painted_scores_perfectly(name, layouts, tmp_path):
  painter = fake_painter.Knowing(_questions(name, layouts))
  results = evaluate(painter, name, tmp_path, layouts).results
  task = results["tasks"][0]
  assert task["n"] == results["found"] == FOUND.get(name, 2), task["left_out"]
  expected, slack = PERFECT[name]
  value = task["rows"][0]["values"]["knowing"]
  assert value == pytest.approx(expected, abs=slack + 1e-9)


@pytest.mark.parametrize("name", PUBLISHED)
def test_half_right_scores_what_it_did(name, layouts, tmp_path):
  """Golden values: `python -m tests.eval.datasets.layouts_test` writes them again."""
  results = evaluate(_half(name, layouts), name, tmp_path, layouts).results
  golden = json.loads(GOLDENS.read_text())[name]
  task = results["tasks"][0]
  left = sum(lost["count"] for lost in task["left_out"].values())
  assert (results["split_hash"], task["n"], left) == (
      golden["hash"], golden["n"], golden["left_out"])
  got = {r["metric"]: r["values"]["half"] for r in task["rows"]}
  assert got.keys() == golden["numbers"].keys()
  for key, value in golden["numbers"].items():
    expected = None if value is None else pytest.approx(value, rel=1e-4, abs=1e-6)
    assert got[key] == expected, key


def test_records_say_where_a_hash_comes_from(layouts):
  known = {b.name for b in benchmarks.BENCHMARKS.values() if b.folder and b.sha256}
  assert known == {"kitti", "nuscenes"}
  split = benchmarks.get("kitti").open(layouts)
  assert split.notes == ("650 of the 652 listed pictures are not there",)
  assert len(split.ids) == 2
  assert benchmarks.get("nuscenes").open(layouts).notes == (
      "149 of the 150 val scenes are not there",)


def test_the_fixtures_are_small(layouts):
  assert sum(p.stat().st_size for p in layouts.rglob("*") if p.is_file()) < 3e6


def test_all_finds_what_is_there_and_says_what_is_not(layouts, tmp_path):
  found, missing = benchmarks.find(layouts)
  assert [b.name for b in found] == PUBLISHED and not missing
  found, missing = benchmarks.find(tmp_path)
  assert not found and set(missing) == set(PUBLISHED)
  assert "leftImg8bit/val" in missing["cityscapes"]


def test_the_row_names_protocol_split_and_size(layouts, tmp_path):
  results = evaluate(fake_painter.Nonsense(), "kitti", tmp_path, layouts).results
  text = tables.text(results)
  for part in ("unidepth", "352x1216", "Garg", "the official split has 652",
               results["split_hash"], "note: 650"):
    assert part in text


def test_depth_protocols_move_the_number(layouts, tmp_path):
  numbers = {}
  for name in ("unidepth", "zoe", "moge"):
    record = benchmarks.get("kitti").under(name)
    results = evaluator.evaluate(
        [fake_painter.Nonsense()], record, tmp_path, data=layouts,
        log=lambda line: None).results
    assert results["tasks"][0]["protocol"] == name
    numbers[name] = results["tasks"][0]["rows"][-1]["values"]["nonsense"]
  assert len(set(numbers.values())) == 3
  # unidepth and zoe show the same crop: one folder serves both; moge the picture.
  assert len(list(tmp_path.glob("predictions/kitti/depth/*"))) == 2


def test_limit_is_drawn_by_the_seed(layouts, tmp_path):
  seen = {tuple(evaluate(fake_painter.Nonsense(), "saco", tmp_path, layouts, limit=3,
                         seed=seed).results["tasks"][0]["left_out"]) for seed in (0, 1)}
  assert seen == {()}
  folders = sorted(tmp_path.glob("predictions/saco/instance/*"))
  names = [sorted(p.stem for p in f.glob("*.npz")) for f in folders]
  assert len(folders) == 2 and [len(n) for n in names] == [3, 3]
  assert names[0] != names[1]


def test_diode_normals_are_turned_to_the_camera(layouts):
  split = benchmarks.get("diode_normals").open(layouts)
  truth = split.ask("normals", [0], 0)[0].read().truth
  assert (truth[..., 2] >= 0).all() and not truth[:4].any()
  np.testing.assert_allclose(np.linalg.norm(truth[4:], axis=-1), 1, atol=1e-6)


def write_goldens():
  import tempfile  # pylint: disable=g-import-not-at-top

  from tests.fixtures import make_benchmarks  # pylint: disable=g-import-not-at-top
  made = {}
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder) / "data"
    make_benchmarks.make(root)
    for name in PUBLISHED:
      results = evaluate(_half(name, root), name, folder, root).results
      task = results["tasks"][0]
      made[name] = {
          "hash": results["split_hash"], "n": task["n"],
          "left_out": sum(lost["count"] for lost in task["left_out"].values()),
          "numbers": {r["metric"]: r["values"]["half"] for r in task["rows"]}}
  GOLDENS.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
  write_goldens()
