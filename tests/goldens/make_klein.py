"""A tiny random klein as diffusers saves it, and what its pipeline paints.

`folder` writes the folder (committed as goldens/klein), `trajectories` runs it.
"""

import pathlib

import diffusers
import numpy as np
import peft
import torch
import transformers
from PIL import Image

PROMPT = "turn this image into a depth map"
SIZE = (64, 96)  # Height, width.
REFERENCES = ((64, 64), (64, 128))


def folder(out: pathlib.Path, tokenizer_file: str, template: str) -> None:
  """Saves the pipeline, distilled: false, to `out`."""
  torch.manual_seed(5)
  width = 16
  text = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
      vocab_size=320, hidden_size=width, intermediate_size=24, num_attention_heads=2,
      num_key_value_heads=1, head_dim=8, num_hidden_layers=28, rope_theta=1e6,
      tie_word_embeddings=True))
  with torch.no_grad():
    for name, p in text.named_parameters():
      scale = 1 if "embed" in name else p.shape[-1] ** -0.5
      p.copy_(torch.randn_like(p) * scale if p.ndim == 2 else torch.rand_like(p) + 0.5)
  vae = diffusers.AutoencoderKLFlux2(
      block_out_channels=(8, 12, 16, 16), layers_per_block=1, latent_channels=3,
      norm_num_groups=4)
  with torch.no_grad():
    for p in vae.parameters():
      if p.ndim == 1:
        p.add_(0.3 * torch.randn_like(p))
    vae.bn.running_mean.copy_(torch.randn(12))
    vae.bn.running_var.copy_(torch.rand(12) * 0.1 + 0.001)
    # Pictures stay inside 0..1, where nothing is clipped.
    vae.decoder.conv_out.weight.mul_(0.2)
    vae.decoder.conv_out.bias.mul_(0.2)
  transformer = diffusers.Flux2Transformer2DModel(
      patch_size=1, in_channels=12, num_layers=2, num_single_layers=3,
      attention_head_dim=16, num_attention_heads=2, joint_attention_dim=3 * width,
      timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4), rope_theta=2000,
      guidance_embeds=False)
  with torch.no_grad():  # What comes out shall depend on all that goes in.
    for p in transformer.parameters():
      if p.ndim == 2:
        p.copy_(torch.randn_like(p) * 1.2 * p.shape[-1] ** -0.5)
  pipeline = diffusers.Flux2KleinPipeline(
      scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
          shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"),
      vae=vae.eval(), text_encoder=text.eval(), transformer=transformer.eval(),
      tokenizer=transformers.Qwen2TokenizerFast(
          tokenizer_file=tokenizer_file, chat_template=template,
          pad_token="<|endoftext|>", eos_token="<|im_end|>"),
      is_distilled=False)
  pipeline.save_pretrained(out)


def pictures() -> list[np.ndarray]:
  """The references, uint8 [H, W, 3]."""
  rng = np.random.default_rng(3)
  return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in REFERENCES]


def paint(
    path: pathlib.Path, noise: np.ndarray, *, distilled: bool, edit: bool, steps: int,
    dtype: torch.dtype = torch.float32,
) -> np.ndarray:
  """What the reference paints with the folder: float32 [H, W, 3]."""
  pipeline = diffusers.Flux2KleinPipeline.from_pretrained(path, torch_dtype=dtype)
  pipeline.register_to_config(is_distilled=distilled)
  pipeline.set_progress_bar_config(disable=True)
  images = [Image.fromarray(p) for p in pictures()] if edit else None
  made = pipeline(
      prompt=PROMPT, image=images, height=SIZE[0], width=SIZE[1], guidance_scale=4.0,
      num_inference_steps=steps, latents=torch.from_numpy(noise), output_type="np")
  return np.array(made.images[0], np.float32, order="C")


def trajectories(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Noise [1, C, h, w] and pictures: '{base,distilled}.{generate,edit}'."""
  torch.manual_seed(6)
  noise = torch.randn(1, 12, SIZE[0] // 16, SIZE[1] // 16).numpy()
  out = {"noise": noise}
  for kind, steps in (("base", 5), ("distilled", 4)):
    for what in ("generate", "edit"):
      out[f"{kind}.{what}"] = paint(
          path, noise, distilled=kind == "distilled", edit=what == "edit", steps=steps)
  out["base.edit.bf16"] = paint(
      path, noise, distilled=False, edit=True, steps=5, dtype=torch.bfloat16)
  return out


def _inputs() -> dict[str, torch.Tensor]:
  torch.manual_seed(8)
  prepare = diffusers.Flux2KleinPipeline
  text = torch.randn(1, 7, 48)
  return {
      "hidden_states": torch.randn(1, 12, 12), "encoder_hidden_states": text,
      "timestep": torch.tensor([0.7]),
      "img_ids": prepare._prepare_latent_ids(torch.zeros(1, 12, 3, 4)),
      "txt_ids": prepare._prepare_text_ids(text)}


def lora_file(path: pathlib.Path, out: pathlib.Path) -> None:
  """Saves a random adapter of two ranks to the file `out`, by diffusers."""
  torch.manual_seed(7)
  pipeline = diffusers.Flux2KleinPipeline.from_pretrained(path)
  pipeline.transformer.add_adapter(peft.LoraConfig(
      r=3, lora_alpha=6, rank_pattern={"to_qkv_mlp_proj": 2},
      alpha_pattern={"to_qkv_mlp_proj": 1},
      target_modules=["to_q", "to_v", "to_out.0", "add_k_proj", "linear_in",
                      "to_qkv_mlp_proj", "proj_out"]))
  with torch.no_grad():
    for name, p in pipeline.transformer.named_parameters():
      if "lora_" in name:
        p.copy_(torch.randn_like(p) * p.shape[-1] ** -0.5)
  config = pipeline.transformer.peft_config["default"].to_dict()
  pipeline.save_lora_weights(
      out.parent, weight_name=out.name,
      transformer_lora_layers=peft.get_peft_model_state_dict(pipeline.transformer),
      transformer_lora_adapter_metadata={
          k: config[k] for k in ("r", "lora_alpha", "rank_pattern", "alpha_pattern",
                                 "target_modules")})


def lora(path: pathlib.Path, files: pathlib.Path) -> dict[str, np.ndarray]:
  """What the transformer gives without an adapter, with one, and with ours.

  'klein_lora_ours.safetensors' is what `vision_banana.models.lora_file.write` makes of
  'klein_lora_file.safetensors' (a test holds it to that): diffusers must read it.
  """
  inputs = _inputs()
  out = {k: v.numpy() for k, v in inputs.items() if not k.endswith("ids")}
  for key, name in (("plain", None), ("adapted", "klein_lora_file.safetensors"),
                    ("adapted.ours", "klein_lora_ours.safetensors")):
    pipeline = diffusers.Flux2KleinPipeline.from_pretrained(path)
    if name:
      pipeline.load_lora_weights(files, weight_name=name)
    with torch.no_grad():
      out[key] = pipeline.transformer(**inputs, guidance=None).sample.numpy()
  return {k: np.array(v, order="C") for k, v in out.items()}
