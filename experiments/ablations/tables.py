"""Rows of many runs as one table, and tables of other seeds joined to it."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from experiments.ablations import sweep
from experiments.ablations.one import ROWS


def rows(runs: Sequence[pathlib.Path]) -> list[dict[str, Any]]:
  """The rows of the runs that are done, in order."""
  return [row for folder in runs if (folder / ROWS).exists()
          for row in json.loads((folder / ROWS).read_text())]


def joined(table: dict[str, Any], before: dict[str, Any], asked: sweep.Sweep
           ) -> dict[str, Any]:
  """The table with the rows of other seeds that were published before.

  Seeds can be run in several goes, on several machines. Rows of another config, steps,
  overrides, limit or tuned model are left out, for they would be no seeds of the same;
  so are those of variants that the sweep no longer has.
  """
  prints = lambda rows: {row["variant"]: row["fingerprint"] for row in rows}
  old, new = prints(before["rows"]), prints(table["rows"])
  of_another = any(old[v.name] != new[v.name] for v in asked.variants
                   if v.model and v.name in old and v.name in new)
  shared = ("config", "steps", "overrides", "limit")
  if of_another or any(before.get(key) != table[key] for key in shared):
    return table
  kept = lambda seed: seed not in table["seeds"]
  order = [v.name for v in asked.variants]
  return {
      **table, "seeds": sorted({*before["seeds"], *table["seeds"]}),
      "missing": [m for m in before["missing"] if kept(int(m.rpartition("seed")[2]))]
      + table["missing"],
      "rows": sorted([row for row in before["rows"]
                      if kept(row["seed"]) and row["variant"] in order]
                     + table["rows"],
                     key=lambda row: (order.index(row["variant"]), row["seed"]))}
