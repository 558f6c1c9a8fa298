"""The mean of models that were tuned from the same weights: a model soup.

    python experiments/nano/soup.py runs/soup runs/a/model runs/b/model

Two runs on two cores learn from twice the samples, and their mean is often better than
either as long as they have not gone apart (Wortsman et al. 2022). Averaging and going
on is local SGD.
"""

import dataclasses
import pathlib
import sys

import jax
import numpy as np

from vision_banana.errors import UserError
from vision_banana.models import zoo


def main() -> None:
  if len(sys.argv) < 4:
    sys.exit(__doc__)
  out, *folders = sys.argv[1:]
  try:
    zoo.save_model(out, mean([zoo.load_model(folder) for folder in folders]))
  except UserError as e:
    sys.exit(f"soup: {e}")
  print(pathlib.Path(out))


def mean(models: list[zoo.SavedModel]) -> zoo.SavedModel:
  """The first, with the mean of all weights.

  Its notes have the samples of all and the seeds as a list.

  Raises:
    UserError: the models differ in sizes, in what they predict or in their words.
  """
  first, *others = models
  for other in others:
    if (other.config, other.flow, other.tokenizer.to_json()) != (
        first.config, first.flow, first.tokenizer.to_json()):
      raise UserError("models of different sizes, flow or tokenizer have no mean.")
  params = jax.tree.map(
      lambda *leaves: np.mean(leaves, 0, np.float64).astype(np.float32),
      *(model.params for model in models))
  notes = dict(
      first.notes, samples=sum(model.notes["samples"] for model in models),
      seed=[model.notes["seed"] for model in models])
  return dataclasses.replace(first, params=params, notes=notes)


if __name__ == "__main__":
  main()
