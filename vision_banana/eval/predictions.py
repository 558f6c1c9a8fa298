"""Predictions on disk: painted once, read back as often as there are metrics.

    OUT/predictions/BENCHMARK/TASK/MODEL-HASH/protocol.json  what was asked, of whom
                                              0007.png       what was painted
                                              0007.json      prompt, seed, fingerprint
                                              0007.npz       `value`, decoded from it

With several samples 0007.png is the first and 0007_s1.png, … the others; the .npz
then has `disagreement` too, per pixel. Where a legend takes several passes (see
`legends`), they are 0007_p1.png, …. The .npz comes last: where it is, all is.

The hash covers weights, sampler and questions, so predictions of another model are
never taken by mistake.
"""

import dataclasses
import hashlib
import json
import pathlib
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import files, images
from vision_banana.eval.questions import Item, Question

PROTOCOL = "protocol.json"


@dataclasses.dataclass(frozen=True)
class Job:
  """The questions of one task, and all that decides how they are answered.

  Attributes:
    benchmark: its name.
    task: its task.
    split: the split's name.
    split_hash: of what was found.
    questions: in order.
    seed: of questions and noise.
    limit: as given, or None.
    samples: pictures painted for each question.
    data: the benchmark's folder, or None.
    view: part of the pictures that is shown, '' for all.
    protocol: by which it is scored unless told otherwise, '' for the only one.
  """
  benchmark: str
  task: str
  split: str
  split_hash: str
  questions: Sequence[Question | Item]
  seed: int
  limit: int | None = None
  samples: int = 1
  data: str | None = None
  view: str = ""
  protocol: str = ""


@dataclasses.dataclass(frozen=True)
class Stored:
  """A prediction as read from disk.

  Attributes:
    rgb: uint8 [H,W,3], the first sample.
    value: decoded, of all samples.
    disagreement: float32 [H,W] (see `voting.vote`), None for one sample.
    scores: of instances 1..N, or None.
    about: the .json.
  """
  rgb: np.ndarray
  value: np.ndarray
  disagreement: np.ndarray | None = None
  scores: np.ndarray | None = None
  about: dict[str, Any] = dataclasses.field(default_factory=dict)


def questions_hash(questions: Sequence[Question | Item]) -> str:
  """16 hex digits over names, prompts, colours and pictures that are in memory."""
  digest = hashlib.sha256()
  for q in questions:
    r = q.request
    digest.update(repr((q.name, r.prompt, r.codec, r.colormap, r.background,
                        None if r.palette is None else r.palette.tolist())).encode())
    if isinstance(q, Item) and q.picture is not None:
      digest.update(np.ascontiguousarray(q.picture).tobytes())
  return digest.hexdigest()[:16]


def describe(job: Job, **model: Any) -> dict[str, Any]:
  """What `protocol.json` says: the job, its questions' hash, and of whom."""
  about = {f.name: getattr(job, f.name) for f in dataclasses.fields(job)
           if f.name != "questions"}
  return {**about, "questions": questions_hash(job.questions),
          "asked": len(job.questions), **model}


def folder_of(out: files.PathLike, about: dict[str, Any]) -> pathlib.Path:
  """Where the predictions of this job and model belong."""
  name = re.sub(r"[^\w.-]+", "-", about["model"]).strip("-.")
  # Where the data lies and how it is scored changes no answer.
  told = {k: v for k, v in about.items() if k not in ("data", "protocol")}
  digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
  return (pathlib.Path(out) / "predictions" / about["benchmark"] / about["task"]
          / f"{name}-{digest}")


def open_folder(folder: pathlib.Path, about: dict[str, Any]) -> None:
  """Makes the folder, or checks that it is this job's and this model's.

  Raises:
    UserError: it holds other predictions, or cannot be written.
  """
  if (folder / PROTOCOL).exists():
    found = read_protocol(folder)
    for key in ("model", "fingerprint", "questions"):
      if found.get(key) != about[key]:
        raise UserError(f"{folder}: holds predictions of {key} '{found.get(key)}', not "
                        f"'{about[key]}'; use another --out.")
  files.write_all({folder / PROTOCOL: json.dumps(
      about, indent=1, ensure_ascii=False).encode()})


def read_protocol(folder: pathlib.Path) -> dict[str, Any]:
  """`protocol.json` of a folder.

  Raises:
    UserError: missing or broken.
  """
  try:
    return json.loads((folder / PROTOCOL).read_text())
  except (OSError, ValueError) as e:
    raise UserError(f"{folder / PROTOCOL}: missing or broken ({e}); these predictions "
                    "cannot be told from others; run eval again.") from e


def is_whole(folder: pathlib.Path, name: str) -> bool:
  """Whether a question is answered."""
  return (folder / f"{name}.npz").exists()


def was_tried(folder: pathlib.Path, name: str) -> bool:
  """Whether a question is answered, or some host said why it cannot be."""
  return is_whole(folder, name) or (folder / f"{name}.json").exists()


def write_reason(folder: pathlib.Path, name: str, reason: str) -> None:
  """Keeps why a question could not be asked; the next run tries again."""
  files.write_all({folder / f"{name}.json": json.dumps(
      {"name": name, "left_out": reason}, ensure_ascii=False).encode()})


def write(folder: pathlib.Path, name: str, pictures: dict[str, np.ndarray],
          about: dict[str, Any], **arrays: np.ndarray | None) -> None:
  """Writes one prediction.

  Args:
    folder: of `folder_of`.
    name: of the question.
    pictures: suffix ('' for the first) → uint8 [H,W,3].
    about: for the .json.
    **arrays: for the .npz; None is left out.
  """
  contents = {folder / f"{name}{suffix}.png": files.png(rgb)
              for suffix, rgb in pictures.items()}
  contents[folder / f"{name}.json"] = json.dumps(
      about, indent=1, ensure_ascii=False).encode()
  contents[folder / f"{name}.npz"] = files.npz(
      **{k: v for k, v in arrays.items() if v is not None})
  files.write_all(contents)


def read(folder: pathlib.Path, name: str, fingerprint: str) -> Stored:
  """Reads one prediction back.

  Raises:
    UserError: missing, corrupt, or of another model.
  """
  path = folder / f"{name}.npz"
  fix = "delete it and run eval again"
  try:
    if not path.exists():
      told = path.with_suffix(".json")
      reason = json.loads(told.read_text())["left_out"] if told.exists() else (
          f"{path}: no prediction; run eval again.")
      raise UserError(reason)
    with np.load(path, allow_pickle=False) as arrays:
      found = {key: arrays[key] for key in arrays.files}
    about = json.loads(path.with_suffix(".json").read_text())
    value = found["value"]
  except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
    raise UserError(f"{path}: corrupt prediction; {fix}.") from e
  if about.get("fingerprint") != fingerprint:
    raise UserError(f"{path}: predicted by the model {about.get('fingerprint')}, this "
                    f"folder is of {fingerprint}; {fix}.")
  rgb = images.read(path.with_suffix(".png"))
  if rgb.shape[:2] != value.shape[:2]:
    raise UserError(f"{path}: its size {value.shape[:2]} is not that of the picture "
                    f"{rgb.shape[:2]}; {fix}.")
  return Stored(rgb, value, found.get("disagreement"), found.get("scores"), about)
