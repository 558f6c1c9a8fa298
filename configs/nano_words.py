"""Teaches nano from nothing what words and numbers of colours look like.

The first phase of pre-training: captions alone, small pictures and no place for a
reference, so that a sample costs a third of what it costs in `nano.py`, which goes on
from here.
"""

import ml_collections

from vision_banana.train.config import parse_arg


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps."""
  arg = parse_arg(arg, steps=1_000)
  return ml_collections.ConfigDict({
      "model": {"name": "nano", "tokenizer": "nano_base/tokenizer.json",
                "overrides": {"image_size": 32, "num_references": 0,
                              "text": {"max_length": 48}}},
      "data": {
          "mixture": {"text_to_image@swatches": 1.0},
          "sources": {"swatches": {"path": "swatches"}},
          "size": 32,
          "num_references": 0,
          "batch_size": 64,
      },
      "flow": {
          "prediction": "x",
          "level_mean": 1.5,
          "level_sd": 1.5,
          "latent_sd": 0.5,
          "level_floor": 0.4,
      },
      "optim": {
          "name": "muon",
          "lr": 2e-3,
          "schedule": "wsd",
          "warmup_steps": 100,
          "decay_fraction": 0.1,
          "weight_decay": 0.01,
      },
      "train": {"steps": arg.steps, "checkpoint_every": 500, "sample_every": 0,
                "ema_decay": 0.99},
  })
