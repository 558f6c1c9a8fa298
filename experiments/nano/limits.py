"""Measures what stands between nano and two of its targets: limits.json.

    python experiments/nano/limits.py

Of the edits of the held-out rooms, the squared error of the picture handed in and of
nano's; of the phrases, how many pixels their mask has and how many nano painted.
"""

import json
import pathlib

import numpy as np

import vision_banana
from vision_banana.eval import benchmarks

HERE = pathlib.Path(__file__).parent
SEED = 0  # That of results.json: the same questions and noise.


def main() -> None:
  model, split = vision_banana.load("nano"), benchmarks.ROOMS.open()
  asked = {task: split.ask(task, range(len(split.ids)), SEED)
           for task in ("editing", "referring")}
  painted = {
      task: model.predict_batch([item.request for item in items],
                                [item.picture for item in items], seed=SEED)
      for task, items in asked.items()}
  error = lambda rgb, item: float(np.mean((rgb - item.truth / 255.0) ** 2))
  count = lambda mask: int(np.count_nonzero(mask))
  found = {
      "fingerprint": model.fingerprint,
      "editing": [[error(item.picture / 255.0, item), error(answer.rgb, item)]
                  for item, answer in zip(asked["editing"], painted["editing"])],
      "referring": [[count(item.truth), count(answer.value)]
                    for item, answer in zip(asked["referring"], painted["referring"])]}
  (HERE / "limits.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
  main()
