"""Runs an ablation: every variant and seed, as many at a time as told; goes on.

    python -m experiments.ablations.run a --out runs/ablations --jobs 2

Each (variant, seed) is a run in a folder of its own, OUT/a/VARIANT/seedN, trained and
measured by a process of its own, which has its share of the cores. The same command
goes on where it was stopped: runs that are done are not repeated, one that was killed
resumes from its checkpoint. A run that fails does not stop the others; it is named at
the end with its log, and the exit status is 1. Rows of all runs are in OUT/a.json, one a
measurement.

Another scale is another base: --scale klein, or any config by --config, with
--config.x.y=z for all variants as for `vision-banana train`. On a pod of several
hosts, --print gives the command of each run for experiments/xpk or experiments/tpu_vm;
run.py measures what they have trained.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import shlex
import signal
import subprocess
import sys
import threading
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, files

from experiments.ablations import sweep, tables
from experiments.ablations.one import ROWS, RUN

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = pathlib.Path(__file__).parent / "results"


class Runner:
  """Starts runs as processes, and ends them when it is ended itself."""

  def __init__(self, compiled: pathlib.Path, jobs: int = 1):
    """`compiled` keeps compiled programs: runs of a sweep share most of them.

    `jobs` runs at a time do not share cores: two on the same ones slow each other.
    """
    self._env = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(compiled.resolve())}
    self._cores: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    for share in shares(jobs):
      self._cores.put(share)
    self._processes: set[subprocess.Popen] = set()
    self._lock, self._stopped = threading.Lock(), False

  def __call__(self, folder: pathlib.Path, about: dict[str, Any]) -> str:
    """Makes one run; what went wrong in words, or ''."""
    spec = folder / RUN
    if spec.exists() and json.loads(spec.read_text()) != about:
      return (f"{spec} is of another run (steps, overrides or evaluation); use another "
              "--out, or delete its folder")
    if (folder / ROWS).exists():
      return ""
    files.write_all({spec: files.json_text(about)})
    cores = self._cores.get()
    try:
      code = self._run(folder, cores)
    finally:
      self._cores.put(cores)
    if code is None:
      return "stopped"
    if code == 0:
      return ""
    lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    return f"exit status {code}: {lines[-1] if lines else ''} ({folder / 'log.txt'})"

  def _run(self, folder: pathlib.Path, cores: list[int]) -> int | None:
    """The exit status of a run on these cores; None when no more may start."""
    with open(folder / "log.txt", "ab") as log:
      with self._lock:
        if self._stopped:
          return None
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.ablations.one", str(folder.resolve())],
            cwd=ROOT, env=self._env, stdout=log, stderr=subprocess.STDOUT)
        if cores:  # Before it imports anything that counts them.
          os.sched_setaffinity(process.pid, cores)
        self._processes.add(process)
      code = process.wait()
      self._processes.discard(process)
    return code

  def stop(self) -> None:
    """Ends what runs: training saves a checkpoint first."""
    with self._lock:
      self._stopped = True
      for process in self._processes:
        process.terminate()


def shares(jobs: int) -> list[list[int]]:
  """The cores for each of so many runs at a time; [] leaves a run where it is.

  It stays there when it is alone, when there are fewer cores than runs, and where a
  system gives out no cores (macOS).
  """
  cores = (sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [])
  if jobs == 1 or len(cores) < jobs:
    return [[]] * jobs
  return [cores[i * len(cores) // jobs:(i + 1) * len(cores) // jobs]
          for i in range(jobs)]


def schedule(runs: dict[pathlib.Path, dict[str, Any]], jobs: int,
             start: Any) -> dict[pathlib.Path, str]:
  """Makes all runs, `jobs` at a time; what went wrong with which.

  Args:
    runs: of `sweep.runs`; those that ran before come first in order.
    jobs: at a time.
    start: a `Runner`, or what does as it does.
  """
  failed = {}
  with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
    futures = {pool.submit(start, folder, about): folder
               for folder, about in runs.items()}
    try:
      for n, future in enumerate(concurrent.futures.as_completed(futures), 1):
        folder, problem = futures[future], future.result()
        if problem:
          failed[folder] = problem
        print(f"[{n}/{len(runs)}] {folder.parent.name} {folder.name}: "
              f"{problem or 'done'}", flush=True)
    except BaseException:
      start.stop()
      pool.shutdown(cancel_futures=True)
      raise
  return failed


def commands(runs: dict[pathlib.Path, dict[str, Any]]) -> list[str]:
  """Each run's training as a command.

  Raises:
    UserError: runs that are measured along the way are no single command.
  """
  if any(len(about.get("milestones", ())) > 1 for about in runs.values()):
    raise UserError("runs of this ablation stop to be measured along the way; run them "
                    "on one host, without --print.")
  return [shlex.join([
      "vision-banana", "train", f"--config={about['config']}",
      f"--workdir={folder / 'train'}", *(f"--{o}" for o in about["overrides"]),
      f"--config.train.steps={about['steps']}"])
      for folder, about in runs.items() if "config" in about]


def main(argv: list[str] | None = None) -> int:
  """Runs it; see above."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("ablation", choices=sorted(sweep.SWEEPS))
  parser.add_argument("--out", required=True, help="folder of all runs")
  parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
  parser.add_argument("--seeds", default="0,1,2", help="numbers with commas")
  parser.add_argument("--scale", choices=sorted(sweep.SCALES), default="nano")
  parser.add_argument("--config", help="base config in place of the scale's")
  parser.add_argument("--steps", type=int, help="of training (default: the scale's)")
  parser.add_argument("--limit", type=int, help="measure on N rooms only")
  parser.add_argument("--model", help="what e samples from (default at scale nano: "
                      "the embedded nano)")
  parser.add_argument("--benchmarks", default="", help="published benchmarks to "
                      "measure as well, names with commas; needs --data")
  parser.add_argument("--data", help="folder of the published benchmarks")
  parser.add_argument("--print", action="store_true", dest="only_print",
                      help="print the training command of each run and stop")
  parser.add_argument("--publish", nargs="?", const="", metavar="NAME", help="write "
                      "the rows to experiments/ablations/results/NAME.json too, beside "
                      "those of other seeds there, for summary.py (default: the letter)")
  args, overrides = parser.parse_known_args(argv)
  config, steps = sweep.SCALES[args.scale]
  start = sweep.base(
      args.config or config, args.steps or steps,
      tuple(o.removeprefix("--") for o in overrides), limit=args.limit,
      model=args.model or ("nano" if args.scale == "nano" else ""))
  try:
    seeds = [int(seed) for seed in args.seeds.split(",")]
  except ValueError:
    raise UserError(f"--seeds {args.seeds}: give numbers, such as 0,1,2.") from None
  out = pathlib.Path(args.out)
  asked = sweep.load(args.ablation, start)
  runs = sweep.runs(args.ablation, start, asked, seeds, out)
  if args.publish and not args.publish.isidentifier():
    raise UserError(f"--publish {args.publish}: give a name of letters, digits and _, "
                    "such as b_semantic.")
  if args.jobs < 1:
    raise UserError(f"--jobs {args.jobs}: give at least 1.")
  if args.benchmarks:
    if not args.data:
      raise UserError("--benchmarks: name the folder that holds them by --data.")
    names = args.benchmarks.split(",")
    for name in names:
      benchmarks.get(name)  # Says so now rather than after training.
    for about in runs.values():
      about |= {"benchmarks": names, "data": args.data}
  if args.only_print:
    print("\n".join(commands(runs)))
    return 0
  runner = Runner(out / "compiled", args.jobs)
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  failed = schedule(runs, args.jobs, runner)
  table = {"ablation": args.ablation, "title": asked.title, "config": start.config,
           "steps": start.steps, "overrides": list(start.overrides),
           "limit": start.limit, "seeds": seeds,
           "missing": [f"{f.parent.name} {f.name}" for f in failed],
           "rows": tables.rows(list(runs))}
  written = {out / f"{args.ablation}.json": files.json_text(table)}
  if args.publish is not None:
    result = RESULTS / f"{args.publish or args.ablation}.json"
    if result.exists():
      table = tables.joined(table, json.loads(result.read_text()), asked)
    written[result] = files.json_text(table)
  files.write_all(written)
  print(f"{len(table['rows'])} rows: {out / args.ablation}.json")
  for folder, problem in failed.items():
    print(f"failed: {folder}: {problem}", file=sys.stderr)
  return 1 if failed else 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except UserError as e:
    sys.exit(f"ablations: error: {e}")
