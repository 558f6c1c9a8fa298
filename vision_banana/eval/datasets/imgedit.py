"""ImgEdit-Bench, basic: 737 pictures with an instruction each."""

import pathlib

from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _load(path: pathlib.Path):
  return images.read(path), None


def _picture(root: pathlib.Path, file: str) -> pathlib.Path:
  paths = [root / folder / file for folder in ("images", "", "singleturn")]
  return next((p for p in paths if p.exists()), paths[-1])


def _read(data: pathlib.Path) -> records.Split:
  path = layout.root(data, "imgedit", "basic_edit.json") / "basic_edit.json"
  questions, ids = [], []
  with layout.entries_of(path):
    for name, row in layout.rows(path, "{}").items():
      picture = _picture(path.parent, row["id"])
      questions.append(layout.question(
          name, tasks.request("editing", prompt=row["prompt"]), _load, picture,
          image=str(picture.resolve()), kind=row["edit_type"]))
      ids.append(f"{name} {row['edit_type']}: {row['prompt']}")
  return layout.split_of(questions, ids)


IMGEDIT = records.Benchmark(
    name="imgedit",
    about="ImgEdit-Bench basic, editing; compared with another model's pictures.",
    read=_read, split="basic", sha256="", seed=0, crop="none", units="edits", size=737,
    protocols=(protocols.votes("editing"),), folder="imgedit")
