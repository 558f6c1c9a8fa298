"""Times scoring beside the official scripts, on the same files in one run.

  python experiments/bench_metrics.py --official PYTHON --json bench_metrics.json

PYTHON is that of an environment with tests/goldens/requirements_metrics.txt (made by
`make metric-goldens`). Cityscapes: label PNGs of 1024x2048, read and scored, by
cityscapesScripts as pip installs it (without its optional compiled part, and without
the instance-level score). SA-Co: pairs of three annotators, from JSON files to
numbers, by sam3. The two sides take turns, round by round, so that other programs on
the machine slow both alike; imports are not counted, and each has one thread. Prints
seconds (median and range of the rounds) of wall clock and of processor time, their
ratios, and the largest difference between the numbers.
"""

import argparse
import contextlib
import gc
import importlib.util
import io
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

SIDES = ("official", "ours")
SEED = 0  # of the pictures; of the pairs, one more
_DISTINCT = 50  # Pictures; to make more would take longer than to score them.
# Label ids of the 19 classes.
IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def write_pictures(folder: pathlib.Path, count: int) -> None:
  """`pred_*.png` and `gt_*.png`: regions with ragged outlines, all 34 labels.

  From the fifty-first on they are links to the first fifty.
  """
  rng = np.random.default_rng(SEED)
  y, x = np.mgrid[:1024, :2048]
  for i in range(_DISTINCT, count):
    for kind in ("gt", "pred"):
      (folder / f"{kind}_{i}.png").symlink_to(f"{kind}_{i % _DISTINCT}.png")
  for i in range(min(count, _DISTINCT)):
    wave = 12 * np.sin(x / rng.uniform(9, 30)) + rng.normal(0, 1.5, x.shape)
    cells = rng.integers(0, 34, (20, 40)).astype(np.uint8)
    rows = np.clip((y + wave) / 1024 * 20, 0, 19.99).astype(int)
    columns = np.clip((x + wave) / 2048 * 40, 0, 39.99).astype(int)
    truth = cells[rows, columns]
    cells[rng.random(cells.shape) < 0.2] = rng.integers(0, 34)
    Image.fromarray(truth).save(folder / f"gt_{i}.png")
    Image.fromarray(np.roll(cells[rows, columns], 3, 1)).save(folder / f"pred_{i}.png")


def write_pairs(folder: pathlib.Path, count: int, positives: float) -> None:
  """`annotator_*.json` and `predictions.json`: discs with ragged outlines.

  Args:
    folder: to write to.
    count: pairs.
    positives: share of the pairs whose phrase fits something: 1 to 5 discs.
  """
  from vision_banana.eval.metrics import rle  # pylint: disable=import-outside-toplevel
  rng = np.random.default_rng(SEED + 1)
  height, width = 1000, 1500

  def mask(disc):
    (y, x), radius = disc[:2] + rng.normal(0, 3, 2), disc[2]
    across = np.arange(max(0, int(x - radius)), min(width, int(x + radius)))
    half = np.sqrt(np.maximum(radius**2 - (across - x) ** 2, 1))
    half = half + rng.normal(0, 1, len(across))
    top = np.clip(y - half, 0, height - 2).astype(int)
    low = np.clip(y + half, top + 1, height - 1).astype(int)
    bounds = np.stack([across * height + top, across * height + low], 1).ravel()
    runs = np.diff(np.append(bounds, height * width), prepend=0)
    whole, = rle.parse([{"size": (height, width), "counts": runs.tolist()}],
                       [(height, width)])
    return {"segmentation": whole.coco(), "bbox": [
        float(across[0]), float(top.min()), float(len(across)),
        float(low.max() - top.min())]}

  files = [{"images": [], "annotations": [],
            "categories": [{"id": 1, "name": "object"}]} for _ in range(3)]
  predictions = []
  for pair in range(count):
    there = rng.random() < positives
    discs = rng.uniform((50, 50, 20), (950, 1450, 200),
                        (rng.integers(1, 6) if there else 0, 3))
    for file in files:
      file["images"].append({"id": pair, "height": height, "width": width,
                             "is_instance_exhaustive": 1, "text_input": "thing"})
      file["annotations"] += [
          {"id": len(file["annotations"]) + i + 1, "image_id": pair, "category_id": 1,
           "iscrowd": 0, "area": 0.1, **mask(d)} for i, d in enumerate(discs)]
    predictions += [{"image_id": pair, "category_id": 1, "score": 0.9, **mask(d)}
                    for d in discs if rng.random() < 0.9]
  for i, file in enumerate(files):
    (folder / f"annotator_{i}.json").write_text(json.dumps(file))
  (folder / "predictions.json").write_text(json.dumps(predictions))


def official(folder: pathlib.Path):
  """(task → function) of the official scripts; runs in their environment."""
  # pylint: disable=import-outside-toplevel
  from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as script
  package = pathlib.Path(importlib.util.find_spec("sam3").origin).parent
  spec = importlib.util.spec_from_file_location("cgf1", package / "eval/cgf1_eval.py")
  cgf1 = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(cgf1)

  def cityscapes():
    script.args.evalInstLevelScore = script.args.JSONOutput = False
    script.args.quiet = True
    truths = sorted(map(str, folder.glob("gt_*.png")))
    found = script.evaluateImgLists(
        [t.replace("gt_", "pred_") for t in truths], truths, script.args)
    return {"miou": found["averageScoreClasses"]}

  def saco():
    with contextlib.redirect_stdout(io.StringIO()):
      found = cgf1.CGF1Evaluator(sorted(map(str, folder.glob("annotator_*.json")))
                                 ).evaluate(str(folder / "predictions.json"))
    return {k.removeprefix("cgF1_eval_segm_"): v for k, v in found.items()}

  return {"cityscapes": cityscapes, "saco": saco}


def ours(folder: pathlib.Path):
  """(task → function) of this package."""
  # pylint: disable=import-outside-toplevel
  from vision_banana.eval.metrics import saco as metric, semantic

  def cityscapes():
    total = semantic.Semantic([str(i) for i in IDS], IDS)
    for truth in sorted(folder.glob("gt_*.png")):
      prediction = truth.with_name(truth.name.replace("gt_", "pred_"))
      total.add(*(np.asarray(Image.open(p)) for p in (prediction, truth)))
    return {"miou": total.result()["miou"]}

  def saco():
    return metric.score_files(sorted(folder.glob("annotator_*.json")),
                              folder / "predictions.json")

  return {"cityscapes": cityscapes, "saco": saco}


def work(side: str, folder: pathlib.Path) -> None:
  """Runs a task for each line of input; answers in JSON."""
  tasks = {"official": official, "ours": ours}[side](folder)
  gc.freeze()  # What the imports left behind is no part of either side's work.
  for line in sys.stdin:
    start, busy = time.perf_counter(), time.process_time()
    numbers = tasks[line.strip()]()
    print(json.dumps({"wall": time.perf_counter() - start,
                      "processor": time.process_time() - busy, "numbers": numbers}),
          flush=True)


def summary(label: str, rows: dict[str, list[dict]]) -> dict:
  """Prints the times of one task and what they say; returns them."""
  print(label)
  found = {"task": label}
  for clock in ("wall", "processor"):
    times = {side: [round(r[clock], 4) for r in rows[side]] for side in SIDES}
    middle = {side: statistics.median(times[side]) for side in SIDES}
    both = ", ".join(
        f"{side} {middle[side]:.2f} s ({min(row):.2f} to {max(row):.2f})"
        for side, row in times.items())
    ratio = middle["official"] / middle["ours"]
    print(f"  {clock:<10}{both}: {ratio:.1f}x faster")
    found[clock] = {"seconds": times, "times faster": round(ratio, 2)}
  a, b = (rows[side][0]["numbers"] for side in SIDES)
  found["largest difference"] = max(abs(a[k] - b[k]) for k in a)
  print(f"  largest difference of {len(a)} numbers: {found['largest difference']:.1e}")
  return found


def machine() -> dict:
  """What the times depend on."""
  names = [line.split(":")[1].strip()
           for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")] if sys.platform == "linux" else []
  return {"processor": (names or [platform.processor()])[0], "cores": os.cpu_count(),
          "python": platform.python_version(), "numpy": np.__version__}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--official", help="python of the official environment")
  parser.add_argument("--pictures", type=int, default=500,
                      help="val has 500; 0 = none")
  parser.add_argument("--pairs", type=int, default=2000)
  parser.add_argument("--positives", type=float, nargs="*", default=[0.25, 0.5, 1.0],
                      help="shares of the pairs that show something, each timed")
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--json", help="file that gets the times as well; adds to it")
  parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.worker:
    work(args.worker[0], pathlib.Path(args.worker[1]))
    return
  found = []
  if args.pictures:
    found.append(measure(args, "cityscapes", f"{args.pictures} Cityscapes pictures",
                         lambda folder: write_pictures(folder, args.pictures)))
  for share in args.positives:
    label = f"{args.pairs} SA-Co pairs, {share:.0%} of them positive, three annotators"
    found.append(measure(args, "saco", label,
                         lambda folder, s=share: write_pairs(folder, args.pairs, s)))
  if args.json:
    # The official python's path says nothing to others.
    told = shlex.join("PYTHON" if a == args.official else a for a in sys.argv)
    path = pathlib.Path(args.json)
    before = json.loads(path.read_text()) if path.exists() else []
    new = [{"command": f"python {told}", "seed": SEED, "machine": machine(), **task}
           for task in found]
    again = {task["task"] for task in new}
    rows = [task for task in before if task["task"] not in again] + new
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def measure(args: argparse.Namespace, task: str, label: str, write) -> dict:
  """Writes the files of a task and times both sides on them, in turns."""
  with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
    write(pathlib.Path(name))
    # One thread each, or idle cores would flatter whoever uses more of them.
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    workers = {
        side: stack.enter_context(subprocess.Popen(
            [python, __file__, "--worker", side, name], text=True, env=alone,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for side, python in (("official", args.official), ("ours", sys.executable))}
    rows = {side: [] for side in SIDES}
    for _ in range(args.rounds):
      for side, worker in workers.items():
        print(task, file=worker.stdin, flush=True)
        rows[side].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
      worker.stdin.close()
  return summary(label, rows)


if __name__ == "__main__":
  main()
