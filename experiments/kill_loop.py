"""Kills a run again and again; it must end as if nothing had happened.

  python experiments/kill_loop.py --kills 20 --seed 0 --log experiments/kill_loop.jsonl

Trains the debug model undisturbed, then once more with `kill -9` at random moments:
half of them anywhere, half of them while a checkpoint is being written, and starts it
again with the same command each time. Every restart must go on from a checkpoint, and
in the end parameters, optimiser and averages must be bit-equal, and so the losses.
One JSON line a kill; exit status 1 when anything differs.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import jax
import numpy as np
import orbax.checkpoint as ocp

from vision_banana.train import metrics_writer, optim

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_HALF = "*.orbax-checkpoint-tmp*"


def main(argv: list[str] | None = None) -> int:
  """Runs it; see above."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--kills", type=int, default=20)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--steps", type=int, help="of training (default: 60 a kill)")
  parser.add_argument("--source", default="rooms", help="name or folder of scenes")
  parser.add_argument("--log", help="writes the JSON lines here too")
  args = parser.parse_args(argv)
  steps = args.steps or 60 * args.kills
  rng = random.Random(args.seed)
  lines = []

  def log(line: dict) -> None:
    lines.append(json.dumps(line))
    print(lines[-1], flush=True)

  with tempfile.TemporaryDirectory() as folder:
    whole, killed = (pathlib.Path(folder) / name for name in ("whole", "killed"))
    # Compiled once; every process loads the same program.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/compiled"
    command = lambda workdir: [
        sys.executable, "-m", "vision_banana.main", "train",
        f"--config=configs/debug.py:steps={steps},source={args.source}",
        f"--workdir={workdir}", "--config.train.checkpoint_every=5",
        "--config.train.log_every=1", "--config.train.sample_every=0"]
    subprocess.run(command(whole), cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    for kill in range(args.kills):
      log({"kill": kill + 1} | kill_once(
          command(killed), killed, rng, saving=kill % 2 == 1))
    ended = subprocess.run(command(killed), cwd=_ROOT, check=True, text=True,
                           capture_output=True)
    assert "resuming from" in ended.stdout, ended.stdout
    found, expected = (state(workdir, steps) for workdir in (killed, whole))
    differ = sorted(
        path for path in expected.keys() | found.keys()
        if not np.array_equal(expected.get(path), found.get(path)))
    losses = [[(line["step"], line["loss"]) for line in
               metrics_writer.read(workdir / "metrics.jsonl")]
              for workdir in (whole, killed)]
    result = {"kills": args.kills, "seed": args.seed, "steps": steps,
              "arrays": len(expected), "arrays_that_differ": differ,
              "losses_equal": losses[0] == losses[1] and len(losses[0]) == steps}
    log(result)
  if args.log:
    pathlib.Path(args.log).write_text("\n".join(lines) + "\n")
  return 1 if differ or not result["losses_equal"] else 0


def kill_once(command: list[str], workdir: pathlib.Path, rng: random.Random,
              saving: bool) -> dict:
  """Starts the run and kills it; what was there, and what was left."""
  saved = workdir / "checkpoints"
  before = numbers(saved)
  with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True,
                        stderr=subprocess.STDOUT) as process:
    said = []
    for line in process.stdout:
      said.append(line)
      if line.startswith("step "):
        break
    if saving:
      while process.poll() is None and not list(saved.glob(_HALF)):
        time.sleep(0.0005)
      time.sleep(rng.uniform(0, 0.1))
    else:
      time.sleep(rng.uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines(True)
  if process.returncode != -signal.SIGKILL:
    sys.exit(f"the run ended before it was killed; raise --steps:\n{''.join(said)}")
  resumed = [line for line in said if line.startswith("resuming from")]
  if bool(resumed) != bool(before):
    sys.exit(f"there were checkpoints {before}, and it said:\n{''.join(said)}")
  return {"aimed_at": "a save" if saving else "any moment",
          "resumed_from": int(resumed[0].rpartition("/")[2]) if resumed else 0,
          "last_step_said": max(int(x.split()[1].split("/")[0]) for x in said
                                if x.startswith("step ")),
          "whole_checkpoints": numbers(saved),
          "half_written": len(list(saved.glob(_HALF)))}


def numbers(folder: pathlib.Path) -> list[int]:
  """Steps of the whole checkpoints in a folder, in order."""
  return sorted(int(p.name) for p in folder.glob("*") if p.name.isdigit())


def state(workdir: pathlib.Path, step: int) -> dict[str, np.ndarray]:
  """Every array of a checkpoint, by path."""
  tree = ocp.StandardCheckpointer().restore(workdir / f"checkpoints/{step}/state")
  return {optim.path_of(path): np.asarray(x)
          for path, x in jax.tree_util.tree_flatten_with_path(tree)[0]}


if __name__ == "__main__":
  sys.exit(main())
