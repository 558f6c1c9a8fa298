"""Instruction-tunes FLUX.2 [klein] base with adapters (LoRA) of its transformer.

The recipe and the arguments are klein_tune's. Adapters of rank 64 hold a
fortieth of the transformer's weights, so that a few chips do, and take a higher rate.
"""

import pathlib

import ml_collections

from vision_banana.train.config import parse_arg, read

_OWN = ("rank", "alpha", "steps", "batch_size")


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: rank; alpha, adapters count by alpha / rank; and those of klein_tune."""
  parts = (arg or "").split(",")
  mine = [p for p in parts if p.partition("=")[0] in _OWN]
  shared = [p for p in parts if p not in mine]
  arg = parse_arg(",".join(mine), rank=64, alpha=64.0, steps=2000, batch_size=16)
  tune = pathlib.Path(__file__).with_name("klein_tune.py")
  config = read(f"{tune}:" + ",".join(
      filter(None, [*shared, f"steps={arg.steps}", f"batch_size={arg.batch_size}"])))
  config.lora = {"rank": arg.rank, "alpha": arg.alpha}
  config.optim.update({"lr": 1e-4, "warmup_steps": 100})
  with config.unlocked():
    del config.optim.lr_multipliers  # They name weights that are not trained.
  return config
