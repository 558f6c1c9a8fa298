"""Measures each phase of tuning on the held-out rooms: learning.json.

    python experiments/nano/learning.py runs/phase5 runs/phase6 ...

Rows are added to those that learning.json has; samples are counted from its first. One
sampling step, as results.json.
"""

import json
import pathlib
import sys
import tempfile

import vision_banana
from vision_banana.eval import benchmarks, evaluator

HERE = pathlib.Path(__file__).parent
TASKS = ("depth", "normals", "semantic", "referring")


def main() -> None:
  path = HERE / "learning.json"
  rows = json.loads(path.read_text()) if path.exists() else []
  samples = rows[-1]["samples"] if rows else 0
  for run in sys.argv[1:]:
    model = vision_banana.load(pathlib.Path(run, "model"))
    samples += model.notes["samples"]
    with tempfile.TemporaryDirectory() as folder:
      found = evaluator.evaluate(
          [model], benchmarks.ROOMS, folder, tasks=TASKS, num_examples=0)
    rows.append({"run": pathlib.Path(run).name, "samples": samples,
                 "fingerprint": model.fingerprint, "metrics": {
                     f"{task['task']}/{row['metric']}": row["values"][model.name]
                     for task in found.results["tasks"] for row in task["rows"]}})
  path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
  main()
