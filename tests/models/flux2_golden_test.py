"""The transformer against the PyTorch reference (files made by tests/goldens)."""

import pathlib

import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from vision_banana.models import flux2, weights, zoo
from vision_banana.models.weight_tables import weight_map

GOLDEN = pathlib.Path(__file__).parent.parent / "goldens" / "flux2.safetensors"
CONFIG = flux2.Flux2Config(
    in_channels=12, text_dim=20, num_double=2, num_single=3, num_heads=2,
    rope_axes=(4, 4, 4, 4), timestep_channels=32)


def _params(golden):
  stored = {k.removeprefix("weights."): v for k, v in golden.items()
            if k.startswith("weights.")}
  return zoo.unflatten(weights.to_ours(stored, weight_map(CONFIG)))


@pytest.mark.parametrize("case", ["plain", "references"])
def test_equals_the_reference(case):
  golden = safetensors.numpy.load_file(GOLDEN)
  params = _params(golden)
  abstract = nnx.eval_shape(lambda: flux2.Flux2(CONFIG, nnx.Rngs(0)))
  ids = np.concatenate([flux2.grid_ids(3, 4, 0)] + (
      [flux2.grid_ids(3, 4, flux2.reference_time(0)),
       flux2.grid_ids(2, 2, flux2.reference_time(1))] if case == "references" else []))
  np.testing.assert_array_equal(ids, golden[f"{case}.ids"])
  out = nnx.merge(nnx.graphdef(abstract), params)(
      golden[f"{case}.image"], golden["text"], golden["level"], ids,
      flux2.text_ids(golden["text"].shape[1]))
  expected = golden[f"{case}.out"]
  error = np.linalg.norm(out - expected) / np.linalg.norm(expected)
  assert error <= 2e-5, error
