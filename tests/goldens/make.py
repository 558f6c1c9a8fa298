"""Makes the golden files from the PyTorch reference: `make goldens` runs this.

Needs the `goldens` extra (torch, diffusers); the tests that read the files do not.
With --check nothing is written: the files are made anew and compared.
"""

import argparse
import pathlib
import sys

import diffusers
import numpy as np
import safetensors.numpy
import torch

HERE = pathlib.Path(__file__).parent
SIZES = dict(
    patch_size=1, in_channels=12, num_layers=2, num_single_layers=3,
    attention_head_dim=16, num_attention_heads=2, joint_attention_dim=20,
    timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4), rope_theta=2000,
    guidance_embeds=False)


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


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--check", action="store_true")
  check = parser.parse_args().check
  bad = 0
  for name, make in {"flux2": flux2}.items():
    path = HERE / f"{name}.safetensors"
    tensors = make()
    if not check:
      safetensors.numpy.save_file(tensors, path)
      continue
    stored = safetensors.numpy.load_file(path)
    same = stored.keys() == tensors.keys() and all(
        np.allclose(stored[k], v, rtol=1e-4, atol=1e-5) for k, v in tensors.items())
    print(f"{name}: {'as stored' if same else 'DIFFERS from the stored file'}")
    bad += not same
  return bad


if __name__ == "__main__":
  sys.exit(main())
