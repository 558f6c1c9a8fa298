"""Makes the plots here of the logs and JSON files, and the tables in README.md.

    python -m experiments.nano.summary
"""

import itertools
import json
import pathlib
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from vision_banana.eval import tables
from vision_banana.eval.metrics import referring
from vision_banana.train import metrics_writer

from experiments import pages

HERE = pathlib.Path(__file__).parent
SHOWN = ("depth", "normals", "semantic", "edges", "text_to_image", "editing")
# What nano was to reach: metric → (label, value).
TARGETS = {"depth/delta1": ("δ1 ↑", 0.75), "depth/abs_rel": ("AbsRel ↓", 0.2),
           "normals/mean": ("normals, mean error ° ↓", 20),
           "semantic/miou": ("mIoU ↑", 0.45)}
FACTORS = (1, 2, 4, 8)  # What errors are divided by.
PIXELS = 64 * 64
AREAS = (1, 64, 256, 1024, PIXELS + 1)  # A token has 64.
LAST = 8  # Phases that a line is drawn through.


def main() -> None:
  matplotlib.use("Agg")
  draw()
  draw_learning(read("learning"))
  readme = HERE / "README.md"
  readme.write_text(fill(readme.read_text()))


def read(name: str) -> Any:
  return json.loads((HERE / f"{name}.json").read_text())


def fill(page: str) -> str:
  """The page with its tables made anew from the JSON files."""
  for name, made in (("table", table(read("results"))),
                     ("retained", kept(read("retained"))),
                     ("learning", learning(read("learning"))),
                     ("edits", edits(read("limits")["editing"])),
                     ("phrases", phrases(read("limits")["referring"]))):
    page = pages.put(page, name, made)
  return page


def table(results: dict) -> str:
  """Markdown: a row a metric, a column a model."""
  names = [c["name"] for c in results["columns"]]
  lines = []
  for task in results["tasks"]:
    for row in task["rows"]:
      lines.append([task["task"], f"{row['label']} {tables.arrow(row)}", *(
          tables.cell(row["values"][name], row["unit"]) for name in names)])
  return pages.table(["task", "metric", *names], lines)


def kept(losses: dict) -> str:
  """Markdown: a row a generation task, before and after tuning."""
  before, after = losses["nano_base"], losses["nano"]
  lines = []
  for task in sorted(before.keys() - {"fingerprint"}):
    was, now = before[task]["loss"], after[task]["loss"]
    lines.append([task, f"{was:.4f}", f"{now:.4f}", f"{100 * (now / was - 1):+.1f} %"])
  return pages.table(["validation loss ↓", "nano_base", "nano", "change"], lines)


def learning(rows: list[dict]) -> str:
  """Markdown: a row a phase, and where a line would meet the target."""
  head = ["tuning samples", *(label for label, _ in TARGETS.values())]
  lines = [[f"{row['samples']:,}", *(f"{row['metrics'][m]:.3g}" for m in TARGETS)]
           for row in rows]
  lines.append(["target", *(f"{target:g}" for _, target in TARGETS.values())])
  lines.append(["the line meets it at", *(
      f"{float(f'{fit(rows, metric)[2]:.2g}'):,.0f}" for metric in TARGETS)])
  return pages.table(head, lines)


def edits(errors: list[list[float]]) -> str:
  """Markdown: how many edits were nearer the target than the input, were nano's squared
  errors smaller. `errors` are (the input's, nano's)."""
  given, painted = np.array(errors).T
  return pages.table(
      ["nano's squared errors divided by", *FACTORS],
      [["edits nearer than the input", *(
          f"{(painted / factor < given).mean():.3f}" for factor in FACTORS)]])


def phrases(pixels: list[list[int]]) -> str:
  """Markdown: how many phrases got no mask, by pixels of the true one. `pixels` are
  (true, painted)."""
  true, painted = np.array(pixels).T
  rows = []
  for low, high in itertools.pairwise(AREAS):
    mine = (true >= low) & (true < high)
    rows.append([f"{low} to {high - 1}", int(mine.sum()),
                 f"{(painted[mine] < referring.MIN_AREA * PIXELS).mean():.3f}"])
  return pages.table(["pixels of the true mask", "phrases", "no mask"], rows)


def fit(rows: list[dict], metric: str) -> tuple[float, float, float]:
  """A line in log2(samples) through the last phases: slope, start, where it meets the
  target."""
  slope, start = np.polyfit(np.log2([row["samples"] for row in rows[-LAST:]]),
                            [row["metrics"][metric] for row in rows[-LAST:]], 1)
  return slope, start, 2 ** ((TARGETS[metric][1] - start) / slope)


def draw_learning(rows: list[dict]) -> None:
  _, axes = plt.subplots(
      1, len(TARGETS), figsize=(3.2 * len(TARGETS), 2.8), sharex=True)
  samples = [row["samples"] for row in rows]
  for axis, (metric, (label, target)) in zip(axes, TARGETS.items(), strict=True):
    slope, start, end = fit(rows, metric)
    far = np.array([samples[-LAST], max(end, samples[-1])])
    values = [row["metrics"][metric] for row in rows]
    axis.plot(samples, values, marker="o", markersize=4, label="nano")
    axis.plot(far, start + slope * np.log2(far), "--", color="C0", linewidth=1,
              label=f"line through the last {LAST}")
    axis.axhline(target, color="gray", linewidth=1, label="target")
    axis.set(xscale="log", title=label, xlabel="tuning samples")
  axes[0].legend(fontsize=7)
  plt.tight_layout()
  plt.savefig(HERE / "learning.png", dpi=80, metadata={"Software": None})
  plt.close()


def draw() -> None:
  series: dict[str, list[tuple[float, float]]] = {task: [] for task in SHOWN}
  done = 0
  number = lambda log: int(log.name.partition("_")[0])
  # Logs of one number are of runs side by side.
  for _, logs in itertools.groupby(sorted(HERE.glob("*.jsonl"), key=number), number):
    for log in logs:
      lines = metrics_writer.read(log)
      for task, points in series.items():
        points += [(done + line["step"], line[f"loss/{task}"])
                   for line in lines if f"loss/{task}" in line]
        points.append((done, float("nan")))  # A phase without the task leaves a gap.
    done += lines[-1]["step"]
  for task, points in series.items():
    plt.plot(*zip(*points), label=task, linewidth=1)
  plt.yscale("log")
  plt.xlabel("training steps")
  plt.ylabel("loss")
  plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
  plt.savefig(HERE / "curve.png", dpi=90, bbox_inches="tight",
              metadata={"Software": None})
  plt.close()


if __name__ == "__main__":
  main()
