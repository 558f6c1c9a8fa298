"""Generators small enough to train in a test, and batches for them."""

import jax
import numpy as np

from vision_banana.generators import flow
from vision_banana.models import zoo
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.text import Tokenizer

SIZE = 16

# klein in tiny: a text encoder and an autoencoder that are not trained.
KLEIN = zoo.ModelConfig(
    flux2=Flux2Config(
        in_channels=16, text_dim=32, num_double=2, num_single=2, num_heads=2,
        rope_axes=(4, 4, 4, 4), timestep_channels=16),
    text=Qwen3Config(
        vocab_size=260, width=16, mlp_width=24, num_layers=3, num_heads=4,
        num_kv_heads=2, head_dim=8, taps=(1, 2), max_length=8),
    autoencoder=AutoencoderConfig(
        stage_channels=(8, 16), layers_per_stage=1, latent_channels=4, norm_groups=4),
    image_size=SIZE)


def klein(**kwargs) -> flow.Flow:
  return flow.Flow(
      "klein", KLEIN,
      flow.FlowConfig(prediction="v", level_mean=0.0, level_floor=0.1),
      Tokenizer.bytes_only(KLEIN.text.max_length), **kwargs)


def awake(generator: flow.Flow, seed: int = 0) -> dict:
  """Fresh parameters whose output layer, zero at the start, has something to say."""
  params = generator.init(jax.random.key(seed))
  out = params["flux2"]["image_out"]["kernel"]
  params["flux2"]["image_out"]["kernel"] = 0.1 * jax.random.normal(
      jax.random.key(seed + 1), out.shape)
  return params


def batch(generator: flow.Flow, size: int) -> dict[str, np.ndarray]:
  """Random samples of every codec, with one reference each."""
  rng = np.random.default_rng(0)
  length = generator.tokenizer.max_length
  mask = np.arange(length) < rng.integers(2, length, (size, 1))
  return {
      "values": rng.random((size, 2, SIZE, SIZE, 3), np.float32),
      "labels": rng.integers(0, 4, (size, 2, SIZE, SIZE)).astype(np.int32),
      "palette": rng.random((size, 2, 8, 3), np.float32),
      "codec": np.stack([np.arange(size) % 4, np.zeros(size)], 1).astype(np.int32),
      "colormap": np.zeros((size, 2), np.int32),
      "present": np.stack([np.ones(size), np.arange(size) % 3], 1) > 0,
      "valid": rng.random((size, SIZE, SIZE)) > 0.1,
      "tokens": rng.integers(3, 250, (size, length)).astype(np.int32) * mask,
      "text_mask": mask,
      "task": (np.arange(size) % 3).astype(np.int32),
  }
