"""The autoencoder against the PyTorch reference (files made by tests/goldens)."""

import pathlib

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from vision_banana.models import autoencoder, weight_tables, weights, zoo

GOLDEN = pathlib.Path(__file__).parent.parent / "goldens" / "vae.safetensors"
CONFIG = autoencoder.AutoencoderConfig(
    stage_channels=(8, 12, 16, 16), layers_per_stage=1, latent_channels=3,
    norm_groups=4)
SIZES = ((16, 48), (80, 32))


@pytest.fixture(scope="module")
def golden():
  return safetensors.numpy.load_file(GOLDEN)


@pytest.fixture(scope="module")
def graph():
  return nnx.eval_shape(lambda: autoencoder.Autoencoder(CONFIG, nnx.Rngs(0)))


@pytest.fixture(scope="module")
def params(golden):
  tensors = {
      k.removeprefix("weights."): v for k, v in golden.items()
      if k.startswith("weights.")}
  return zoo.unflatten(weights.to_ours(tensors, weight_tables.weight_map(CONFIG)))


def _call(graph, method, params, x):
  """One compiled program: op by op, compiling takes three times as long."""
  return jax.jit(
      lambda p, x: getattr(nnx.merge(nnx.graphdef(graph), p), method)(x))(params, x)


def _error(ours, expected):
  ours = np.asarray(ours, np.float32)
  return np.linalg.norm(ours - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("height, width", SIZES)
def test_equals_the_reference(golden, graph, params, height, width):
  case = f"{height}x{width}"
  latents = _call(graph, "encode", params, golden[f"{case}.rgb"])
  expected = golden[f"{case}.latents"].transpose(0, 2, 3, 1)
  assert _error(latents, expected) <= 2e-5
  rgb = _call(graph, "decode", params, expected)
  assert _error(rgb, golden[f"{case}.decoded"]) <= 2e-5


def test_bfloat16_is_as_near_to_float32_as_the_reference_is(golden, graph, params):
  case = "{}x{}".format(*SIZES[0])
  half = jax.tree.map(
      lambda a: a.astype(ml_dtypes.bfloat16) if a.dtype == np.float32 else a, params)
  rgb = golden[f"{case}.rgb"].astype(ml_dtypes.bfloat16)
  latents = _call(graph, "encode", half, rgb)
  assert latents.dtype == jnp.bfloat16
  expected = golden[f"{case}.latents"].transpose(0, 2, 3, 1)
  reference = golden[f"{case}.latents.bf16"].transpose(0, 2, 3, 1)
  assert _error(latents, expected) <= 1.5 * _error(reference, expected)
