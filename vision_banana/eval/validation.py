"""The training loss on held-out scenes: of the same samples, levels and noise always.

Evaluation asks what a model paints; this asks how well it fits, task by task, in the
units it was trained in. It needs no sampling, moves smoothly, and exists for every
task, so it is what tells whether generation was kept while perception was learned.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from vision_banana.data import pipeline
from vision_banana.data.sources import Source
from vision_banana.errors import UserError
from vision_banana.generators.base import Generator, Params
from vision_banana.tasks import tasks as tasks_lib

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
_NOISE = 1  # Told apart from what draws the sample.


def losses(
    generator: Generator, params: Params, source: Source, size: int,
    tasks: Sequence[str], *, levels: Sequence[float] = LEVELS,
    limit: int | None = None, seed: int = 0, batch: int = 32,
    num_references: int = 1, log: Callable[[str], None] = print,
) -> dict[str, dict[str, Any]]:
  """Mean loss of each task.

  Every scene that a task can use gives one sample, whose prompt, colours and noise
  are a function of `seed`, the task and the scene's place alone, and each sample is
  taken at every level. So two models, or one before and after, see the same.

  Args:
    generator: whose loss it is; its weighting of levels included.
    params: of the generator.
    source: held-out scenes.
    size: edge in pixels that scenes are brought to.
    tasks: names of `tasks.TASKS`.
    levels: of noise, in (0, 1).
    limit: only the first so many scenes.
    seed: of samples and noise.
    batch: samples at a time; changes nothing but rounding.
    num_references: places for references that the generator reads.
    log: takes a line a task.

  Returns:
    task → {'loss': mean over samples and levels, 'by_level': mean at each level, 'n':
    samples}; a task that no scene can serve is left out.

  Raises:
    UserError: an unknown task, no scenes, or a level out of range.
  """
  if not levels or not all(0 < level < 1 for level in levels):
    raise UserError(f"levels {tuple(levels)}: give some between 0 and 1.")
  scenes = pipeline.Scenes(source, size, cache=False, absent=True)
  count = len(scenes) if limit is None else min(limit, len(scenes))
  key = jax.random.key(0)  # Not read: all that is random is given.
  per_sample = jax.jit(lambda params, made, drawn: generator.loss(
      params, made, key, drawn)[1]["loss_per_sample"])
  found = {}
  for task in tasks:
    index = tasks_lib.TASKS.index(task) if task in tasks_lib.TASKS else -1
    places, samples = [], []
    for i in range(count):
      scene = scenes[i]
      if not tasks_lib.lacks(task, scene):
        places.append(i)
        samples.append(tasks_lib.make(
            task, scene, np.random.default_rng([seed, i, index]),
            num_references=num_references))
    total = np.zeros(len(levels))
    for start in range(0, len(samples), batch):
      # Filled up with copies, so that one compiled loss serves them all.
      rows = [min(r, len(samples) - 1) for r in range(start, start + batch)]
      made = _stack([samples[r] for r in rows], generator)
      shape = jax.eval_shape(generator.draw, made, key)["noise"].shape[1:]
      noise = np.stack([
          np.random.default_rng([seed, places[r], index, _NOISE]).standard_normal(
              shape, np.float32) for r in rows])
      for k, level in enumerate(levels):
        drawn = {"level": np.full(batch, level, np.float32), "noise": noise}
        total[k] += np.asarray(
            per_sample(params, made, drawn))[:len(samples) - start].sum()
    if samples:
      means = (total / len(samples)).tolist()
      found[task] = {"loss": float(np.mean(means)), "by_level": means,
                     "n": len(samples)}
      log(f"validation loss, {task}: {found[task]['loss']:.5g} ({len(samples)} scenes)")
  return found


def _stack(samples: Sequence[tasks_lib.Sample], generator: Generator) -> dict[str, Any]:
  """Samples to a batch with tokens."""
  tokens, mask = generator.tokenize([s["prompt"] for s in samples])
  made = {k: np.stack([s[k] for s in samples]) for k in samples[0] if k != "prompt"}
  return {**made, "tokens": tokens, "text_mask": mask}
