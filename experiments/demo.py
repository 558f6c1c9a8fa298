"""The paper in miniature: load nano, evaluate, tune two minutes, evaluate, report.

    python experiments/demo.py --out runs/demo

Reads nothing but the repository. About six minutes on two cores.
"""

import argparse
import json
import pathlib
import shutil
import sys
import time

from vision_banana import api
from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import baselines, benchmarks, evaluator, files, report, tables
from vision_banana.train import config, launch, metrics_writer

PLOTS = pathlib.Path(__file__).parent / "ablations" / "plots"


def main(argv: list[str] | None = None) -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--out", default="runs/demo", help="folder of all results")
  parser.add_argument("--config", default="configs/nano_demo.py")
  parser.add_argument("--limit", type=int, help="only N rooms")
  args, overrides = parser.parse_known_args(argv)
  out = pathlib.Path(args.out)
  began = time.monotonic()

  def say(text: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True)

  say("loading nano and the training rooms")
  before = api.load("nano")
  base = api.load("nano_base", like=before)
  rooms = sources.open_source("rooms", "train")
  constant = baselines.fit([rooms[i] for i in range(len(rooms))],
                           [p.task for p in benchmarks.ROOMS.protocols])

  def evaluate(models: list[api.Model]) -> list[evaluator.Evaluation]:
    return [evaluator.evaluate(models, b, out / "eval", constant=constant,
                               limit=args.limit, log=say)
            for b in (benchmarks.ROOMS, benchmarks.MOTORCYCLE)]

  others = [before, base, before.random_start()]
  say("evaluating nano as it is, the base it was tuned from, and a random start")
  evaluate(others)

  say("tuning nano further; the loss of few steps is noisy")
  shutil.rmtree(out / "tune", ignore_errors=True)  # Each demo tunes from nano.
  result = launch.train(config.load(args.config, overrides), out / "tune")
  if result.reason == "SIGTERM":
    raise UserError("stopped by SIGTERM before the report; run the demo again.")
  name = f"nano + {result.step} steps"
  after = before.with_params(
      api.load(out / "tune" / "model", like=before).params, name)

  say("evaluating the tuned model; the others are read back from disk")
  evaluations = evaluate([after, *others])
  page = report.render(
      evaluations, "vision_banana: the paper in miniature",
      f"nano, a generator of {_millions(before)} parameters, before and after "
      f"{result.step} more training steps on rendered rooms. nano_base: before "
      "instruction tuning. Every picture is 64 pixels wide: what a laptop can train.",
      {"Training curve of nano": before.log,
       "Training curve of this run": metrics_writer.read(
           out / "tune" / "metrics.jsonl")},
      {"Does generative pre-training save vision samples?": (
          "The paper's claim at nano's scale, measured beforehand: the same tuning from "
          "the pre-trained base and from a random start, over the vision samples seen "
          "(bands: one standard deviation over seeds). Above, depth, normals and "
          "semantic maps together; below, semantic maps alone, for longer. What it "
          "shows and what it cannot: experiments/ablations/README.md, b.",
          [PLOTS / "b.png", PLOTS / "b_semantic.png"])})
  files.write_all({
      out / "report.html": page.encode(),
      out / "results.json": json.dumps(
          [e.results for e in evaluations], indent=1, ensure_ascii=False).encode()})
  for evaluation in evaluations:
    print(f"\n{tables.text(evaluation.results)}")
  print()
  say(f"done: open {(out / 'report.html').resolve()}")


def _millions(model: api.Model) -> str:
  return f"{model.num_parameters / 1e6:.1f}M"


if __name__ == "__main__":
  try:
    main()
  except UserError as e:
    sys.exit(f"demo: error: {e}")
