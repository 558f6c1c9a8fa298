"""Two minutes of further tuning of the embedded nano, for `make demo`."""

import pathlib

import ml_collections

from vision_banana.train.config import parse_arg, read


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: minutes, and steps, whichever comes first."""
  arg = parse_arg(arg, minutes=2.0, steps=100_000)
  config = read(str(pathlib.Path(__file__).with_name("nano_tune.py")) + ":init=nano")
  # A short run at a small, constant rate: weights are averaged, not annealed.
  config.optim.update(
      {"lr": 2e-4, "schedule": "constant", "warmup_steps": 10})
  config.train.update({
      "steps": arg.steps, "minutes": arg.minutes, "log_every": 10,
      "checkpoint_every": 1000, "sample_every": 0})
  return config
