"""Stage two of an evaluation: predictions and truths from disk, numbers out.

Nothing is painted here. What cannot be read is left out, named and counted.
"""

import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import predictions
from vision_banana.eval.predictions import Stored
from vision_banana.eval.questions import Item, Question
from vision_banana.eval.records import Answer, Protocol

_REASONS = 5  # named in the results; the count is of all


@dataclasses.dataclass(frozen=True)
class Example:
  """A question with every model's answer, for the report."""
  item: Item
  answers: dict[str, Stored]


@dataclasses.dataclass(frozen=True)
class Score:
  """What one folder of predictions scores.

  Attributes:
    numbers: by metric key; NaN where there is nothing to measure.
    scored: how many questions count.
    left_out: (question, reason) of the others.
    ranking: (question's place, how good) of those that count, when the protocol
      ranks.
  """
  numbers: dict[str, float]
  scored: int
  left_out: tuple[tuple[str, str], ...]
  ranking: tuple[tuple[int, float], ...]


def score(folder: pathlib.Path, fingerprint: str, protocol: Protocol,
          questions: Sequence[Question | Item]) -> Score:
  """Scores a folder, one question at a time.

  Args:
    folder: of predictions.
    fingerprint: of the model that the folder is said to be of.
    protocol: how it counts.
    questions: what was asked.
  """
  left_out, ranking, scored, total = [], [], 0, protocol.metric()
  key, sign = protocol.best.removeprefix("-"), -1 if protocol.best[:1] == "-" else 1
  for place, question in enumerate(questions):
    try:
      item = question.read()
      stored = predictions.read(folder, question.name, fingerprint)
      _same_size(stored, item)
    except UserError as e:
      left_out.append((question.name, str(e)))
      continue
    scored += 1
    alone = total.add(*protocol.pair(Answer(stored.value, stored.scores), item))
    if key in alone and math.isfinite(alone[key]):
      ranking.append((place, sign * alone[key]))
  return Score(total.result(), scored, tuple(left_out), tuple(ranking))


def _same_size(stored: Stored, item: Item) -> None:
  """Raises UserError when the prediction is not of the picture that was shown."""
  if item.picture is None or stored.rgb.shape[:2] == item.picture.shape[:2]:
    return
  sizes = ["x".join(map(str, a.shape[:2])) for a in (stored.rgb, item.picture)]
  raise UserError(f"predicted at {sizes[0]}, the picture is {sizes[1]} (height x "
                  "width); delete the prediction and run eval again.")


def number(value: float) -> float | None:
  """For JSON: None where there is no number."""
  return float(value) if math.isfinite(value) else None


def rows(protocol: Protocol, numbers: dict[str, dict[str, float]]
         ) -> list[dict[str, Any]]:
  """Rows of a table; `numbers` by column, then by metric key."""
  return [{
      "metric": m.key, "label": m.label, "unit": m.unit,
      "higher_is_better": m.higher_is_better,
      "values": {name: number(n[m.key] * m.scale) for name, n in numbers.items()},
  } for m in protocol.metrics]


def left_out(scores: dict[str, Score]) -> dict[str, Any]:
  """By column: how many questions were left out and the first reasons."""
  return {name: {"count": len(s.left_out),
                 "reasons": [f"{q}: {reason}" for q, reason in s.left_out[:_REASONS]]}
          for name, s in scores.items() if s.left_out}

