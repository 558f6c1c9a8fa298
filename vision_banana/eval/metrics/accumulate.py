"""What every metric is: pictures go in one at a time, numbers come out.

No metric keeps pictures, so a set of any size is scored in little memory.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

Numbers = dict[str, float]
Arrays = Sequence[np.ndarray]


class Accumulator(Protocol):
  """Counts of a set of pictures.

  `add` returns the numbers of that picture alone, for lists of best and worst; where
  it has nothing to measure the dict is empty and the picture does not count. A number
  of `result` that nothing was measured for is NaN.
  """

  def add(self, prediction: Any, truth: Any) -> Numbers:
    """Counts one picture."""

  def result(self) -> Numbers:
    """Of all pictures so far."""


def over(metric: Callable[[], Accumulator], predictions: Iterable[Any],
         truths: Iterable[Any]) -> Numbers:
  """The numbers of a set, which may be generators.

  Args:
    metric: makes an empty accumulator, such as its class.
    predictions: one per picture.
    truths: as many.

  Raises:
    ValueError: there are not as many truths as predictions.
  """
  total = metric()
  for prediction, truth in zip(predictions, truths, strict=True):
    total.add(prediction, truth)
  return total.result()


def mean(values: Sequence[float]) -> float:
  """NaN of nothing."""
  return float(np.mean(values)) if len(values) else float("nan")


def ratio(part: float, whole: float) -> float:
  """NaN of nothing."""
  return float(part / whole) if whole else float("nan")


def mean_rows(rows: Sequence[Numbers], names: Sequence[str]) -> Numbers:
  """Means over pictures of their numbers; NaN of no pictures."""
  return {name: mean([row[name] for row in rows]) for name in names}
