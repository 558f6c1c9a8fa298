"""Which scenes a task can use, and as what it sees them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tqdm

from vision_banana.data import buckets, mixture
from vision_banana.errors import UserError
from vision_banana.tasks import scenes as scenes_lib
from vision_banana.tasks import tasks

# Scenes looked at to learn a source's category names; of a source that draws its
# scenes, all that are looked at.
PROBE = 256


@functools.cache  # Each task of a source asks; a million take a tenth of a second.
def order(length: int) -> np.ndarray:
  """All of `length` indices, always the same: first `PROBE` that have no period.

  Both these and the rest ascend, which files that are read in blocks need.
  """
  drawn = np.random.default_rng(0).permutation(length)
  made = np.concatenate([np.sort(drawn[:PROBE]), np.sort(drawn[PROBE:])])
  made.flags.writeable = False
  return made


def asks_for_names(task: str) -> bool:
  """Whether a task's prompts name categories: a modality's target may have a legend."""
  return task == "modality" or "categories" in tasks.needs(task)


def shown(task: str, scene: Mapping[str, Any], unasked: Sequence[str]
          ) -> Mapping[str, Any]:
  """The scene as a task is to know it, see `DataConfig.unasked`."""
  if unasked and asks_for_names(task):
    return scenes_lib.without(scene, unasked)
  return scene


def passes(task: str, unasked: Sequence[str], scene: Mapping[str, Any]) -> bool:
  """Whether a task can use a scene."""
  return not tasks.lacks(task, shown(task, scene, unasked))


def parts(component: mixture.Component, found: Mapping[buckets.Shape, buckets.Part],
          unasked: Sequence[str], generated: bool
          ) -> dict[buckets.Shape, buckets.Part]:
  """The parts with scenes that a task can use.

  Args:
    component: with the task.
    found: parts of its source.
    unasked: categories that no task asks for.
    generated: the source draws its scenes, which all have the same fields; then a
      few are enough to tell.

  Raises:
    UserError: there is none; an endless stream that yields nothing would hang.
  """
  used, lack = {}, ""
  for shape, part in found.items():
    for i in _looked_at(part, generated, component.key):
      lack = tasks.lacks(component.task, shown(component.task, part[i], unasked))
      if not lack:
        used[shape] = part
        break
  if not used:
    raise UserError(f"mixture '{component.key}': no scene can be used ({lack}); take "
                    "the task out or add the field.")
  return used


def _looked_at(part: buckets.Part, generated: bool, key: str) -> Iterator[int]:
  indices = order(len(part))[:PROBE if generated else None]
  # The bar shows when most scenes cannot be used and it takes long.
  with tqdm.tqdm(indices, desc=f"scenes for {key}", delay=5) as bar:
    yield from map(int, bar)
