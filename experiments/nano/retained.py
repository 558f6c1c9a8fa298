"""Measures what tuning kept of generation: retained.json, the validation loss of both
generation tasks, before and after.

    python experiments/nano/retained.py
"""

import json
import pathlib

import vision_banana
from vision_banana.data import sources
from vision_banana.eval import validation

HERE = pathlib.Path(__file__).parent
TASKS = ("text_to_image", "editing")


def main() -> None:
  rooms, found = sources.open_source("rooms", "test"), {}
  for name in ("nano_base", "nano"):
    model = vision_banana.load(name)
    found[name] = {"fingerprint": model.fingerprint, **validation.losses(
        model.generator, model.params, rooms, model.size[0], TASKS,
        num_references=model.generator.config.num_references)}
  (HERE / "retained.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
  main()
