"""A model of a few thousand parameters on 16² pictures: seconds, for tests."""

import ml_collections

from vision_banana.train.config import parse_arg


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps, and source: a name or folder of scenes."""
  arg = parse_arg(arg, steps=20, source="rooms")
  return ml_collections.ConfigDict({
      "model": {"name": "debug"},
      "data": {
          "mixture": {"text_to_image": 1.0, "depth": 1.0, "normals": 1.0},
          "sources": {"rooms": {"path": arg.source}},
          "size": 16,
          "batch_size": 4,
      },
      "optim": {"warmup_steps": 2},
      "train": {
          "steps": arg.steps,
          "log_every": 5,
          "checkpoint_every": 10,
          "sample_every": 10,
      },
  })
