import json

import pytest

from vision_banana.errors import UserError
from vision_banana.models import reference_configs
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config

# As diffusers 0.42.1 and transformers 5.23.0 write them.
KLEIN = {
    "_class_name": "Flux2Transformer2DModel", "_diffusers_version": "0.42.1",
    "attention_head_dim": 128, "axes_dims_rope": [32, 32, 32, 32], "eps": 1e-06,
    "guidance_embeds": False, "in_channels": 128, "joint_attention_dim": 7680,
    "mlp_ratio": 3.0, "num_attention_heads": 24, "num_layers": 5,
    "num_single_layers": 20, "out_channels": None, "patch_size": 1,
    "rope_theta": 2000, "timestep_guidance_channels": 256}
VAE = {
    "_class_name": "AutoencoderKLFlux2", "_diffusers_version": "0.42.1",
    "act_fn": "silu", "batch_norm_eps": 0.0001, "batch_norm_momentum": 0.1,
    "block_out_channels": [128, 256, 512, 512], "decoder_block_out_channels": None,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
    "latent_channels": 32, "layers_per_block": 2, "mid_block_add_attention": True,
    "norm_num_groups": 32, "out_channels": 3, "patch_size": [2, 2],
    "sample_size": 1024, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "use_post_quant_conv": True, "use_quant_conv": True}
QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"], "attention_bias": False,
    "attention_dropout": 0.0, "bos_token_id": 151643, "dtype": "bfloat16",
    "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
    "hidden_size": 2560, "initializer_range": 0.02, "intermediate_size": 9728,
    "layer_types": ["full_attention"] * 36, "max_position_embeddings": 40960,
    "max_window_layers": 36, "model_type": "qwen3", "num_attention_heads": 32,
    "num_hidden_layers": 36, "num_key_value_heads": 8, "pad_token_id": None,
    "rms_norm_eps": 1e-06,
    "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
    "sliding_window": None, "tie_word_embeddings": True,
    "transformers_version": "5.23.0", "use_cache": True,
    "use_sliding_window": False, "vocab_size": 151936}
CASES = {
    Flux2Config: (reference_configs.flux2_config, KLEIN),
    AutoencoderConfig: (reference_configs.autoencoder_config, VAE),
    Qwen3Config: (reference_configs.qwen3_config, QWEN3)}


@pytest.mark.parametrize("kind", CASES)
def test_klein_4b(kind, tmp_path):
  read, config = CASES[kind]
  assert read(config) == kind()
  (tmp_path / "config.json").write_text(json.dumps(config))
  assert reference_configs.read_config(kind, str(tmp_path)) == kind()


def test_every_size_is_read():
  assert reference_configs.flux2_config(KLEIN | {
      "attention_head_dim": 20, "axes_dims_rope": [2, 4, 6, 8], "eps": 1e-5,
      "in_channels": 64, "out_channels": 64, "joint_attention_dim": 99,
      "mlp_ratio": 4, "num_attention_heads": 3, "num_layers": 7,
      "num_single_layers": 9, "rope_theta": 10.5, "timestep_guidance_channels": 32,
  }) == Flux2Config(64, 99, 7, 9, 3, (2, 4, 6, 8), 10.5, 4.0, 32, 1e-5)
  assert reference_configs.autoencoder_config(VAE | {
      "block_out_channels": [8, 16], "layers_per_block": 3, "latent_channels": 5,
      "norm_num_groups": 4, "batch_norm_eps": 0.1, "sample_size": 3,
      "down_block_types": ["DownEncoderBlock2D"] * 2,
      "up_block_types": ["UpDecoderBlock2D"] * 2,
  }) == AutoencoderConfig((8, 16), 3, 5, 4, 0.1)
  config = QWEN3 | {
      "vocab_size": 7, "hidden_size": 8, "intermediate_size": 9,
      "num_hidden_layers": 5, "layer_types": None, "num_attention_heads": 6,
      "num_key_value_heads": 3, "head_dim": 4, "rms_norm_eps": 1e-3,
      "rope_parameters": {"rope_theta": 11.0}}
  wanted = Qwen3Config(7, 8, 9, 5, 6, 3, 4, 11.0, 1e-3, (1, 4))
  assert reference_configs.qwen3_config(config, taps=(1, 4)) == wanted
  # As transformers 4 writes it.
  del config["rope_parameters"], config["layer_types"]
  config |= {"rope_theta": 11, "rope_scaling": None, "torch_dtype": "bfloat16"}
  assert reference_configs.qwen3_config(config, taps=(1, 4)) == wanted


def test_absent_keys_have_the_defaults_of_the_reference():
  assert reference_configs.autoencoder_config({}) == AutoencoderConfig()
  sizes = reference_configs.flux2_config({"guidance_embeds": False})
  assert (sizes.num_double, sizes.num_single, sizes.text_dim) == (8, 48, 15360)


@pytest.mark.parametrize("kind, change, message", [
    (Flux2Config, {"guidance_embeds": True}, "guidance_embeds is True, not False"),
    (Flux2Config, {"patch_size": 2}, "patch_size is 2, not 1"),
    (Flux2Config, {"out_channels": 64}, "out_channels is 64, not None or 128"),
    (Flux2Config, {"quantization_config": {}}, "quantization_config is not known"),
    (Flux2Config, {"_class_name": "FluxTransformer2DModel"},
     "describes FluxTransformer2DModel, not Flux2Transformer2DModel"),
    (Flux2Config, {"axes_dims_rope": [32, 32]}, "four numbers that sum to"),
    (Flux2Config, {"attention_head_dim": 64}, "attention_head_dim 64"),
    (Flux2Config, {"axes_dims_rope": [33, 31, 32, 32]}, "must be even"),
    (Flux2Config, {"axes_dims_rope": 3}, "axes_dims_rope is 3, not a list of"),
    (Flux2Config, {"axes_dims_rope": []}, r"axes_dims_rope is \[\], not a list of"),
    (Flux2Config, {"num_layers": 10**9}, "num_layers is 1000000000, not a number in"),
    (Flux2Config, {"num_layers": 0}, "num_layers is 0"),
    (Flux2Config, {"num_layers": True}, "num_layers is True"),
    (Flux2Config, {"num_layers": "5"}, "num_layers is '5'"),
    (Flux2Config, {"num_layers": 5.0}, "num_layers is 5.0"),
    (Flux2Config, {"in_channels": None}, "in_channels is None"),
    (Flux2Config, {"eps": float("nan")}, "eps is nan, not a positive number"),
    (Flux2Config, {"num_layers": -1, "patch_size": 2},
     r"json: not supported: num_layers is -1, not .*; patch_size is 2, not 1\.$"),
    (AutoencoderConfig, {"use_quant_conv": False}, "use_quant_conv is False"),
    (AutoencoderConfig, {"down_block_types": ["AttnDownBlock2D"] * 4},
     "down_block_types"),
    (AutoencoderConfig, {"decoder_block_out_channels": [96, 192, 384, 384]},
     "decoder_block_out_channels"),
    (AutoencoderConfig, {"norm_num_groups": 48}, "multiples of norm_groups=48"),
    (AutoencoderConfig, {"block_out_channels": 5}, "block_out_channels is 5"),
    (AutoencoderConfig, {"scaling_factor": 0.3}, "scaling_factor is not known"),
    (Qwen3Config, {"attention_bias": True}, "attention_bias is True, not False"),
    (Qwen3Config, {"architectures": ["Mistral3"]}, "describes .*Mistral3"),
    (Qwen3Config, {"architectures": 3}, "describes 3, not Qwen3ForCausalLM"),
    (Qwen3Config, {"model_type": "llama"}, "model_type is 'llama', not 'qwen3'"),
    (Qwen3Config, {"rope_parameters": {"rope_theta": 1e6, "rope_type": "yarn"}},
     "rope_parameters .*yarn.* is not supported"),
    (Qwen3Config, {"rope_parameters": [1]}, "rope_parameters"),
    (Qwen3Config, {"rope_scaling": {"factor": 2}}, "rope_scaling"),
    (Qwen3Config, {"layer_types": ["sliding_attention"] * 36}, "layer_types"),
    (Qwen3Config, {"num_hidden_layers": "x"}, "num_hidden_layers is 'x'"),
    (Qwen3Config, {"num_hidden_layers": 20, "layer_types": None}, "taps must ascend"),
    (Qwen3Config, {"num_key_value_heads": 5}, "must be a multiple of num_kv_heads"),
])
def test_what_is_not_supported_is_named(kind, change, message):
  read, config = CASES[kind]
  with pytest.raises(UserError, match=message) as e:
    read(config | change)
  assert str(e.value).startswith("config.json: ") and "\n" not in str(e.value)


def test_no_config(tmp_path):
  with pytest.raises(UserError, match="config.json: no such file"):
    reference_configs.read_config(Flux2Config, str(tmp_path))
