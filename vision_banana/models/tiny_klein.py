"""A klein of random weights, small enough for a laptop: its paths without its weights.

Loading, adapters, training and export of FLUX.2 [klein] can be tried on it before
sixteen gigabytes are downloaded. What it paints is noise.
"""

import json
import os

import jax
import numpy as np
import tokenizers
from flax import nnx

from vision_banana import folders
from vision_banana.models import klein_folder, qwen3_text, safetensors_io, weights, zoo
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.weight_tables import weight_map

CONFIG = zoo.ModelConfig(
    flux2=Flux2Config(
        in_channels=12, text_dim=48, num_double=1, num_single=2, num_heads=2,
        rope_axes=(4, 4, 4, 4), timestep_channels=32),
    # The hidden state after the 27th layer is read, so there must be one more.
    text=Qwen3Config(
        vocab_size=320, width=16, mlp_width=24, num_layers=28, num_heads=2,
        num_kv_heads=1, head_dim=8),
    autoencoder=AutoencoderConfig(
        stage_channels=(8, 12, 16, 16), layers_per_stage=1, latent_channels=3,
        norm_groups=4),
    any_size=True)
_LIBRARY = {
    "transformer": ("diffusers", "Flux2Transformer2DModel"),
    "vae": ("diffusers", "AutoencoderKLFlux2"),
    "text_encoder": ("transformers", "Qwen3ForCausalLM"),
    "tokenizer": ("transformers", "Qwen2Tokenizer"),
    "scheduler": ("diffusers", "FlowMatchEulerDiscreteScheduler")}


def write(folder: str, seed: int = 0) -> None:
  """Writes a diffusers folder of the layout of FLUX.2 [klein] base.

  Args:
    folder: destination; must not exist, and appears when it is whole.
    seed: of the weights.

  Raises:
    UserError: the folder exists or cannot be written.
  """
  params = _random(seed)
  with folders.whole(folder, replace=False) as made:
    _json(made, klein_folder.INDEX, {
        "_class_name": "Flux2KleinPipeline", "is_distilled": False, **_LIBRARY})
    _json(made, "scheduler/scheduler_config.json", {
        "_class_name": _LIBRARY["scheduler"][1], "num_train_timesteps": 1000,
        "shift": 3.0, "use_dynamic_shifting": True,
        "time_shift_type": "exponential", "base_shift": 0.5, "max_shift": 1.15,
        "base_image_seq_len": 256, "max_image_seq_len": 4096})
    os.mkdir(os.path.join(made, "tokenizer"))
    _tokenizer().save(os.path.join(made, "tokenizer", "tokenizer.json"))
    _json(made, "tokenizer/tokenizer_config.json", {
        "tokenizer_class": "Qwen2Tokenizer", "pad_token": qwen3_text.PAD,
        "eos_token": "<|im_end|>"})
    for part, (name, _) in klein_folder.PARTS.items():
      _json(made, f"{name}/config.json", _sizes(name))
      stem = "model" if part == "text" else "diffusion_pytorch_model"
      tensors = _published(zoo.flatten(params[part]), getattr(CONFIG, part))
      safetensors_io.write_file(
          os.path.join(made, name, f"{stem}.safetensors"),
          {k: (v.shape, v.dtype) for k, v in tensors.items()}, tensors.__getitem__)


def _random(seed: int) -> zoo.Params:
  """Fresh weights, but none of the zeros that training starts some matrices from.

  With them nothing would depend on the prompt, and adapters had no gradient.
  """
  flat = zoo.flatten(nnx.to_pure_dict(nnx.state(zoo.Network(CONFIG, nnx.Rngs(seed)))))
  for i, (path, value) in enumerate(flat.items()):
    if path.endswith("/kernel") and not value.any():
      key = jax.random.fold_in(jax.random.key(seed), i)
      flat[path] = jax.random.normal(key, value.shape) * value.shape[-2] ** -0.5
  return zoo.unflatten(flat)


def _json(folder: str, name: str, content: dict) -> None:
  path = os.path.join(folder, name)
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with open(path, "w", encoding="utf-8") as f:
    f.write(json.dumps(content, indent=2) + "\n")


def _sizes(name: str) -> dict:
  """config.json of a component, in the words of its library."""
  flux2, text, vae = CONFIG.flux2, CONFIG.text, CONFIG.autoencoder
  stages = len(vae.stage_channels)
  library, kind = _LIBRARY[name]
  named = {"_class_name": kind} if library == "diffusers" else {"architectures": [kind]}
  return named | {
      "transformer": {
          "patch_size": 1, "in_channels": flux2.in_channels,
          "num_layers": flux2.num_double, "num_single_layers": flux2.num_single,
          "attention_head_dim": flux2.head_dim, "num_attention_heads": flux2.num_heads,
          "joint_attention_dim": flux2.text_dim,
          "timestep_guidance_channels": flux2.timestep_channels,
          "mlp_ratio": flux2.mlp_ratio, "axes_dims_rope": flux2.rope_axes,
          "rope_theta": flux2.rope_theta, "eps": flux2.eps, "guidance_embeds": False},
      "vae": {
          "block_out_channels": vae.stage_channels,
          "layers_per_block": vae.layers_per_stage,
          "latent_channels": vae.latent_channels, "norm_num_groups": vae.norm_groups,
          "batch_norm_eps": vae.batch_norm_eps,
          "down_block_types": ["DownEncoderBlock2D"] * stages,
          "up_block_types": ["UpDecoderBlock2D"] * stages},
      "text_encoder": {
          "model_type": "qwen3", "vocab_size": text.vocab_size,
          "hidden_size": text.width, "intermediate_size": text.mlp_width,
          "num_hidden_layers": text.num_layers, "num_attention_heads": text.num_heads,
          "num_key_value_heads": text.num_kv_heads, "head_dim": text.head_dim,
          "rms_norm_eps": text.eps, "rope_theta": text.rope_theta,
          "tie_word_embeddings": True},
  }[name]


def _published(params: dict[str, jax.Array], config) -> dict[str, np.ndarray]:
  """All tensors of a published component, those that we never read included."""
  wanted = weight_map(config)
  tensors = weights.to_reference(params, wanted)
  for key in sorted(wanted.ignored - {"lm_head.weight"}):  # Tied to the embedding.
    *_, last = key.rsplit("layers.", 1)
    alike = f"model.layers.0.{last.split('.', 1)[1]}" if "layers." in key else (
        "model.layers.0.input_layernorm.weight")
    tensors[key] = tensors[alike]
  return tensors


def _tokenizer() -> tokenizers.Tokenizer:
  """Reads bytes, and knows the special tokens of Qwen's template."""
  alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
  made = tokenizers.Tokenizer(tokenizers.models.BPE(
      vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
  made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
  made.decoder = tokenizers.decoders.ByteLevel()
  made.add_special_tokens(list(qwen3_text.SPECIAL))
  return made
