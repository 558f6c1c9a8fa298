"""Instruction-tunes FLUX.2 [klein] base: adapters of rank 64, or all of it with rank=0.

Its text encoder and autoencoder stay as published. The mixture is mostly
generation; the vision part is nano_tune's.
"""

import pathlib

import ml_collections

from vision_banana.train.config import parse_arg, read


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: init, the diffusers folder; source; steps; vision, 0..1; rank; size."""
  arg = parse_arg(arg, init="FLUX.2-klein-base-4B", source="rooms", steps=2000,
                  vision=0.1, rank=64, size=512, batch_size=16)
  tune = pathlib.Path(__file__).with_name("nano_tune.py")
  return ml_collections.ConfigDict({
      "init_from": arg.init,
      "model": {"name": "klein", "overrides": {"image_size": arg.size,
                                               "num_references": 1}},
      "lora": {"rank": arg.rank, "alpha": float(arg.rank or 1)},
      "data": {
          "mixture": read(f"{tune}:vision={arg.vision}").data.mixture,
          "sources": {"rooms": {"path": arg.source}},
          "size": arg.size,
          "batch_size": arg.batch_size,
          "num_threads": 16,
      },
      "flow": {
          "prediction": "v",
          "schedule": "flux2",
          "level_mean": 0.0,
          "level_sd": 1.0,
          "level_floor": 0.01,
          "steps": 50,
          "perception_steps": 50,
          "guidance": 4.0,
      },
      "optim": {"name": "adamw", "lr": 1e-4, "schedule": "cosine",
                "warmup_steps": 100, "weight_decay": 0.0},
      "train": {"steps": arg.steps, "checkpoint_every": 500, "sample_every": 0},
  })
