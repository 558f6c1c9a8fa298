"""What a benchmark is: which pictures, what is asked of them, how it counts."""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval.metrics.accumulate import Accumulator
from vision_banana.eval.metrics.depth_protocols import Crop
from vision_banana.eval.questions import Item, Question


@dataclasses.dataclass(frozen=True)
class Answer:
  """A decoded prediction; `scores` float32 [N] of instances 1..N, else None."""
  value: np.ndarray
  scores: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Metric:
  """A number in a table: its key in `Protocol.score`, how to print it, which way is up.

  `scale` multiplies what is printed (100 for metrics published in percent).
  """
  key: str
  label: str
  higher_is_better: bool
  unit: str = ""
  scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How one task of a benchmark is asked and scored.

  Attributes:
    task: name in `tasks.TASKS`.
    rule: prompt, truth, valid pixels, pooling: what moves the number, in words.
    metrics: the rows of the table; the first is the headline; () for pictures that
      people or a judge compare.
    metric: makes the empty accumulator that has their keys.
    pair: (answer, question) → (prediction, truth) as the metric takes them.
    best: the metric's number of one picture that says how good it is, for lists of
      best and worst, '-' before it when less is better; '' = none.
    name: of the protocol, where a benchmark has several ('unidepth'), else ''.
    view: part of a picture that is shown, and all that is scored; None = all of it.
  """
  task: str
  rule: str
  metrics: tuple[Metric, ...]
  metric: Callable[[], Accumulator]
  pair: Callable[[Answer, Item], tuple[Any, Any]] = lambda answer, item: (
      answer.value, item.truth)
  best: str = ""
  name: str = ""
  view: Crop | None = None

  def score(self, pairs: Iterable[tuple[np.ndarray, Item]]) -> dict[str, float]:
    """Numbers by metric key of (value, question) pairs, read one at a time."""
    total = self.metric()
    for value, item in pairs:
      total.add(*self.pair(Answer(value), item))
    return total.result()


@dataclasses.dataclass(frozen=True)
class Split:
  """The pictures of a benchmark as found on disk.

  Attributes:
    ids: of its units (images, scenes, phrases), in order; `--limit` counts them.
    sha256: first 16 hex digits, over what the record says (its list of ids).
    ask: (task, indices into ids, seed) → questions, read from disk when needed.
    notes: what of the official split is not here, one sentence each.
  """
  ids: tuple[str, ...]
  sha256: str
  ask: Callable[[str, Sequence[int], int], Sequence[Question | Item]]
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """A frozen record.

  Attributes:
    name: as given to `eval --benchmark`.
    about: one sentence on what the numbers can be taken for.
    read: data folder (None for what comes with the package) → the split. Raises
      UserError when it is not there.
    split: the split's name.
    sha256: of the split's list, first 16 hex digits; '' when the official list is
      not published as such: then the hash of what was found is only printed.
    units: what `ids` are: 'scenes', 'images', …
    size: how many the official split has; 0 = unknown.
    seed: draws questions (phrases, colours, edits) and the sampler's noise.
    crop: which part of a picture is shown and scored.
    resolution: at which size a picture is shown; '' = its own.
    protocols: its tasks.
    variants: protocols to choose from by name, for its only task; () for none.
    constant: whether the best constant picture of the rooms is a fair column.
    folder: its name under a folder that holds many benchmarks; '' = in the package.
  """
  name: str
  about: str
  read: Callable[[pathlib.Path | None], Split]
  split: str
  sha256: str
  seed: int
  crop: str
  protocols: tuple[Protocol, ...]
  units: str = "images"
  size: int = 0
  resolution: str = ""
  variants: tuple[Protocol, ...] = ()
  constant: bool = False
  folder: str = ""

  def open(self, data: pathlib.Path | str | None = None) -> Split:
    """Finds the split.

    Raises:
      UserError: it is not there, or is not the split the record names.
    """
    if self.folder and data is None:
      raise UserError(f"benchmark '{self.name}': name the folder that holds it by "
                      "--data.")
    split = self.read(None if data is None else pathlib.Path(data))
    if not split.ids:
      raise UserError(f"benchmark '{self.name}': no {self.units} under {data}; "
                      "restore the data.")
    if self.sha256 and split.sha256 != self.sha256:
      raise UserError(
          f"benchmark '{self.name}': these {len(split.ids)} {self.units} have hash "
          f"{split.sha256}, the record says {self.sha256}; restore the data.")
    return split

  def under(self, protocol: str) -> "Benchmark":
    """This benchmark scored by another of its named protocols.

    Raises:
      UserError: it has none of that name.
    """
    named = {p.name: p for p in self.variants}
    if protocol not in named:
      raise UserError(f"benchmark '{self.name}' has no protocol '{protocol}'; known: "
                      f"{', '.join(named) or 'none'}.")
    return dataclasses.replace(self, protocols=(named[protocol],))

  def only(self, tasks: Sequence[str]) -> "Benchmark":
    """This benchmark with these of its tasks; all of them when none is named.

    Raises:
      UserError: it has none of that name.
    """
    known = [p.task for p in self.protocols]
    for task in tasks:
      if task not in known:
        raise UserError(f"benchmark '{self.name}' has no task '{task}'; it has "
                        f"{', '.join(known)}.")
    return dataclasses.replace(self, protocols=tuple(
        p for p in self.protocols if not tasks or p.task in tasks))


def viewed(questions: Sequence[Question | Item], view: Crop | None
           ) -> Sequence[Question | Item]:
  """The questions about a part of each picture."""
  if view is None:
    return questions

  def load(question):
    item = question.read()
    window = view.window(*item.picture.shape[:2])
    return np.ascontiguousarray(item.picture[window]), item.truth[window]
  return [Question(q.name, q.request, functools.partial(load, q), q.text, q.image)
          for q in questions]


def pick(split: Split, limit: int | None, seed: int) -> list[int]:
  """Which units to ask about: all, or `limit` of them drawn by `seed`, in order.

  Raises:
    UserError: a limit below 1.
  """
  if limit is None or limit >= len(split.ids):
    return list(range(len(split.ids)))
  if limit < 1:
    raise UserError(f"limit {limit}: give at least 1.")
  drawn = np.random.default_rng(seed).choice(len(split.ids), limit, replace=False)
  return sorted(drawn.tolist())


def list_hash(ids: Sequence[str]) -> str:
  """16 hex digits of SHA-256 over the ids in order, each ended by a newline."""
  digest = hashlib.sha256("".join(f"{i}\n" for i in ids).encode())
  return digest.hexdigest()[:16]
