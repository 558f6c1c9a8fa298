"""Draws the loss of nano's training phases, one after the other, as curve.png.

    python experiments/nano/curve.py
"""

import pathlib

import matplotlib.pyplot as plt

from vision_banana.train import metrics_writer

HERE = pathlib.Path(__file__).parent
SHOWN = ("depth", "normals", "semantic", "text_to_image", "editing")


def main() -> None:
  series: dict[str, list[tuple[float, float]]] = {task: [] for task in SHOWN}
  done = 0
  for log in sorted(HERE.glob("*.jsonl")):
    lines = metrics_writer.read(log)
    for line in lines:
      for task in SHOWN:
        if f"loss/{task}" in line:
          series[task].append((done + line["step"], line[f"loss/{task}"]))
    done += lines[-1]["step"]
  for task, points in series.items():
    plt.plot(*zip(*points), label=task, linewidth=1)
  plt.yscale("log")
  plt.xlabel("training steps")
  plt.ylabel("loss")
  plt.legend()
  plt.savefig(HERE / "curve.png", dpi=90, bbox_inches="tight")


if __name__ == "__main__":
  main()
