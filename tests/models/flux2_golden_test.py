"""The transformer against the PyTorch reference (files made by tests/goldens)."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from vision_banana.models import flux2, zoo

GOLDEN = pathlib.Path(__file__).parent.parent / "goldens" / "flux2.safetensors"
CONFIG = flux2.Flux2Config(
    in_channels=12, text_dim=20, num_double=2, num_single=3, num_heads=2,
    rope_axes=(4, 4, 4, 4), timestep_channels=32)
OUTER = {
    "image_in": "x_embedder", "text_in": "context_embedder",
    "time_in": "time_guidance_embed.timestep_embedder.linear_1",
    "time_out": "time_guidance_embed.timestep_embedder.linear_2",
    "image_modulation": "double_stream_modulation_img.linear",
    "text_modulation": "double_stream_modulation_txt.linear",
    "single_modulation": "single_stream_modulation.linear",
    "final_modulation": "norm_out.linear", "image_out": "proj_out"}
DOUBLE = {
    "image/qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "image/out": ("attn.to_out.0",), "image/norm/query": ("attn.norm_q",),
    "image/norm/key": ("attn.norm_k",), "image/mlp_in": ("ff.linear_in",),
    "image/mlp_out": ("ff.linear_out",),
    "text/qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "text/out": ("attn.to_add_out",), "text/norm/query": ("attn.norm_added_q",),
    "text/norm/key": ("attn.norm_added_k",), "text/mlp_in": ("ff_context.linear_in",),
    "text/mlp_out": ("ff_context.linear_out",)}
SINGLE = {
    "fused_in": ("attn.to_qkv_mlp_proj",), "fused_out": ("attn.to_out",),
    "norm/query": ("attn.norm_q",), "norm/key": ("attn.norm_k",)}


def _params(golden):
  weights = {
      k.removeprefix("weights.").removesuffix(".weight"): v
      for k, v in golden.items() if k.startswith("weights.")}

  def leaf(*names):
    parts = [weights.pop(n) for n in names]
    kernel = np.concatenate([p.T for p in parts], -1)
    return ("kernel" if parts[0].ndim == 2 else "scale"), kernel

  flat = {}
  for ours, theirs in OUTER.items():
    kind, value = leaf(theirs)
    flat[f"{ours}/{kind}"] = value
  for group, table, prefix, count in (
      ("double", DOUBLE, "transformer_blocks", CONFIG.num_double),
      ("single", SINGLE, "single_transformer_blocks", CONFIG.num_single)):
    for ours, theirs in table.items():
      leaves = [
          leaf(*(f"{prefix}.{i}.{t}" for t in theirs)) for i in range(count)]
      flat[f"{group}/{ours}/{leaves[0][0]}"] = np.stack([v for _, v in leaves])
  assert not weights, f"unused: {sorted(weights)}"
  return zoo.unflatten(flat)


@pytest.mark.parametrize("case", ["plain", "references"])
def test_equals_the_reference(case):
  golden = safetensors.numpy.load_file(GOLDEN)
  params = _params(golden)
  abstract = nnx.eval_shape(lambda: flux2.Flux2(CONFIG, nnx.Rngs(0)))
  shapes = jax.tree.map(jnp.shape, nnx.to_pure_dict(nnx.state(abstract)))
  assert jax.tree.map(jnp.shape, params) == shapes
  ids = np.concatenate([flux2.grid_ids(3, 4, 0)] + (
      [flux2.grid_ids(3, 4, flux2.reference_time(0)),
       flux2.grid_ids(2, 2, flux2.reference_time(1))] if case == "references" else []))
  np.testing.assert_array_equal(ids, golden[f"{case}.ids"])
  out = nnx.merge(nnx.graphdef(abstract), params)(
      golden[f"{case}.image"], golden["text"], golden["level"], ids,
      flux2.text_ids(golden["text"].shape[1]))
  expected = golden[f"{case}.out"]
  error = np.linalg.norm(out - expected) / np.linalg.norm(expected)
  assert error <= 2e-5, error
