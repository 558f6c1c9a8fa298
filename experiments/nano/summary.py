"""Makes curve.png of the logs here, and the tables in README.md of the JSON files.

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
  page = (HERE / "README.md").read_text()
  for name, make, source in (("table", table, "results"), ("retained", kept, "retained")):
    made = make(json.loads((HERE / f"{source}.json").read_text()))
    page, count = re.subn(
        rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", lambda _: made, page,
        flags=re.DOTALL)
    if count != 1:
      raise ValueError(f"README.md has {count} places marked {name}.")
  (HERE / "README.md").write_text(page)


def table(results: dict) -> str:
  """Markdown: a row a metric, a column a model."""
  names = [c["name"] for c in results["columns"]]
  lines = [["task", "metric", *names], ["---"] * (2 + len(names))]
  for task in results["tasks"]:
    for row in task["rows"]:
      lines.append([task["task"], f"{row['label']} {tables.arrow(row)}", *(
          tables.cell(row["values"][name], row["unit"]) for name in names)])
  return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def kept(losses: dict) -> str:
  """Markdown: a row a generation task, before and after tuning."""
  before, after = losses["nano_base"], losses["nano"]
  lines = [["validation loss ↓", "nano_base", "nano", "change"], ["---"] * 4]
  for task in before.keys() - {"fingerprint"}:
    was, now = before[task]["loss"], after[task]["loss"]
    lines.append([task, f"{was:.4f}", f"{now:.4f}", f"{100 * (now / was - 1):+.1f} %"])
  return "".join(f"| {' | '.join(line)} |\n" for line in (*lines[:2], *sorted(lines[2:])))


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
