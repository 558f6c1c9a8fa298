"""Pre-trains nano: text to image and editing, of rooms and of plain colours.

The stand-in for the open generator the paper starts from. Noise levels biased
high with a capped weight, and Muon, are what learned fastest at this scale.
"""

import ml_collections

from vision_banana.train.config import parse_arg


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps; source: a name or folder of scenes; init: the model folder to start
  from, that of `nano_words.py`, or '' for nothing."""
  arg = parse_arg(arg, steps=10_000, source="rooms", init="")
  return ml_collections.ConfigDict({
      "init_from": arg.init,
      "model": {"name": "nano",
                "tokenizer": "" if arg.init else "nano_base/tokenizer.json"},
      "data": {
          "mixture": {"text_to_image": 0.25, "editing": 0.3,
                      "text_to_image@swatches": 0.15, "editing@shapes": 0.3},
          "sources": {"rooms": {"path": arg.source}, "swatches": {"path": "swatches"},
                      "shapes": {"path": "shapes"}},
          "size": 64,
          "batch_size": 32,
          "cache": True,
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
          "decay_fraction": 0.2,
          "weight_decay": 0.01,
      },
      "train": {"steps": arg.steps, "checkpoint_every": 500, "sample_every": 500,
                "ema_decay": 0.99},
  })
