"""From an outside model to what painting a benchmark asks of one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval.asking import Outside
from vision_banana.eval.outside import presence, rewriting
from vision_banana.eval.outside.asker import Asker, Question


def outside(asker: Asker) -> Outside:
  """Both questions by one model, many at once.

  Where the model gives no readable answer there is a UserError in its place. When its
  endpoint fails for good, what it answered is used, and nothing more is asked of it.
  """
  steady = _Steady(asker)
  return Outside(asker.model, steady.answers(presence.present),
                 steady.answers(rewriting.rewrite))


class _Steady:
  """An asker that fails once; from then on it knows only what was kept."""

  def __init__(self, asker: Asker):
    self._asker, self._failure = asker, None

  def ask(self, questions: Sequence[Question]) -> list[str | None]:
    if self._failure is None:
      try:
        return self._asker.ask(questions)
      except UserError as e:
        self._failure = e
    return self._asker.kept(questions)

  def answers(self, function: Callable[..., list[Any]]
              ) -> Callable[[Sequence[tuple[np.ndarray, str]]], list[Any]]:
    def ask(pairs: Sequence[tuple[np.ndarray, str]]) -> list[Any]:
      return [self._reason(text) if answer is None else answer
              for answer, (_, text) in zip(function(self, pairs), pairs, strict=True)]
    return ask

  def _reason(self, text: str) -> UserError:
    if self._failure is not None:
      return self._failure
    return UserError(f"{self._asker.model} gave no readable answer to '{text}'; the "
                     "same command asks again.")
