"""Every config file makes an experiment: no key that nothing reads."""

import pathlib

import jax
import pytest

from vision_banana.data import buckets, mixture
from vision_banana.errors import UserError
from vision_banana.models import zoo
from vision_banana.train import config

CONFIGS = sorted((pathlib.Path(__file__).parents[1] / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_instantiates(path):
  experiment = config.load(str(path))
  sizes = zoo.model_config(experiment.model.name, experiment.model.overrides)
  assert experiment.data.size == sizes.image_size
  assert mixture.parse(experiment.data.mixture, list(experiment.data.sources))
  assert len(path.read_text().splitlines()) <= 150


def parameters(config):
  sizes = zoo.model_config(config.model.name, config.model.overrides)
  return sum(x.size for x in jax.tree.leaves(zoo.abstract_network(sizes).flux2))


def test_klein_comes_in_two_sizes():
  small, large = (config.load(f"configs/klein_tune.py{arg}") for arg in ("", ":9b"))
  assert parameters(small) == 3_875_544_576
  assert parameters(large) == 9_078_581_248
  assert small.init_from.endswith("4B") and large.init_from.endswith("9B")
  lora = config.load("configs/klein_lora.py:9b,rank=16,size=1024")
  assert lora.model.overrides["flux2"] == large.model.overrides["flux2"]
  assert lora.lora.rank == 16 and lora.data.size == 1024


@pytest.mark.parametrize("name", ["klein_tune", "klein_lora"])
def test_klein_takes_the_users_generation_data(name):
  alone = config.load(f"configs/{name}.py:source=s,vision=0.2")
  assert {c.source for c in mixture.parse(alone.data.mixture, ["rooms"])} == {"rooms"}
  both = config.load(f"configs/{name}.py:images=a,edits=b,source=s,vision=0.2,steps=7")
  parsed = mixture.parse(both.data.mixture, list(both.data.sources))
  where = {c.task: c.source for c in parsed}
  assert where.pop("text_to_image") == "images" and where.pop("editing") == "edits"
  assert set(where.values()) == {"rooms"}
  assert both.data.sources == {
      "rooms": {"path": "s"}, "images": {"path": "a"}, "edits": {"path": "b"}}
  vision = sum(c.weight for c in parsed if c.source == "rooms")
  assert vision == pytest.approx(0.2) and both.train.steps == 7
  assert len(buckets.shapes(both.data.size, both.data.aspects)) == 5


def test_arguments_of_klein_lora_are_strict():
  with pytest.raises(UserError, match="'visoin': nothing reads it"):
    config.load("configs/klein_lora.py:visoin=0.2")
  with pytest.raises(UserError, match="write 9b=VALUE|expected bool"):
    config.load("configs/klein_lora.py:9b=2")
