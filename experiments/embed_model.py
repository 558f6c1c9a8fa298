"""Puts the model of a finished run into the package, its matrices in 8 bits.

    python experiments/embed_model.py runs/nano nano --tuned-from nano_base
"""

import argparse
import dataclasses
import pathlib
import shutil

import vision_banana
from vision_banana.models import zoo

EMBEDDED = pathlib.Path(vision_banana.__file__).parent / "embedded"


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("workdir", help="of the run; its model/ and metrics.jsonl")
  parser.add_argument("name", help="the embedded model's name")
  parser.add_argument("--tuned-from", default="", help="embedded model it started from")
  args = parser.parse_args()
  workdir = pathlib.Path(args.workdir)
  saved = zoo.load_model(str(workdir / "model"))
  notes = {k: v for k, v in saved.notes.items() if k != "init_from"}
  zoo.save_model(
      str(EMBEDDED / args.name), dataclasses.replace(
          saved, notes={**notes, "tuned_from": args.tuned_from}), dtype="int8")
  shutil.copyfile(
      workdir / "metrics.jsonl", EMBEDDED / args.name / "metrics.jsonl")


if __name__ == "__main__":
  main()
