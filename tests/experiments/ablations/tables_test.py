"""Tables: seeds are joined to those of the same experiment, and to no other."""

import pytest

from experiments.ablations import sweep, tables


def _table(seeds, rows, **changes):
  return {"config": "c.py", "steps": 9, "overrides": [], "limit": None,
          "seeds": seeds, "missing": [], "rows": rows, **changes}


def _rows(seed, mark="", variants=("before", "tuned")):
  return [{"variant": v, "seed": seed, "x": x, "mark": mark,
           "fingerprint": "base" if v == "before" else f"{v}{seed}"}
          for v in variants for x in (1, 2)]


ASKED = sweep.Sweep("t", (sweep.Variant("before", model="m"), sweep.Variant("tuned")),
                    sweep.Evaluation(), plots=())


def test_published_seeds_are_joined_by_those_run_later():
  before = _table([0, 1], _rows(0, "old", ("before", "gone", "tuned"))
                  + _rows(1, "old", ("before",)),
                  missing=["tuned seed1", "before seed2"])
  joined = tables.joined(
      _table([1, 2], _rows(1, "new") + _rows(2, "new", ("tuned",)),
             missing=["before seed2"]), before, ASKED)
  assert joined["seeds"] == [0, 1, 2] and joined["missing"] == ["before seed2"]
  assert [(r["variant"], r["seed"], r["x"], r["mark"]) for r in joined["rows"]] == [
      (variant, seed, x, mark)
      for variant, found in (("before", ((0, "old"), (1, "new"))),
                             ("tuned", ((0, "old"), (1, "new"), (2, "new"))))
      for seed, mark in found for x in (1, 2)]


@pytest.mark.parametrize("changes", [
    {"config": "d.py"}, {"steps": 8}, {"overrides": ["config.seed=1"]}, {"limit": 4},
    {"rows": [{"variant": "before", "seed": 0, "x": 1, "fingerprint": "other"}]}])
def test_published_rows_of_something_else_are_replaced(changes):
  table = _table([1], _rows(1))
  assert tables.joined(table, _table([0], _rows(0)), ASKED) != table
  assert tables.joined(table, {**_table([0], _rows(0)), **changes}, ASKED) == table
