"""Makes curve.png of the logs here, and the table in README.md of results.json.

    python experiments/nano/summary.py
"""

import json
import pathlib
import re

import matplotlib.pyplot as plt

from vision_banana.eval import tables
from vision_banana.train import metrics_writer

HERE = pathlib.Path(__file__).parent
SHOWN = ("depth", "normals", "semantic", "edges", "text_to_image", "editing")


def main() -> None:
  draw()
  readme = HERE / "README.md"
  results = json.loads((HERE / "results.json").read_text())
  before, rest = re.split(r"(?<=<!-- table -->\n)", readme.read_text())
  _, after = re.split(r"(?=<!-- end -->)", rest)
  readme.write_text(before + table(results) + after)


def table(results: dict) -> str:
  """Markdown: a row a metric, a column a model."""
  names = [c["name"] for c in results["columns"]]
  lines = [["task", "metric", *names], ["---"] * (2 + len(names))]
  for task in results["tasks"]:
    for row in task["rows"]:
      lines.append([task["task"], f"{row['label']} {tables.arrow(row)}", *(
          tables.cell(row["values"][name], row["unit"]) for name in names)])
  return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw() -> None:
  series: dict[str, list[tuple[float, float]]] = {task: [] for task in SHOWN}
  done = 0
  for log in sorted(HERE.glob("*.jsonl")):
    lines = metrics_writer.read(log)
    for line in lines:
      for task in SHOWN:
        if f"loss/{task}" in line:
          series[task].append((done + line["step"], line[f"loss/{task}"]))
    done += lines[-1]["step"]
    for points in series.values():
      points.append((done, float("nan")))  # A phase without the task leaves a gap.
  for task, points in series.items():
    plt.plot(*zip(*points), label=task, linewidth=1)
  plt.yscale("log")
  plt.xlabel("training steps")
  plt.ylabel("loss")
  plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
  plt.savefig(HERE / "curve.png", dpi=90, bbox_inches="tight")


if __name__ == "__main__":
  main()
