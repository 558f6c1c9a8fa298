"""Instruction-tunes nano on a mixture that is mostly generation, a little vision.

The paper's recipe in miniature. `vision` is the share of samples that ask for
perception, spread evenly over the tasks.
"""

import ml_collections

from vision_banana.train.config import parse_arg

GENERATION = ("text_to_image", "editing")
VISION = ("depth", "normals", "semantic", "instance", "referring", "edges",
          "modality")


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps; vision, 0..1; source; init, the model folder to start from."""
  arg = parse_arg(
      arg, steps=10_000, vision=0.25, source="rooms", init="nano_base")
  mixture = {task: (1 - arg.vision) / len(GENERATION) for task in GENERATION}
  mixture |= {task: arg.vision / len(VISION) for task in VISION}
  return ml_collections.ConfigDict({
      "init_from": arg.init,
      "model": {"name": "nano"},
      "data": {
          "mixture": mixture,
          "sources": {"rooms": {"path": arg.source}},
          "size": 64,
          "batch_size": 32,
      },
      "flow": {
          "prediction": "x",
          "level_mean": 1.5,
          "level_sd": 1.5,
          "level_floor": 0.4,
      },
      "optim": {
          "name": "muon",
          "lr": 1e-3,
          "schedule": "wsd",
          "warmup_steps": 200,
          "decay_fraction": 0.2,
          "weight_decay": 0.01,
      },
      "train": {"steps": arg.steps, "checkpoint_every": 500, "sample_every": 500},
  })
