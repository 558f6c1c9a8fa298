"""The three published networks in tiny, with random weights under published names."""

import numpy as np

from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.weight_tables import weight_map

CONFIGS = {
    "transformer": Flux2Config(
        in_channels=12, text_dim=20, num_double=2, num_single=3, num_heads=2,
        rope_axes=(4, 4, 4, 4), timestep_channels=32),
    "vae": AutoencoderConfig(
        stage_channels=(8, 16), layers_per_stage=1, latent_channels=4, norm_groups=4),
    "text_encoder": Qwen3Config(
        vocab_size=40, width=12, mlp_width=10, num_layers=4, num_heads=4,
        num_kv_heads=2, head_dim=6, taps=(1, 2)),
}
LATER = "model.layers.{}.input_layernorm.weight"


def published(name: str, dtype=np.float32, *, single_file=False) -> dict:
  """Random tensors of a whole published component."""
  rng = np.random.default_rng(0)
  wanted = weight_map(CONFIGS[name], single_file=single_file)
  tensors = {
      key: rng.standard_normal(shape).astype(dtype)
      for key, shape in wanted.stored_shapes.items()}
  if name == "vae":
    tensors["bn.num_batches_tracked"] = np.array(7, np.int64)
  if name == "text_encoder":
    tensors["model.norm.weight"] = rng.standard_normal(12).astype(dtype)
    tensors |= {LATER.format(i): rng.standard_normal(12).astype(dtype) for i in (2, 3)}
  return tensors
