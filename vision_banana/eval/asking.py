"""What is to be painted for each question: its files read, an outside model heard."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import legends
from vision_banana.eval.questions import Item, Question
from vision_banana.tasks import tasks
from vision_banana.tasks.tasks import Request

AT_ONCE = 64  # Questions to an outside model; their pictures are in memory.
# (uint8 picture, text) of many → an answer to each, or why there is none.
_Ask = Callable[[Sequence[tuple[np.ndarray, str]]], Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Outside:
  """What an outside model answers, where the paper asks one.

  Both are asked many questions at once; a UserError in the place of an answer leaves
  that question out, the others are painted.

  Attributes:
    name: kept with the predictions.
    presence: (uint8 picture, noun phrase) of each → bool: is there an instance? None
      leaves it to the generator: an empty mask says no.
    rewrite: (uint8 picture, query) of each → str: a description of what it means.
      None asks the queries as they are.
  """
  name: str = "none"
  presence: _Ask | None = None
  rewrite: _Ask | None = None


@dataclasses.dataclass
class Asked:
  """A question that was read, in as many passes as its legend takes."""
  item: Item
  parts: list[Request]
  about: dict[str, Any]


def ask(questions: Sequence[Question | Item], refuses: Callable[[str], str],
        outside: Outside) -> list[Asked | UserError]:
  """Reads questions; the outside model is asked about all of them at once.

  Args:
    questions: to be read.
    refuses: why the model does not read a prompt, '' when it does.
    outside: for 'is it there?' and for rewriting queries.

  Returns:
    For each what is to be painted, or why it cannot be asked.
  """
  items = [_or_error(q.read) for q in questions]
  present = _told(outside.presence, "instance", questions, items)
  phrases = _told(outside.rewrite, "referring", questions, items)
  return [item if isinstance(item, UserError) else _or_error(
      _plan, refuses, question, item, present.get(i), phrases.get(i))
          for i, (question, item) in enumerate(zip(questions, items, strict=True))]


def concerned(task: str, questions: Sequence[Question | Item], outside: Outside
              ) -> bool:
  """Whether the outside model is asked about any of a task's questions."""
  ask = {"instance": outside.presence, "referring": outside.rewrite}.get(task)
  return ask is not None and any(getattr(q, "text", "") for q in questions)


def _or_error(function: Callable[..., Any], *arguments: Any) -> Any:
  """What it returns, or the UserError it raises."""
  try:
    return function(*arguments)
  except UserError as e:
    return e


def _told(ask: _Ask | None, task: str, questions: Sequence[Question | Item],
          items: Sequence[Item | UserError]) -> dict[int, Any]:
  """By place, what the outside model says of the questions of a task."""
  if ask is None:
    return {}
  places = [i for i, (question, item) in enumerate(zip(questions, items, strict=True))
            if not isinstance(item, UserError) and item.request.task == task
            and getattr(question, "text", "")]
  said = ask([(items[i].picture, questions[i].text) for i in places]) if places else []
  return dict(zip(places, said, strict=True))


def _plan(refuses: Callable[[str], str], question: Question | Item, item: Item,
          present: bool | UserError | None, phrase: str | UserError | None) -> Asked:
  """What is to be painted; no parts when there is nothing.

  Args:
    refuses: as in `ask`.
    question: where the item is from.
    item: as it was read.
    present: what the outside model says; None where it was not asked.
    phrase: its description of what a query means; None where it was not asked.

  Raises:
    UserError: no answer of the outside model, or a prompt the model does not read.
  """
  for said in (present, phrase):
    if isinstance(said, UserError):
      raise said
  about: dict[str, Any] = {"name": item.name}
  about |= {key: getattr(question, key) for key in ("image", "kind")
            if getattr(question, key, "")}
  if present is not None:
    about["present"] = present
    if not present:
      return Asked(item, [], {**about, "prompt": item.request.prompt})
  if phrase is not None:
    about["query"] = question.text
    item = dataclasses.replace(item, request=tasks.request("referring", phrase=phrase))
  parts = legends.split(item.request, refuses)
  about["prompt"] = item.request.prompt
  if len(parts) > 1:
    about["parts"] = [p.prompt for p in parts]
  return Asked(item, parts, about)
