"""Makes the golden files from the PyTorch reference: `make goldens` runs this.

Needs the `goldens` extra (torch, diffusers); the tests that read the files do not.
With --check nothing is written: the files are made anew and compared.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import types

import diffusers
import numpy as np
import safetensors.numpy
import tokenizers
import torch
import transformers
from diffusers.pipelines.flux2 import pipeline_flux2_klein
from transformers.models.qwen2 import tokenization_qwen2

import make_klein  # Beside this file.

HERE = pathlib.Path(__file__).parent
SIZES = dict(
    patch_size=1, in_channels=12, num_layers=2, num_single_layers=3,
    attention_head_dim=16, num_attention_heads=2, joint_attention_dim=20,
    timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4), rope_theta=2000,
    guidance_embeds=False)

TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + "
    "message.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}{%- endif %}")


def flux2() -> dict[str, np.ndarray]:
  """A tiny random transformer: its weights, inputs, and outputs.

  'plain' is text and a 3x4 target; 'references' adds a 3x4 and a 2x2 reference.
  """
  torch.manual_seed(0)
  model = diffusers.Flux2Transformer2DModel(**SIZES).eval()
  out = {f"weights.{k}": v.numpy() for k, v in model.state_dict().items()}
  prepare = diffusers.Flux2KleinPipeline
  text = torch.randn(2, 7, SIZES["joint_attention_dim"])
  level = torch.tensor([0.9, 0.25])
  target_ids = prepare._prepare_latent_ids(torch.zeros(2, 12, 3, 4))
  reference_ids = prepare._prepare_image_ids(
      [torch.zeros(1, 12, 3, 4), torch.zeros(1, 12, 2, 2)])
  cases = {
      "plain": (torch.randn(2, 12, 12), target_ids),
      "references": (
          torch.randn(2, 28, 12),
          torch.cat([target_ids, reference_ids.expand(2, -1, -1)], 1))}
  out |= {"text": text.numpy(), "level": level.numpy()}
  for name, (image, ids) in cases.items():
    with torch.no_grad():
      sample = model(
          hidden_states=image, encoder_hidden_states=text, timestep=level,
          img_ids=ids, txt_ids=prepare._prepare_text_ids(text), guidance=None).sample
    out |= {f"{name}.image": image.numpy(), f"{name}.out": sample.numpy(),
            f"{name}.ids": ids[0].numpy().astype(np.int32)}
  return {k: np.ascontiguousarray(v) for k, v in out.items()}


def qwen3() -> dict[str, np.ndarray]:
  """A tiny random text encoder: weights, padded ids, and the states klein reads.

  Norm weights are random too, or swapping two of them would not be seen.
  'rope' holds cosines and sines of three positions at the full head dimension.
  """
  torch.manual_seed(1)
  sizes = dict(
      vocab_size=48, hidden_size=32, intermediate_size=40, num_attention_heads=4,
      num_key_value_heads=2, head_dim=16, num_hidden_layers=5, rope_theta=1e6,
      tie_word_embeddings=True)
  model = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**sizes)).eval()
  with torch.no_grad():
    for name, p in model.named_parameters():
      scale = 1 if "embed" in name else p.shape[-1] ** -0.5
      p.copy_(torch.randn_like(p) * scale if p.ndim == 2 else torch.rand_like(p) + 0.5)
  out = {f"weights.{k}": v.numpy().copy() for k, v in model.state_dict().items()
         if k != "lm_head.weight"}  # Tied, and absent from stored models.
  mask = (torch.arange(14) < torch.tensor([14, 9, 1])[:, None]).long()
  ids = torch.where(mask == 1, torch.randint(0, 47, mask.shape), 47)

  def states() -> torch.Tensor:
    with torch.no_grad():
      hidden = model(
          input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    return torch.cat([hidden[i] for i in (1, 2, 4)], -1).float()

  rotary = transformers.models.qwen3.modeling_qwen3.Qwen3RotaryEmbedding(
      transformers.Qwen3Config(head_dim=128, rope_theta=1e6))
  rope = rotary(torch.zeros(1), torch.tensor([[0, 77, 511]]))
  out |= {
      "ids": ids.numpy().astype(np.int32), "mask": mask.numpy().astype(bool),
      "out": states().numpy(), "rope": torch.cat(rope).numpy()}
  model.bfloat16()
  out["out.bf16"] = states().numpy()
  return out


def tokenizer() -> tokenizers.Tokenizer:
  """A tiny tokenizer of Qwen's make."""
  core = tokenizers.Tokenizer(tokenizers.models.BPE())
  core.normalizer = tokenizers.normalizers.NFC()
  pre = tokenizers.pre_tokenizers
  core.pre_tokenizer = pre.Sequence([
      pre.Split(
          tokenizers.Regex(tokenization_qwen2.PRETOKENIZE_REGEX), "isolated"),
      pre.ByteLevel(add_prefix_space=False, use_regex=False)])
  core.decoder = tokenizers.decoders.ByteLevel()
  core.train_from_iterator(
      ["turn this image into a depth map", "surface normals of the scene"],
      tokenizers.trainers.BpeTrainer(
          vocab_size=300, initial_alphabet=sorted(pre.ByteLevel.alphabet()),
          show_progress=False))
  # Special and not, as in Qwen3's own file.
  for special, names in ((True, ("<|endoftext|>", "<|im_start|>", "<|im_end|>")),
                         (False, ("<think>", "</think>"))):
    core.add_tokens([
        tokenizers.AddedToken(n, special=special, normalized=False) for n in names])
  return core


def tokens() -> dict[str, np.ndarray]:
  """The tiny tokenizer, prompts, and the ids klein's pipeline makes.

  'tokenizer' and 'prompts' are the bytes of a tokenizer.json and of a JSON list.
  """
  core = tokenizer()
  prompts = [
      "", "turn this image into a depth map", "I'll see 12 345\n\n  trees ",
      "a café ☕ 深度图 🍌", "cafe\u0301", "\t tabs\r\nand\u00a0spaces  ",
      "stop<|im_end|>\n<|im_start|>user\n<|endoftext|> <think>",
      "surface normals of the scene, " * 90]

  class Recorder(torch.nn.Module):
    """Stands for the text encoder and keeps what it is given."""
    dtype, device = torch.float32, torch.device("cpu")

    def forward(self, input_ids, attention_mask, **kwargs):
      self.ids, self.mask = input_ids, attention_mask
      state = torch.zeros(*input_ids.shape, 1)
      return types.SimpleNamespace(hidden_states=[state] * 28)

  recorder = Recorder()
  with tempfile.TemporaryDirectory() as folder:
    core.save(f"{folder}/tokenizer.json")
    reference = transformers.Qwen2TokenizerFast.from_pretrained(
        folder, chat_template=TEMPLATE, pad_token="<|endoftext|>",
        eos_token="<|im_end|>")
  diffusers.Flux2KleinPipeline._get_qwen3_prompt_embeds(recorder, reference, prompts)
  return {
      "tokenizer": np.frombuffer(core.to_str().encode(), np.uint8),
      "prompts": np.frombuffer(json.dumps(prompts).encode(), np.uint8),
      "ids": recorder.ids.numpy().astype(np.int32),
      "mask": recorder.mask.numpy().astype(bool)}


def schedule() -> dict[str, np.ndarray]:
  """mu and sigmas at several numbers of target tokens and steps: 'L.n'."""
  scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
      shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential")
  out = {}
  for count in (16, 1024, 2304, 4096, 4300, 4301, 16384):
    for steps in (1, 4, 10, 50):
      mu = pipeline_flux2_klein.compute_empirical_mu(count, steps)
      scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
      out[f"mu.{count}.{steps}"] = np.array(mu)
      out[f"sigmas.{count}.{steps}"] = scheduler.sigmas.numpy().copy()
  return out


def vae() -> dict[str, np.ndarray]:
  """A tiny random autoencoder, and what klein's pipeline makes with it.

  Two sizes, an odd number of latents along one side each. Pictures are NHWC in
  0..1, latents NCHW as in the reference.
  """
  torch.manual_seed(0)
  model = diffusers.AutoencoderKLFlux2(
      block_out_channels=(8, 12, 16, 16), layers_per_block=1, latent_channels=3,
      norm_num_groups=4).eval()
  with torch.no_grad():
    for parameter in model.parameters():
      if parameter.ndim == 1:  # Scales are ones and many biases zeros otherwise.
        parameter.add_(0.3 * torch.randn_like(parameter))
    model.bn.running_mean.copy_(torch.randn(12))
    model.bn.running_var.copy_(torch.rand(12) * 0.1 + 0.001)
    model.bn.num_batches_tracked.fill_(7)
  out = {f"weights.{k}": v.numpy().copy() for k, v in model.state_dict().items()}
  pipeline = diffusers.Flux2KleinPipeline

  @torch.no_grad()
  def encode(model, rgb: torch.Tensor) -> torch.Tensor:
    part = types.SimpleNamespace(
        vae=model, _patchify_latents=pipeline._patchify_latents)
    return pipeline._encode_vae_image(part, rgb * 2 - 1, generator=None)

  std = torch.sqrt(model.bn.running_var + model.config.batch_norm_eps)
  for height, width in ((16, 48), (80, 32)):
    rgb = torch.rand(2, height, width, 3)
    latents = encode(model, rgb.permute(0, 3, 1, 2))
    with torch.no_grad():
      decoded = model.decode(pipeline._unpatchify_latents(
          latents * std[:, None, None] + model.bn.running_mean[:, None, None])).sample
    out |= {f"{height}x{width}.rgb": rgb.numpy(),
            f"{height}x{width}.latents": latents.numpy(),
            f"{height}x{width}.decoded": (decoded * 0.5 + 0.5).permute(
                0, 2, 3, 1).numpy()}
  first = torch.from_numpy(out["16x48.rgb"]).permute(0, 3, 1, 2)
  out["16x48.latents.bf16"] = encode(
      model.bfloat16(), first.bfloat16()).float().numpy()
  return {k: np.array(v, order="C") for k, v in out.items()}


def _tolerance(key: str) -> float:
  """Absolute; processors sum products of bfloat16 in different ways."""
  return 0.1 if key.endswith(".bf16") else 1e-5


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--check", action="store_true")
  check = parser.parse_args().check
  bad = 0
  folder = HERE / "klein"
  if not check:
    with tempfile.TemporaryDirectory() as made:
      tokenizer().save(f"{made}/tokenizer.json")
      make_klein.folder(folder, f"{made}/tokenizer.json", TEMPLATE)
      make_klein.lora_file(folder, HERE / "klein_lora_file.safetensors")
  makers = {
      "flux2": flux2, "qwen3": qwen3, "tokens": tokens, "schedule": schedule,
      "vae": vae, "klein": lambda: make_klein.trajectories(folder),
      "klein_lora": lambda: make_klein.lora(folder, HERE)}
  for name, make in makers.items():
    path = HERE / f"{name}.safetensors"
    tensors = make()
    if not check:
      safetensors.numpy.save_file(tensors, path)
      continue
    stored = safetensors.numpy.load_file(path)
    same = stored.keys() == tensors.keys() and all(
        np.allclose(stored[k], v, rtol=1e-4, atol=_tolerance(k))
        for k, v in tensors.items())
    print(f"{name}: {'as stored' if same else 'DIFFERS from the stored file'}")
    bad += not same
  return bad


if __name__ == "__main__":
  sys.exit(main())
