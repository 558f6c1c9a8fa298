"""Model folders of any kind: their weights come in the dtype asked for."""

import pathlib

import jax
import numpy as np
import pytest

from vision_banana.generators import flow
from vision_banana.models import klein_folder, orbax_folder, saved, zoo

KLEIN = pathlib.Path(__file__).parents[1] / "goldens" / "klein"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """A klein in every layout: {what it is: folder}."""
  root = tmp_path_factory.mktemp("klein")
  model = klein_folder.read(str(KLEIN))
  zoo.save_model(str(root / "tuned"), model)
  orbax_folder.write(str(root / "orbax"), model)
  return {"published": KLEIN, "tuned": root / "tuned", "orbax": root / "orbax"}


@pytest.mark.parametrize("layout", ["published", "tuned", "orbax"])
@pytest.mark.parametrize("dtype", [None, "float32", "bfloat16"])
def test_a_klein_of_any_layout_has_the_same_weights(folders, layout, dtype):
  expected = zoo.flatten(klein_folder.read(str(KLEIN), dtype=dtype).params)
  found = zoo.flatten(saved.read(str(folders[layout]), dtype).params)
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    np.testing.assert_array_equal(found[path], value, err_msg=path, strict=True)


def test_other_models_stay_in_float32(tmp_path):
  generator = flow.build("debug")
  zoo.save_model(str(tmp_path / "m"), zoo.SavedModel(
      "debug", generator.config, {}, generator.init(jax.random.key(0)),
      generator.tokenizer, {}), dtype="bfloat16")
  params = zoo.flatten(saved.read(str(tmp_path / "m"), "bfloat16").params)
  assert {x.dtype for x in params.values()} == {np.dtype(np.float32)}
