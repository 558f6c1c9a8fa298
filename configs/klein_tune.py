"""Instruction-tunes FLUX.2 [klein] base: all weights of its transformer.

    configs/klein_tune.py                                    4B on rooms alone
    configs/klein_tune.py:9b,init=FLUX.2-klein-base-9B       9B (other licence)
    configs/klein_tune.py:images=my/pictures,edits=my/edits,source=my/rooms,size=1024

`images` and `edits` are your own generation data, any folder, JSONL or parquet that
`vision_banana/data/own` reads: (image, text) and (image, instruction, image). Without
them rooms stand in, which the model will overfit to. The text encoder and the
autoencoder stay as published. The mixture is mostly generation, as in the paper; the
vision part is nano_tune's. Nothing here was tuned on the real weights.
"""

import pathlib

import ml_collections

from vision_banana.train.config import parse_arg, read

GENERATION = ("text_to_image", "editing")
# FLUX.2 [klein] base 9B: a wider transformer that reads Qwen3-8B.
SIZES_9B = {
    "flux2": {"num_double": 8, "num_single": 24, "num_heads": 32, "text_dim": 12288},
    "text": {"width": 4096, "mlp_width": 12288},
}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Args: 9b; init, the diffusers folder; images, edits, source (vision); steps;
  vision, its share in 0..1; size, the edge of a square of the same area; batch_size.
  """
  arg = parse_arg(arg, **{"9b": False}, init="", images="", edits="", source="rooms",
                  steps=10_000, vision=0.1, size=512, batch_size=64)
  tune = pathlib.Path(__file__).with_name("nano_tune.py")
  # Without flat shapes, which only a model that starts from nothing needs.
  found = {task: share for task, share in read(str(tune)).data.mixture.items()
           if not task.startswith(GENERATION) and "@" not in task}
  mixture = {task: arg.vision * share / sum(found.values())
             for task, share in found.items()}
  mixture |= dict.fromkeys(GENERATION, (1 - arg.vision) / len(GENERATION))
  sources = {"rooms": {"path": arg.source}}
  for task, name in (("text_to_image", "images"), ("editing", "edits")):
    if arg[name]:
      mixture[f"{task}@{name}"] = mixture.pop(task)
      sources[name] = {"path": arg[name]}
  large = arg["9b"]
  return ml_collections.ConfigDict({
      "init_from": arg.init or f"FLUX.2-klein-base-{'9B' if large else '4B'}",
      "model": {"name": "klein", "overrides": {
          **(SIZES_9B if large else {}), "image_size": arg.size, "num_references": 1}},
      "data": {
          "mixture": mixture,
          "sources": sources,
          "size": arg.size,
          "aspects": (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16),
          "batch_size": arg.batch_size,
          "p_drop_prompt": 0.1,
          "num_threads": 16,
      },
      "flow": {
          "prediction": "v",
          "schedule": "flux2",
          "level_mean": 0.0,
          "level_sd": 1.0,
          "level_shift": True,
          "level_floor": 0.01,
          "steps": 50,
          "perception_steps": 50,
          "guidance": 4.0,
      },
      "optim": {
          "name": "adamw",
          "lr": 1e-5,
          "schedule": "cosine",
          "end_lr": 0.1,
          "warmup_steps": 500,
          "weight_decay": 0.0,
          # Shared by every block and token: what moves them moves everything.
          "lr_multipliers": {"modulation": 0.2, "(image|text|time)_in/": 0.2},
      },
      # What fits where with these: docs/tpu_memory.md.
      "train": {"steps": arg.steps, "dtype": "bfloat16", "remat": "full",
                "checkpoint_every": 500, "sample_every": 0},
  })
