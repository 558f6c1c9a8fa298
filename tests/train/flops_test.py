"""Counted operations against XLA's own count, on models without loops."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from vision_banana.models import flux2, lora, qwen3, text, zoo
from vision_banana.models.autoencoder import Autoencoder, AutoencoderConfig
from vision_banana.train import flops

FLUX2 = flux2.Flux2Config(
    in_channels=64, text_dim=256, num_double=1, num_single=2, num_heads=4,
    rope_axes=(16, 16, 16, 16), timestep_channels=64, unroll=2)


def counted(function, *inputs):
  """Operations of a jitted function as XLA counts them."""
  return jax.jit(function).lower(*inputs).compile().cost_analysis()["flops"]


def abstract(make):
  """(graph, abstract parameters) of a module."""
  return nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))


@pytest.fixture(scope="module")
def transformer():
  graph, params = abstract(lambda r: flux2.Flux2(FLUX2, r))
  image = jax.ShapeDtypeStruct((2, 192, 64), jnp.float32)
  words = jax.ShapeDtypeStruct((2, 64, 256), jnp.float32)
  level = jax.ShapeDtypeStruct((2,), jnp.float32)
  ids = flux2.grid_ids(16, 12, 0), flux2.text_ids(64)

  def run(params, image, words, level):
    return nnx.merge(graph, params)(image, words, level, *ids).sum()
  return run, (params, image, words, level)


def test_transformer_forward(transformer):
  run, inputs = transformer
  ours = 2 * flops.transformer(FLUX2, 192, 64).forward
  assert ours == pytest.approx(counted(run, *inputs), rel=0.03)


def test_transformer_backward(transformer):
  run, inputs = transformer
  cost = flops.transformer(FLUX2, 192, 64)
  ours = 2 * (cost.forward + cost.backward)
  assert ours == pytest.approx(counted(jax.grad(run), *inputs), rel=0.03)


def test_transformer_backward_to_adapters_only(transformer):
  run, (params, *inputs) = transformer
  config = lora.LoraConfig(rank=32)
  weights = jax.eval_shape(
      lambda key: lora.init(FLUX2, config, key), jax.random.key(0))

  def gradients(weights, params, *inputs):
    flat = zoo.flatten(nnx.to_pure_dict(params))

    def total(weights):
      adapter = lora.Adapter(weights, dict.fromkeys(weights, 1.0))
      return run(zoo.unflatten(lora.attach(flat, adapter, FLUX2)), *inputs)
    return jax.grad(total)(weights)
  cost = flops.transformer(FLUX2, 192, 64)
  beside = flops.adapters(FLUX2, config, 192, 64)
  assert 0.1 * cost.forward < beside < 0.3 * cost.forward
  ours = 2 * (cost.forward + cost.backward_adapters + 3 * beside)
  # All but the first block's own inputs, which the count has and XLA leaves out.
  assert ours == pytest.approx(counted(gradients, weights, params, *inputs), rel=0.03)


@pytest.mark.parametrize("module,config", [
    (qwen3.Qwen3, qwen3.Qwen3Config(
        vocab_size=100, width=256, mlp_width=512, num_layers=2, num_heads=4,
        num_kv_heads=2, head_dim=64, taps=(1,), max_length=128)),
    (text.TextEncoder, text.TextConfig(width=256, num_layers=2, max_length=128)),
])
def test_text_encoders(module, config):
  graph, params = abstract(lambda r: module(config, r))
  ids = jax.ShapeDtypeStruct((3, 128), jnp.int32)
  mask = jax.ShapeDtypeStruct((3, 128), jnp.bool)
  run = lambda params, ids, mask: nnx.merge(graph, params)(ids, mask)
  assert 3 * flops.text_encoder(config) == pytest.approx(
      counted(run, params, ids, mask), rel=0.04)


def test_autoencoder():
  config = AutoencoderConfig(
      stage_channels=(64, 128, 128), latent_channels=16, norm_groups=16)
  graph, params = abstract(lambda r: Autoencoder(config, r))
  picture = jax.ShapeDtypeStruct((1, 64, 96, 3), jnp.float32)
  encode = lambda params, x: nnx.merge(graph, params).encode(x)
  assert flops.encoder(config, (64, 96)) == pytest.approx(
      counted(encode, params, picture), rel=0.04)
  latents = jax.ShapeDtypeStruct((1, 8, 12, 64), jnp.float32)
  decode = lambda params, x: nnx.merge(graph, params).decode(x)
  assert flops.decoder(config, (64, 96)) == pytest.approx(
      counted(decode, params, latents), rel=0.04)
