"""Teaches nano from nothing what words and numbers of colours look like.

The first phase of pre-training: captions alone, small pictures and no place for a
reference, so that a sample costs a third of what it costs in `nano.py`, which goes on
from here.
"""

import pathlib

import ml_collections

from vision_banana.train.config import parse_arg, read


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps."""
  arg = parse_arg(arg, steps=1_000)
  config = read(f"{pathlib.Path(__file__).with_name('nano.py')}:steps={arg.steps}")
  config.model.overrides = {"image_size": 32, "num_references": 0,
                            "text": {"max_length": 48}}
  config.data = ml_collections.ConfigDict({
      "mixture": {"text_to_image@swatches": 1.0},
      "sources": {"swatches": {"path": "swatches"}},
      "size": 32,
      "num_references": 0,
      "batch_size": 64,
  })
  config.optim.decay_fraction = 0.1
  config.train.sample_every = 0
  return config
