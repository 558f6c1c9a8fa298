"""The mean of tuned models."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.nano import soup
from vision_banana.errors import UserError
from vision_banana.generators import flow
from vision_banana.models import zoo


def _model(seed, **changed):
  generator = flow.build("debug")
  rng = np.random.default_rng(seed)
  params = jax.tree.map(
      lambda x: rng.normal(size=x.shape).astype(np.float32),
      jax.eval_shape(generator.init, jax.random.key(0)))
  return zoo.SavedModel(
      "debug", generator.config, dataclasses.asdict(generator.flow) | changed, params,
      generator.tokenizer, {"samples": 10 * seed, "seed": seed})


def test_weights_are_the_mean_and_samples_the_sum():
  models = [_model(seed) for seed in (1, 2, 3)]
  found = soup.mean(models)
  jax.tree.map(lambda mean, a, b, c: np.testing.assert_allclose(
      mean, (a + b + c) / 3, atol=1e-6), found.params, *(m.params for m in models))
  assert found.notes == {"samples": 60, "seed": [1, 2, 3]}


def test_models_that_predict_different_things_have_none():
  with pytest.raises(UserError, match="have no mean"):
    soup.mean([_model(1), _model(2, prediction="v")])
