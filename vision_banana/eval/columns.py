"""Columns of a table: one for each model and sampler, of one name in all tasks."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vision_banana.errors import UserError
from vision_banana.eval import predictions, tables

_PHOTOS = ("editing", "text_to_image")  # tasks that take a photo's sampling steps

Folders = Mapping[str, Mapping[str, pathlib.Path]]  # by task, then by column


class _Column(NamedTuple):
  """What decides a model's answers to the same questions."""
  model: str
  fingerprint: str
  guidance: float
  outside: str
  batch: int
  split_hash: str
  steps: int
  photo_steps: int


# What a name says of each, where two columns of one model differ in it.
_SAY = {
    "fingerprint": lambda c: f"weights {c.fingerprint[:8]}",
    "steps": lambda c: tables.steps(c.steps, c.photo_steps),
    "guidance": lambda c: f"guidance {c.guidance:g}",
    "outside": lambda c: f"asks {c.outside}",
    "batch": lambda c: f"batches of {c.batch}",
    "split_hash": lambda c: f"split {c.split_hash}"}


def sort(group: Sequence[tuple[pathlib.Path, Mapping[str, Any]]]) -> Folders:
  """Sorts folders of predictions into columns.

  Args:
    group: folders asked in the same way, each with its `protocol.json`.

  Raises:
    UserError: two folders are one column's answers to one task.
  """
  columns = [_column(about, [a for _, a in group]) for _, about in group]
  names = _names(columns)
  made: dict[str, dict[str, pathlib.Path]] = {}
  for column, (folder, about) in sorted(
      zip(columns, group, strict=True), key=lambda pair: pair[0]):
    here, name = made.setdefault(about["task"], {}), names[column]
    if name in here:
      raise UserError(f"{here[name]} and {folder}: answers of one model to the same "
                      "questions; move one of them away.")
    here[name] = folder
  return made


def _column(about: Mapping[str, Any], group: Iterable[Mapping[str, Any]]) -> _Column:
  """The column of a folder.

  A sampler may take other steps for photos. No folder says which belong together: equal
  ones do, and what is then left over where it is one of each.
  """
  who = lambda a: (a["model"], a["fingerprint"], a["guidance"], a["outside"], a["batch"],
                   a["split_hash"])
  values, photos = ({a["steps"] for a in group if who(a) == who(about)
                     and (a["task"] in _PHOTOS) == kind} for kind in (False, True))
  steps = (about["steps"],) * 2
  left = (values - photos, photos - values)
  if about["steps"] not in values & photos and all(len(one) == 1 for one in left):
    steps = (*left[0], *left[1])
  return _Column(*who(about), *steps)


def _names(columns: Iterable[_Column]) -> dict[_Column, str]:
  """The model's name, and what tells its columns apart."""
  found = set(columns)
  names = {}
  for column in found:
    same = [c for c in found if c.model == column.model]
    said = [say(column) for say in _SAY.values() if len({say(c) for c in same}) > 1]
    names[column] = ", ".join([column.model, *said])
  return names


def describe(folders: Folders) -> list[dict[str, Any]]:
  """What the folders say of each column's model and sampler, for the results."""
  told: dict[str, dict[str, dict[str, Any]]] = {}
  for task, here in folders.items():
    for name, folder in here.items():
      told.setdefault(name, {})[task] = predictions.read_protocol(folder)
  made = []
  for name, abouts in told.items():
    photo = [a["steps"] for task, a in abouts.items() if task in _PHOTOS]
    other = [a["steps"] for task, a in abouts.items() if task not in _PHOTOS]
    about = next(iter(abouts.values()))
    made.append({
        "name": name, "steps": (other or photo)[0], "photo_steps": (photo or other)[0],
        **{k: about[k] for k in ("guidance", "fingerprint", "outside")}})
  return made
