"""Prints validation losses of models on rooms they were and were not trained on.

    python experiments/nano/validate.py TRAINED_ROOMS nano runs/a/model runs/b/model

128 rooms each: held out, the first embedded training rooms, which nano never saw, and
the first of TRAINED_ROOMS, the folder that it was trained on.
"""

import sys

import vision_banana
from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import validation

TASKS = ("depth", "normals", "semantic", "referring", "editing")


def main() -> None:
  if len(sys.argv) < 3:
    sys.exit(__doc__)
  trained, *models = sys.argv[1:]
  try:
    rooms = {"held out": sources.open_source("rooms", "test"),
             "embedded": sources.open_source("rooms", "train[:128]"),
             "trained": sources.open_source(trained, "train[:128]")}
    for name in models:
      model = vision_banana.load(name)
      for kind, source in rooms.items():
        losses = validation.losses(
            model.generator, model.params, source, model.size[0], TASKS,
            num_references=model.generator.config.num_references)
        print(name, kind, {task: round(x["loss"], 4) for task, x in losses.items()})
  except UserError as e:
    sys.exit(f"validate: {e}")


if __name__ == "__main__":
  main()
