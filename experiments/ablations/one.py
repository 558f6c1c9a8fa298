"""One run of a sweep: trains where it is asked for, measures, writes rows.json.

    python -m experiments.ablations.one RUN_DIR

`run.py` starts it, and again after a kill: training goes on from its checkpoint, and
an evaluation from the pictures that are painted.
"""

import json
import pathlib
import signal
import sys
from typing import Any

from vision_banana import api
from vision_banana.errors import UserError
from vision_banana.eval import files
from vision_banana.train import config as train_config
from vision_banana.train import flops, launch

from experiments.ablations import measure, sweep

RUN, ROWS = "run.json", "rows.json"


def run(folder: pathlib.Path) -> list[dict[str, Any]]:
  """Does what the run's file says; returns its rows, one a milestone.

  Raises:
    UserError: training or evaluation cannot do it.
    SystemExit: 143, when training was ended by SIGTERM.
  """
  about = json.loads((folder / RUN).read_text())
  if "model" in about:
    model = api.load(about["model"])
    rows = [_row(folder, about, model, step=int(model.notes.get("steps", 0)))]
  else:
    rows = [_milestone(folder, about, share) for share in about["milestones"]]
  files.write_all({folder / ROWS: files.json_text(rows)})
  return rows


def _milestone(folder: pathlib.Path, about: dict[str, Any], share: float
               ) -> dict[str, Any]:
  """Trains up to a share of the steps and measures; read back if that is done."""
  step = max(1, round(share * about["steps"]))
  kept = folder / f"row_{step}.json"
  if kept.exists():
    return json.loads(kept.read_text())
  every = train_config.load(about["config"], about["overrides"]).train.checkpoint_every
  config = train_config.load(about["config"], [
      *about["overrides"], f"config.train.steps={step}", "config.train.sample_every=0",
      f"config.train.checkpoint_every={min(every, max(1, about['steps'] // 4))}"])
  if len(about["milestones"]) > 1 and config.optim.schedule != "constant":
    raise UserError(f"config.optim.schedule is {config.optim.schedule}: a run that is "
                    "measured along the way needs 'constant', which knows no end.")
  result = launch.train(config, folder / "train")
  if result.reason == "SIGTERM":
    raise SystemExit(143)
  model = _load(folder / "train" / "model", config, step)
  weights = config.data.mixture
  vision = sum(w for k, w in weights.items()
               if k.partition("@")[0] not in sweep.GENERATION) / sum(weights.values())
  samples = step * config.data.batch_size
  row = _row(folder, about, model, step=step, samples=samples,
             vision_samples=round(samples * vision))
  row["metrics"]["train/gflop"] = (
      flops.step(config)["model"] / config.data.batch_size / 1e9)
  files.write_all({kept: files.json_text(row)})
  return row


def _load(folder: pathlib.Path, config: train_config.Experiment, step: int
          ) -> api.Model:
  """The model of a run, or the adapter of one added to what it was trained on.

  Raises:
    UserError: the folder is of another step, or the model would read depth by another
      curve than the adapter learned.
  """
  if config.lora.rank:
    model = api.load(config.init_from, lora=folder)
    if model.generator.flow.depth != config.flow.depth:
      raise UserError("config.lora and config.flow.depth: an adapter does not tell by "
                      "which curve to read depth; train whole weights.")
    return model
  model = api.load(folder)
  if model.notes.get("steps") != step:
    raise UserError(f"{folder} is of step {model.notes.get('steps')}, not {step}; "
                    f"delete {folder.parent} and run again.")
  return model


def _row(folder: pathlib.Path, about: dict[str, Any], model: api.Model, **counts: int
         ) -> dict[str, Any]:
  metrics = measure.measure(
      model, about["evaluation"], folder / "eval", about["question_seed"],
      about.get("data"), about.get("benchmarks", ()))
  x = about["x"]
  if x is None and len(about.get("milestones", ())) > 1:
    x = counts["vision_samples"]
  return {"variant": about["variant"], "line": about["line"], "x": x,
          "seed": about["seed"], **counts, "fingerprint": model.fingerprint,
          "metrics": metrics}


def main(argv: list[str] | None = None) -> int:
  """Runs one folder; exit status 2 for bad input."""
  # While it evaluates it can simply end; training takes the signal over.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  folder, = argv if argv is not None else sys.argv[1:]
  try:
    run(pathlib.Path(folder))
    return 0
  except UserError as e:
    print(f"error: {e}", flush=True)
    return 2


if __name__ == "__main__":
  sys.exit(main())
