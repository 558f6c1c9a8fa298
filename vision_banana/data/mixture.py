"""Mixtures of tasks and sources, written as {"task@source": weight}."""

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence

from vision_banana.errors import UserError
from vision_banana.tasks import sample

_DEFAULT_SOURCE = "rooms"


@dataclasses.dataclass(frozen=True)
class Component:
  """One part of a mixture.

  Attributes:
    task: one of `tasks.TASKS`.
    source: a name among the configured sources.
    weight: share of the samples, relative to the other components, above 0.
  """
  task: str
  source: str
  weight: float

  @property
  def key(self) -> str:
    return f"{self.task}@{self.source}"


def parse(mixture: Mapping[str, float], sources: Sequence[str]) -> list[Component]:
  """Reads a mixture; the source is 'rooms' where a key names none.

  A weight of 0 takes a component out, so that an override can switch it off.

  Raises:
    UserError: for an unknown task or source, a weight that is no number or below 0,
      a component given twice, or a mixture of nothing.
  """
  components: dict[str, Component] = {}
  for key, weight in mixture.items():
    task, _, source = key.partition("@")
    source = source or _DEFAULT_SOURCE
    sample.check_choice("task in the mixture", task, sample.TASKS)
    sample.check_choice("source in the mixture", source, list(sources))
    if (not isinstance(weight, numbers.Real) or isinstance(weight, bool)
        or not math.isfinite(weight) or weight < 0):
      raise UserError(f"mixture '{key}': weight {weight!r} is not a number of at "
                      "least 0; write one.")
    component = Component(task, source, float(weight))
    if component.key in components:
      raise UserError(f"mixture names '{component.key}' twice; keep one.")
    components[component.key] = component
  kept = [c for c in components.values() if c.weight > 0]
  if not kept:
    raise UserError("the mixture is empty; give a task a weight above 0, for example "
                    "{'text_to_image': 1}.")
  return kept
