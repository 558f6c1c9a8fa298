"""Instruction-tunes nano on a mixture of generation and vision.

`vision` is the share of samples that ask for perception, far above the paper's low
ratio: nano has little generation to keep (experiments/nano/README.md). Semantic maps,
depth, normals and referring masks come more often than edges, instances and
any-to-any. Levels are biased higher than in pre-training: what a reference means is
learned where the target is all noise.
"""

import ml_collections

from vision_banana.train.config import parse_arg

GENERATION = {"text_to_image": 2, "editing": 4,
              "text_to_image@swatches": 2, "editing@shapes": 2}
VISION = {"depth": 5, "normals": 5, "semantic": 8, "instance": 1, "referring": 3,
          "edges": 2, "modality": 2,
          "semantic@shapes": 3, "instance@shapes": 1, "referring@shapes": 2}


def _shares(weights: dict[str, float], total: float) -> dict[str, float]:
  return {task: total * w / sum(weights.values()) for task, w in weights.items()}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: steps; vision, 0..1; source; init, the model folder to start from."""
  arg = parse_arg(
      arg, steps=10_000, vision=0.6, source="rooms", init="nano_base")
  mixture = _shares(GENERATION, 1 - arg.vision) | _shares(VISION, arg.vision)
  return ml_collections.ConfigDict({
      "init_from": arg.init,
      "model": {"name": "nano"},
      "data": {
          "mixture": mixture,
          "sources": {"rooms": {"path": arg.source},
                      "swatches": {"path": "swatches"},
                      "shapes": {"path": "shapes"}},
          "size": 64,
          "batch_size": 32,
          "cache": True,
      },
      "flow": {
          "prediction": "x",
          "level_mean": 3.0,
          "level_sd": 2.0,
          "latent_sd": 0.5,
          "level_floor": 0.4,
      },
      "optim": {
          "name": "muon",
          "lr": 2e-3,
          "schedule": "wsd",
          "warmup_steps": 50,
          "decay_fraction": 0.2,
          "weight_decay": 0.01,
      },
      "train": {"steps": arg.steps, "checkpoint_every": 500, "sample_every": 500,
                "ema_decay": 0.995},
  })
