"""Paints pictures.png: what nano answers about the first held-out rooms, not chosen.

    python experiments/nano/pictures.py
"""

import pathlib

import matplotlib
import matplotlib.pyplot as plt

import vision_banana
from vision_banana.eval import benchmarks, figures

HERE = pathlib.Path(__file__).parent
ROOMS, SEED = 4, 0
TASKS = ("depth", "normals", "semantic", "edges")


def main() -> None:
  matplotlib.use("Agg")
  model = vision_banana.load("nano")
  split = benchmarks.ROOMS.open()
  _, axes = plt.subplots(ROOMS, 1 + 2 * len(TASKS), figsize=(12, 5.6))
  for column, task in enumerate(TASKS):
    items = split.ask(task, range(ROOMS), SEED)
    painted = model.predict_batch(
        [item.request for item in items], [item.picture for item in items], seed=SEED)
    for row, (item, answer) in zip(axes, zip(items, painted, strict=True), strict=True):
      row[0].imshow(item.picture)
      row[1 + 2 * column].imshow(answer.rgb)
      row[2 + 2 * column].imshow(figures.painted_truth(item.request, item.truth))
    axes[0, 1 + 2 * column].set_title(f"{task}, nano", fontsize=9)
    axes[0, 2 + 2 * column].set_title("truth", fontsize=9)
  axes[0, 0].set_title("photo", fontsize=9)
  for axis in axes.flat:
    axis.set_axis_off()
  plt.subplots_adjust(0, 0, 1, 0.95, 0.03, 0.03)
  plt.savefig(HERE / "pictures.png", dpi=80)


if __name__ == "__main__":
  main()
