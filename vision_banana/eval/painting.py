"""Stage one of an evaluation: questions in, predictions on disk.

A killed run goes on where it stopped; several hosts share the questions; a question
that cannot be asked is left out and named, the others are answered.
"""

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import asking, files, images, legends, predictions, voting
from vision_banana.eval.asking import Asked, Outside
from vision_banana.eval.decoding import Prediction
from vision_banana.eval.predictions import Job
from vision_banana.tasks.tasks import Request

_SAY_EVERY = 10.0  # seconds between progress lines


class Painter(Protocol):
  """The part of `api.Model` that evaluation uses."""
  name: str
  fingerprint: str
  guidance: float
  batch: int

  def default_steps(self, codec: str) -> int:
    """Sampling steps for a picture read by `codec`."""

  def refuses(self, prompt: str) -> str:
    """Why the model does not read a prompt, '' when it does."""

  def predict_batch(
      self, requests: Sequence[Request], pictures: Sequence[np.ndarray | None], *,
      steps: int, guidance: float, seed: int) -> list[Prediction]:
    """Answers questions, in order."""


@dataclasses.dataclass(frozen=True)
class Painted:
  """What `paint` did: the folder, questions it answered and those it could not."""
  folder: pathlib.Path
  answered: int
  left_out: tuple[tuple[str, str], ...]


def paint(
    model: Painter, job: Job, out: files.PathLike, *, steps: int | None = None,
    guidance: float | None = None, shard: tuple[int, int] = (0, 1),
    outside: Outside = Outside(), log: Callable[[str], None] = print) -> Painted:
  """Answers the questions of a job that are not answered yet.

  Args:
    model: paints.
    job: the questions.
    out: folder of all predictions.
    steps: sampling steps; None = the model's default.
    guidance: None = the model's default.
    shard: (i, n): only every n-th batch, from the i-th.
    outside: for 'is it there?' and for rewriting queries.
    log: takes progress lines.

  Raises:
    UserError: the folder is another model's or cannot be written, or a sampler
      setting that the model cannot use.
  """
  about = describe(model, job, steps, guidance, outside)
  folder = predictions.folder_of(out, about)
  predictions.open_folder(folder, about)
  clock = _Clock(f"{job.benchmark} {job.task}: {model.name}", log)
  todo = []
  # Whole batches, always of the same questions: an answer's noise depends on its
  # place, so a resumed or shared run paints what a single one would have.
  for n, start in enumerate(range(0, len(job.questions), model.batch)):
    batch = job.questions[start:start + model.batch]
    if n % shard[1] == shard[0] and not all(
        predictions.is_whole(folder, q.name) for q in batch):
      todo.append((start, batch))
  total, answered, left_out = sum(len(b) for _, b in todo), 0, []
  together = 1
  if asking.concerned(job.task, job.questions, outside):
    together = max(1, asking.AT_ONCE // model.batch)
  for first in range(0, len(todo), together):
    group = todo[first:first + together]
    questions = [q for _, batch in group for q in batch]
    asked = iter(asking.ask(questions, model.refuses, outside))
    for start, batch in group:
      reasons = _batch(model, job, folder, about, start, batch,
                       list(itertools.islice(asked, len(batch))))
      left_out += reasons
      answered += len(batch) - len(reasons)
      clock.say(answered + len(left_out), total)
  for name, reason in left_out[:5]:
    log(f"{job.benchmark} {job.task}: left out {name}: {reason}")
  if len(left_out) > 5:
    log(f"{job.benchmark} {job.task}: left out {len(left_out) - 5} more")
  return Painted(folder, answered, tuple(left_out))


def describe(model: Painter, job: Job, steps: int | None, guidance: float | None,
             outside: Outside) -> dict[str, Any]:
  """What decides the answers, for `predictions.folder_of`."""
  if steps is None:
    steps = model.default_steps(job.questions[0].request.codec)
  return predictions.describe(
      job, model=model.name, fingerprint=model.fingerprint, steps=steps,
      guidance=model.guidance if guidance is None else guidance, batch=model.batch,
      outside=outside.name if asking.concerned(job.task, job.questions, outside)
      else "none")


def _batch(model, job, folder, about, start, batch,
           found: Sequence[Asked | UserError]) -> list[tuple[str, str]]:
  """Answers one batch; (name, reason) of what cannot be asked."""
  asked = [None if isinstance(a, UserError) else a for a in found]
  left_out = [(q.name, str(a)) for q, a in zip(batch, found, strict=True)
              if isinstance(a, UserError)]
  for name, reason in left_out:
    predictions.write_reason(folder, name, reason)
  rows = [a for a in asked if a is not None and a.parts]
  answers: list[list[list[Prediction]]] = [[] for _ in batch]
  seeds = [_seed(job.seed, start, k) for k in range(job.samples)]
  if rows:
    # Places of what is not painted are filled, so that the others keep theirs.
    full = [a if a is not None and a.parts else rows[0] for a in asked]
    for seed in seeds:
      passes = [model.predict_batch(
          [a.parts[min(p, len(a.parts) - 1)] for a in full],
          [a.item.picture for a in full], steps=about["steps"],
          guidance=about["guidance"], seed=seed)
          for p in range(max(len(a.parts) for a in full))]
      for i, a in enumerate(full):
        answers[i].append([made[i] for made in passes[:len(a.parts)]])
  for place, (one, samples) in enumerate(zip(asked, answers, strict=True)):
    if one is not None:
      told = {**one.about, "seeds": seeds, "place": place, "model": model.name,
              "fingerprint": model.fingerprint, "steps": about["steps"],
              "guidance": about["guidance"]}
      _store(folder, one, samples if one.parts else [], told)
  return left_out


def _store(folder: pathlib.Path, asked: Asked, samples: list[list[Prediction]],
           about: dict[str, Any]) -> None:
  """Writes the answer to one question."""
  request = asked.item.request
  if not samples:  # The outside model says that it is not there.
    size = asked.item.picture.shape[:2]
    ground = np.broadcast_to(np.asarray(request.background, np.uint8), (*size, 3))
    predictions.write(folder, asked.item.name, {"": ground}, about,
                      value=np.zeros(size, np.uint8), scores=np.zeros(0, np.float32))
    return
  pictures, values = {}, []
  for k, parts in enumerate(samples):
    painted = [images.to_uint8(p.rgb) for p in parts]
    for p, rgb in enumerate(painted):
      pictures[(f"_s{k}" if k else "") + (f"_p{p}" if p else "")] = rgb
    if len(parts) > 1:
      values.append(legends.merge(request, asked.parts, painted))
    else:
      values.append(painted[0] if request.codec == "image" else parts[0].value)
  value, disagreement, scores = voting.vote(request, values)
  predictions.write(folder, asked.item.name, pictures, about, value=_small(value),
                    disagreement=disagreement, scores=scores)


def _small(value: np.ndarray) -> np.ndarray:
  """Labels in the smallest type that holds them."""
  if not np.issubdtype(value.dtype, np.integer):
    return value
  return value.astype(np.uint8 if value.max(initial=0) < 256 else np.int32)


def _seed(seed: int, start: int, sample: int) -> int:
  """Of the noise of one batch; samples of one question differ."""
  if sample == 0:
    return (seed + start) % 2**32
  state = np.random.SeedSequence([seed, start, sample]).generate_state(1)
  return int(state[0])


class _Clock:
  """Says now and then how far it is and how long it still takes."""

  def __init__(self, what: str, log: Callable[[str], None]):
    self._what, self._log = what, log
    self._start = self._said = time.monotonic()

  def say(self, done: int, total: int) -> None:
    """A line, unless the last one is fresh or nothing is left."""
    now = time.monotonic()
    if done < total and now - self._said < _SAY_EVERY:
      return
    rate = done / max(now - self._start, 1e-9)
    left = round((total - done) / rate)
    self._log(f"{self._what}, {done}/{total} questions, {rate:.2g}/s, ETA "
              f"{left // 3600}h{left // 60 % 60:02d}m{left % 60:02d}s")
    self._said = now
