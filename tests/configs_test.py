"""Every config file makes an experiment: no key that nothing reads."""

import pathlib

import pytest

from vision_banana.data import mixture
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
