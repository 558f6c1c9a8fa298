"""Evaluation: predictions go to disk first, metrics read them back.

A killed run goes on where it stopped, and every number can be traced to a PNG:

    OUT/predictions/BENCHMARK/TASK/MODEL-HASH/protocol.json   what was asked, of whom
                                              0007.png        what was painted
                                              0007.npz        `value`, decoded from it

The hash covers the weights, the sampler and every question, so predictions of
another model or protocol are never read by mistake.
"""

import dataclasses
import hashlib
import json
import math
import pathlib
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import baselines, files, images
from vision_banana.eval.benchmarks import Benchmark
from vision_banana.eval.decoding import Prediction
from vision_banana.eval.questions import Item, ask
from vision_banana.tasks.tasks import Request

CHUNK = 32  # questions between two writes; what a kill can cost


class Painter(Protocol):
  """The part of `api.Model` that evaluation uses."""
  name: str
  fingerprint: str
  guidance: float

  def default_steps(self, codec: str) -> int:
    """Sampling steps for a picture read by `codec`."""

  def predict_batch(
      self, requests: Sequence[Request], pictures: Sequence[np.ndarray | None], *,
      steps: int, guidance: float, seed: int) -> list[Prediction]:
    """Answers questions, in order."""


@dataclasses.dataclass(frozen=True)
class Stored:
  """A prediction as read from disk: uint8 [H,W,3] and the decoded value."""
  rgb: np.ndarray
  value: np.ndarray


@dataclasses.dataclass(frozen=True)
class Example:
  """A question with every model's answer, for the report."""
  item: Item
  answers: dict[str, Stored]


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What `evaluate` found.

  Attributes:
    results: plain JSON: benchmark, split, split_hash, seed, crop, columns (name,
      steps, guidance, fingerprint of each model; the constant picture last) and
      tasks (name, rule, n, seconds by column, rows), where a row holds metric,
      label, unit, higher_is_better and values by column (None = not defined).
    examples: by task, the first few questions.
  """
  results: dict[str, Any]
  examples: dict[str, list[Example]]


def evaluate(
    models: Sequence[Painter], benchmark: Benchmark, out: files.PathLike, *,
    constant: baselines.Constant, limit: int | None = None, tasks: Sequence[str] = (),
    steps: int | None = None, guidance: float | None = None, num_examples: int = 4,
    log: Callable[[str], None] = print,
) -> Evaluation:
  """Evaluates models side by side, and the best constant picture.

  Args:
    models: of different names.
    benchmark: the record.
    out: folder that keeps the predictions.
    constant: fitted to training scenes for the tasks of the benchmark.
    limit: only the first scenes.
    tasks: only these; empty = all of the benchmark.
    steps: sampling steps of all models; None = each one's default.
    guidance: of all models; None = each one's default.
    num_examples: questions per task to keep for the report.
    log: takes progress lines.

  Raises:
    UserError: two models of one name, an unknown task, no scenes, or a folder
      that cannot be written.
  """
  names = [m.name for m in models]
  if len(set(names)) < len(names) or baselines.NAME in names:
    raise UserError(f"models named {', '.join(names)}: rename a folder so that each "
                    "column has its own name.")
  known = [p.task for p in benchmark.protocols]
  for task in tasks:
    if task not in known:
      raise UserError(f"benchmark '{benchmark.name}' has no task '{task}'; it has "
                      f"{', '.join(known)}.")
  if limit is not None and limit < 1:
    raise UserError(f"limit {limit}: give at least 1 scene.")
  scenes = benchmark.scenes()[:limit]
  found, examples = [], {}
  for protocol in benchmark.protocols:
    if tasks and protocol.task not in tasks:
      continue
    items = ask(protocol.task, scenes, benchmark.seed)
    scores, seconds, answers = {}, {}, {}
    for model in models:
      start = time.monotonic()
      folder, painted = predict(
          model, benchmark, protocol.task, protocol.rule, items, out, steps=steps,
          guidance=guidance)
      stored = read(folder, items)
      seconds[model.name] = round(time.monotonic() - start, 2)
      scores[model.name] = protocol.score([s.value for s in stored], items)
      answers[model.name] = stored[:num_examples]
      if painted:
        log(f"{benchmark.name} {protocol.task}: {model.name}, {painted} questions in "
            f"{seconds[model.name]:.1f} s, {protocol.metrics[0].label} "
            f"{scores[model.name][protocol.metrics[0].key]:.4g}")
    scores[baselines.NAME] = protocol.score(
        constant.values(protocol.task, items), items)
    found.append({
        "task": protocol.task, "rule": protocol.rule, "n": len(items),
        "seconds": seconds,
        "rows": [{
            "metric": m.key, "label": m.label, "unit": m.unit,
            "higher_is_better": m.higher_is_better,
            "values": {name: _number(s[m.key]) for name, s in scores.items()},
        } for m in protocol.metrics]})
    examples[protocol.task] = [
        Example(item, {name: kept[i] for name, kept in answers.items()})
        for i, item in enumerate(items[:num_examples])]
  columns = [{"name": m.name, "steps": steps or m.default_steps("depth"),
              "photo_steps": steps or m.default_steps("image"),
              "guidance": m.guidance if guidance is None else guidance,
              "fingerprint": m.fingerprint} for m in models]
  return Evaluation({
      "benchmark": benchmark.name, "about": benchmark.about,
      "split": benchmark.split, "split_hash": benchmark.sha256,
      "scenes": len(scenes), "seed": benchmark.seed, "crop": benchmark.crop,
      "resolution": "x".join(map(str, scenes[0]["image"].shape[:2])),
      "columns": [*columns, {"name": baselines.NAME}], "tasks": found}, examples)


def _number(value: float) -> float | None:
  return float(value) if math.isfinite(value) else None


def predict(
    model: Painter, benchmark: Benchmark, task: str, rule: str,
    items: Sequence[Item], out: files.PathLike, *, steps: int | None = None,
    guidance: float | None = None,
) -> tuple[pathlib.Path, int]:
  """Writes the predictions that are not there yet: (their folder, how many)."""
  if steps is None:
    steps = model.default_steps(items[0].request.codec)
  guidance = model.guidance if guidance is None else guidance
  about = {
      "benchmark": benchmark.name, "task": task, "split": benchmark.split,
      "split_hash": benchmark.sha256, "rule": rule, "crop": benchmark.crop,
      "seed": benchmark.seed, "steps": steps, "guidance": guidance,
      "model": model.name, "fingerprint": model.fingerprint,
      "batch": CHUNK}
  name = re.sub(r"[^\w.-]+", "-", model.name).strip("-.")
  folder = (pathlib.Path(out) / "predictions" / benchmark.name / task
            / f"{name}-{_digest(about, items)}")
  prompts = {item.name: item.request.prompt for item in items}
  files.write_all({folder / "protocol.json": json.dumps(
      {**about, "prompts": prompts}, indent=1, ensure_ascii=False).encode()})
  # Whole chunks, always of the same questions: an answer's noise depends on its
  # place in its chunk, so a resumed run paints what an unbroken one would have.
  painted = 0
  for start in range(0, len(items), CHUNK):
    chunk = items[start:start + CHUNK]
    if all((folder / f"{item.name}.npz").exists() for item in chunk):
      continue
    answers = model.predict_batch(
        [i.request for i in chunk], [i.picture for i in chunk], steps=steps,
        guidance=guidance, seed=benchmark.seed + start)
    painted += len(chunk)
    pictures, values = {}, {}
    for item, answer in zip(chunk, answers, strict=True):
      rgb = images.to_uint8(answer.rgb)
      value = rgb if item.request.codec == "image" else answer.value
      pictures[folder / f"{item.name}.png"] = files.png(rgb)
      values[folder / f"{item.name}.npz"] = files.npz(value=value)
    files.write_all(pictures | values)
  return folder, painted


def read(folder: pathlib.Path, items: Sequence[Item]) -> list[Stored]:
  """Reads predictions back, in the order of `items`.

  Raises:
    UserError: one is missing or corrupt.
  """
  stored = []
  for item in items:
    path = folder / f"{item.name}.npz"
    try:
      with np.load(path, allow_pickle=False) as arrays:
        value = arrays["value"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
      raise UserError(f"{path}: missing or corrupt prediction; delete it and run "
                      "again.") from e
    stored.append(Stored(images.read(path.with_suffix(".png")), value))
  return stored


def _digest(about: dict[str, Any], items: Sequence[Item]) -> str:
  digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
  for item in items:
    r = item.request
    digest.update(repr((item.name, r.prompt, r.codec, r.colormap, r.background,
                        None if r.palette is None else r.palette.tolist())).encode())
    if item.picture is not None:
      digest.update(np.ascontiguousarray(item.picture).tobytes())
  return digest.hexdigest()[:8]
