"""The sizes of a published network, from the config.json beside its weights.

What our networks cannot be is refused by name rather than computed wrongly.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from vision_banana.errors import UserError
from vision_banana.models import safetensors_io
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config

T = TypeVar("T")
# No network has more layers, heads or channels: a config.json that says so is
# damaged, and would fill the memory before the weights are looked at.
_MOST = 2**20
_MOST_LAYERS = 512


def read_config(kind: type[T], folder: str) -> T:
  """The sizes of the network in a component folder.

  Args:
    kind: Flux2Config, AutoencoderConfig or Qwen3Config: what should be there.
    folder: with a config.json.

  Raises:
    UserError: not such a network, or one that is not supported.
  """
  path = os.path.join(folder, "config.json")
  make = {Flux2Config: flux2_config, AutoencoderConfig: autoencoder_config,
          Qwen3Config: qwen3_config}[kind]
  return make(safetensors_io.read_json(path), path)


def flux2_config(config: Mapping[str, Any], where: str = "config.json") -> Flux2Config:
  """Sizes of the transformer, of a `Flux2Transformer2DModel`'s configuration.

  Args:
    config: the parsed config.json; a key it lacks has the default of diffusers.
    where: what messages call it.

  Raises:
    UserError: listing every unknown key and every value that is not supported.
  """
  c = _checked(
      config, where, "Flux2Transformer2DModel",
      sizes=dict(
          in_channels=128, num_layers=8, num_single_layers=48,
          attention_head_dim=128, num_attention_heads=48, joint_attention_dim=15360,
          timestep_guidance_channels=256, mlp_ratio=3.0,
          axes_dims_rope=[32, 32, 32, 32], rope_theta=2000.0, eps=1e-6),
      fixed=dict(
          patch_size=(1, 1), guidance_embeds=(True, False),
          out_channels=(None, None, config.get("in_channels", 128))))
  if len(c["axes_dims_rope"]) != 4 or (
      sum(c["axes_dims_rope"]) != c["attention_head_dim"]):
    raise UserError(
        f"{where}: axes_dims_rope {c['axes_dims_rope']} must be four numbers that "
        f"sum to attention_head_dim {c['attention_head_dim']}; download it again.")
  return _make(
      Flux2Config, where, in_channels=c["in_channels"],
      text_dim=c["joint_attention_dim"], num_double=c["num_layers"],
      num_single=c["num_single_layers"], num_heads=c["num_attention_heads"],
      rope_axes=tuple(c["axes_dims_rope"]), rope_theta=float(c["rope_theta"]),
      mlp_ratio=float(c["mlp_ratio"]),
      timestep_channels=c["timestep_guidance_channels"], eps=float(c["eps"]))


def autoencoder_config(
    config: Mapping[str, Any], where: str = "config.json"
) -> AutoencoderConfig:
  """Sizes of the autoencoder, of an `AutoencoderKLFlux2`'s configuration.

  Arguments and errors as for `flux2_config`.
  """
  widths = config.get("block_out_channels", [128, 256, 512, 512])
  stages = len(widths) if isinstance(widths, list) else 0
  down, up = ["DownEncoderBlock2D"], ["UpDecoderBlock2D"]
  c = _checked(
      config, where, "AutoencoderKLFlux2",
      sizes=dict(
          block_out_channels=[128, 256, 512, 512], layers_per_block=2,
          latent_channels=32, norm_num_groups=32, batch_norm_eps=1e-4),
      fixed=dict(
          in_channels=(3, 3), out_channels=(3, 3), act_fn=("silu", "silu"),
          down_block_types=(down * 4, down * stages),
          up_block_types=(up * 4, up * stages),
          decoder_block_out_channels=(None, None, widths),
          use_quant_conv=(True, True), use_post_quant_conv=(True, True),
          mid_block_add_attention=(True, True), patch_size=([2, 2], [2, 2])),
      # None of these changes what the network computes; it decodes in float32.
      unused=("sample_size", "batch_norm_momentum", "force_upcast"))
  return _make(
      AutoencoderConfig, where, stage_channels=tuple(c["block_out_channels"]),
      layers_per_stage=c["layers_per_block"], latent_channels=c["latent_channels"],
      norm_groups=c["norm_num_groups"], batch_norm_eps=float(c["batch_norm_eps"]))


def qwen3_config(
    config: Mapping[str, Any],
    where: str = "config.json",
    taps: tuple[int, ...] = Qwen3Config.taps,
) -> Qwen3Config:
  """Sizes of the text encoder, of a `Qwen3ForCausalLM`'s configuration.

  Arguments and errors as for `flux2_config`; `taps` are the hidden states read.
  """
  layers = config.get("num_hidden_layers", 32)
  full = ["full_attention"] * (layers if isinstance(layers, int) and (
      0 < layers <= _MOST_LAYERS) else 0)
  rope = config.get("rope_parameters") or {}
  if not isinstance(rope, Mapping) or rope.keys() - {"rope_theta", "rope_type"} or (
      rope.get("rope_type", "default") != "default"):
    raise UserError(
        f"{where}: rope_parameters {rope} is not supported; use rope_type "
        "'default'.")
  # transformers 5 writes the base inside rope_parameters, earlier ones beside it.
  config = {**config, **({"rope_theta": rope["rope_theta"]}
                         if "rope_theta" in rope else {})}
  c = _checked(
      config, where, "Qwen3ForCausalLM",
      sizes=dict(
          vocab_size=151936, hidden_size=4096, intermediate_size=22016,
          num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
          head_dim=128, rms_norm_eps=1e-6, rope_theta=10000.0),
      fixed=dict(
          hidden_act=("silu", "silu"), attention_bias=(False, False),
          use_sliding_window=(False, False), rope_scaling=(None, None),
          layer_types=(None, None, full), model_type=("qwen3", "qwen3")),
      # For generation of text, for training, or records of who wrote the file.
      unused=(
          "architectures", "attention_dropout", "bos_token_id", "dtype",
          "eos_token_id", "initializer_range", "max_position_embeddings",
          "max_window_layers", "pad_token_id", "rope_parameters", "sliding_window",
          "tie_word_embeddings", "torch_dtype", "transformers_version", "use_cache"))
  return _make(
      Qwen3Config, where, vocab_size=c["vocab_size"], width=c["hidden_size"],
      mlp_width=c["intermediate_size"], num_layers=c["num_hidden_layers"],
      num_heads=c["num_attention_heads"], num_kv_heads=c["num_key_value_heads"],
      head_dim=c["head_dim"], rope_theta=float(c["rope_theta"]),
      eps=float(c["rms_norm_eps"]), taps=taps)


def _checked(
    config: Mapping[str, Any],
    where: str,
    name: str,
    *,
    sizes: Mapping[str, Any],
    fixed: Mapping[str, tuple[Any, ...]],
    unused: tuple[str, ...] = (),
) -> dict[str, Any]:
  """Values of `sizes`, from the config or by default; all problems in one error.

  Args:
    config: parsed JSON.
    where: its path.
    name: class of the reference.
    sizes: defaults of the keys that are read; their types are required.
    fixed: the default, then what is supported, of keys that may not vary.
    unused: keys that may be anything.
  """
  written = config.get("_class_name", config.get("architectures", name))
  if written not in (name, [name]):
    raise UserError(f"{where}: describes {written}, not {name}; give its folder.")
  problems = []
  for key in config.keys() - sizes.keys() - fixed.keys() - set(unused):
    if not key.startswith("_"):
      problems.append(f"{key} is not known")
  for key, (default, *supported) in fixed.items():
    value = config.get(key, default)
    if value not in supported:
      wanted = " or ".join(dict.fromkeys(map(repr, supported)))
      problems.append(f"{key} is {value!r}, not {wanted}")
  values = {key: config.get(key, default) for key, default in sizes.items()}
  for key, value in values.items():
    many = isinstance(sizes[key], list)
    number = float if isinstance(sizes[key], float) else int
    most = _MOST_LAYERS if "layers" in key else _MOST
    items = (value or [None]) if isinstance(value, list) else [None]
    for item in items if many else [value]:
      whole = isinstance(item, int) and not isinstance(item, bool)
      if not (whole or number is float and isinstance(item, float)) or (
          not 0 < item <= (most if number is int else 1e9)):
        kind = "a positive number" if number is float else f"a number in 1..{most}"
        problems.append(f"{key} is {value!r}, not {'a list of ' * many}{kind}")
        break
  if problems:
    raise UserError(f"{where}: not supported: {'; '.join(sorted(problems))}.")
  return values


def _make(kind: type[T], where: str, **sizes: Any) -> T:
  try:
    return kind(**sizes)
  except ValueError as e:
    raise UserError(f"{where}: {e}") from e
