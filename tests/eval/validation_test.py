"""The validation loss: a number of the model alone, the same whoever asks."""

import jax
import numpy as np
import pytest

from tests.data import fake
from vision_banana.data import pipeline
from vision_banana.errors import UserError
from vision_banana.eval import validation
from vision_banana.generators import flow
from vision_banana.tasks import tasks

SOURCE = fake.Source(3, 16)


@pytest.fixture(scope="module")
def model():
  generator = flow.build("debug", {"text": {"max_length": 256}})
  rng = np.random.default_rng(1)
  params = jax.tree.map(
      lambda x: rng.normal(0, 1 / x.shape[-2:][0] ** 0.5, x.shape).astype(np.float32),
      jax.eval_shape(generator.init, jax.random.key(0)))
  return generator, params


def losses(model, names, **options):
  return validation.losses(*model, SOURCE, 16, names, log=lambda line: None,
                           **{"batch": 2, "levels": (0.3, 0.8), **options})


def test_it_is_the_generators_loss_at_fixed_levels(model):
  generator, params = model
  found = losses(model, ["normals"], limit=1, batch=1)["normals"]
  scene = pipeline.Scenes(SOURCE, 16, cache=False, absent=True)[0]
  index = tasks.TASKS.index("normals")
  sample = tasks.make("normals", scene, np.random.default_rng([0, 0, index]))
  tokens, mask = generator.tokenize([sample.pop("prompt")])
  batch = {k: np.asarray(v)[None] for k, v in sample.items()}
  noise = np.random.default_rng([0, 0, index, 1]).standard_normal(
      (1, 4, 192), np.float32)
  expected = [float(generator.loss(
      params, {**batch, "tokens": tokens, "text_mask": mask}, jax.random.key(5),
      {"level": np.full(1, level, np.float32), "noise": noise})[0])
      for level in (0.3, 0.8)]
  np.testing.assert_allclose(found["by_level"], expected, rtol=1e-5)
  assert found["loss"] == pytest.approx(np.mean(expected)) and found["n"] == 1


def test_it_depends_on_the_seed_and_not_on_company(model):
  both = losses(model, ["depth", "semantic"])
  assert both == losses(model, ["depth", "semantic"])
  alone = losses(model, ["semantic"], batch=3)
  assert alone["semantic"]["loss"] == pytest.approx(both["semantic"]["loss"], rel=1e-5)
  assert both["semantic"]["n"] == 3
  other = losses(model, ["semantic"], seed=1)
  assert abs(other["semantic"]["loss"] / both["semantic"]["loss"] - 1) > 1e-4


def test_it_is_of_the_parameters(model):
  generator, params = model
  silent = jax.tree.map(np.zeros_like, params)
  assert losses((generator, silent), ["depth"]) != losses(model, ["depth"])


def test_a_task_no_scene_can_serve_is_left_out(model):
  class Photos(fake.Source):
    def __getitem__(self, index):
      return {k: v for k, v in super().__getitem__(index).items() if k != "edits"}

  found = validation.losses(*model, Photos(2, 16), 16, ["editing", "depth"], batch=2,
                            levels=(0.5,), log=lambda line: None)
  assert list(found) == ["depth"]


@pytest.mark.parametrize("options, message", [
    ({"levels": (0.0, 0.5)}, "between 0 and 1"), ({"levels": ()}, "between 0 and 1")])
def test_what_cannot_be_is_one_line(model, options, message):
  with pytest.raises(UserError, match=message):
    losses(model, ["depth"], **options)


def test_an_unknown_task_is_one_line(model):
  with pytest.raises(UserError, match="unknown task"):
    losses(model, ["dept"])
