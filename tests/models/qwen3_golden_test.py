"""The text encoder against the PyTorch reference (files made by tests/goldens)."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from vision_banana.models import qwen3, zoo

GOLDEN = pathlib.Path(__file__).parent.parent / "goldens" / "qwen3.safetensors"
CONFIG = qwen3.Qwen3Config(
    vocab_size=48, width=32, mlp_width=40, num_layers=5, num_heads=4, num_kv_heads=2,
    head_dim=16, taps=(1, 2, 4))
BLOCK = {
    "attention_norm/scale": ("input_layernorm",),
    "qkv/kernel": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "query_norm/scale": ("self_attn.q_norm",), "key_norm/scale": ("self_attn.k_norm",),
    "out/kernel": ("self_attn.o_proj",),
    "mlp_norm/scale": ("post_attention_layernorm",),
    "mlp_in/kernel": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp_out/kernel": ("mlp.down_proj",)}


@pytest.fixture(scope="module")
def golden():
  return safetensors.numpy.load_file(GOLDEN)


def _params(golden):
  def stored(name):
    return golden[f"weights.model.{name}.weight"]

  flat = {"embedding/embedding": stored("embed_tokens")}
  for ours, theirs in BLOCK.items():
    flat[f"blocks/{ours}"] = np.stack([
        np.concatenate([stored(f"layers.{i}.{t}").T for t in theirs], -1)
        for i in range(CONFIG.built_layers)])
  return zoo.unflatten(flat)


def _encode(params, golden):
  abstract = nnx.eval_shape(lambda: qwen3.Qwen3(CONFIG, nnx.Rngs(0)))
  shapes = jax.tree.map(jnp.shape, nnx.to_pure_dict(nnx.state(abstract)))
  assert jax.tree.map(jnp.shape, params) == shapes
  return nnx.merge(nnx.graphdef(abstract), params)(golden["ids"], golden["mask"])


def _error(ours, golden):
  expected = golden["out"]
  return np.linalg.norm(ours - expected) / np.linalg.norm(expected)


def test_equals_the_reference_in_every_row_and_state(golden):
  out = _encode(_params(golden), golden)
  assert out.dtype == jnp.float32
  assert not golden["mask"].all()
  shape = (*out.shape[:2], len(CONFIG.taps), CONFIG.width)
  difference = np.linalg.norm((out - golden["out"]).reshape(shape), axis=-1)
  error = difference / np.linalg.norm(golden["out"].reshape(shape), axis=-1)
  assert error.max() <= 2e-5, error.max((0, 1))


def test_bfloat16_is_as_near_as_the_reference(golden):
  half = jax.tree.map(lambda p: jnp.asarray(p, jnp.bfloat16), _params(golden))
  out = _encode(half, golden)
  assert out.dtype == jnp.bfloat16
  theirs = _error(golden["out.bf16"], golden)
  assert _error(out.astype(jnp.float32), golden) <= theirs


def test_rotary_tables_equal_the_reference(golden):
  tables = np.stack(qwen3.rope_tables(512, 128, 1e6))[:, [0, 77, 511]]
  np.testing.assert_allclose(
      np.concatenate([tables, tables], -1), golden["rope"], atol=2e-6)
