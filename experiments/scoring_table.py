"""Puts what scoring costs, from bench_metrics.json, into docs/evaluation.md.

    python -m experiments.scoring_table
"""

import json
import pathlib
import statistics

from experiments import pages

ROOT = pathlib.Path(__file__).parent.parent


def main() -> None:
  page = ROOT / "docs" / "evaluation.md"
  page.write_text(fill(page.read_text()))


def fill(text: str) -> str:
  """The page with its table made anew."""
  found = json.loads((ROOT / "experiments" / "bench_metrics.json").read_text())
  return pages.put(text, "scoring", pages.table(
      ["processor time", "official", "ours", "times faster"],
      [[task["task"], *(seconds(task["processor"]["seconds"][side])
                        for side in ("official", "ours")),
        f"{task['processor']['times faster']:.1f}"] for task in found]))


def seconds(rounds: list[float]) -> str:
  """The median, and the range where there is one."""
  spread = f" ({min(rounds):.2f} to {max(rounds):.2f})" if len(rounds) > 1 else ""
  return f"{statistics.median(rounds):.2f} s{spread}"


if __name__ == "__main__":
  main()
