"""The text encoder: its size, what a token sees, what is read."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vision_banana.models import qwen3

CONFIG = qwen3.Qwen3Config(
    vocab_size=20, width=8, mlp_width=12, num_layers=4, num_heads=4, num_kv_heads=2,
    head_dim=6, taps=(0, 1, 3))
IDS = np.random.default_rng(0).integers(0, 20, (2, 7)).astype(np.int32)
ALL = np.ones((2, 7), bool)


@pytest.fixture(scope="module")
def encode():
  return nnx.jit(qwen3.Qwen3(CONFIG, nnx.Rngs(0)))


def _first(model, config):
  """The parameters of `model` that a smaller number of layers needs."""
  params = nnx.to_pure_dict(nnx.state(model))
  count = config.built_layers
  return params | {"blocks": jax.tree.map(lambda p: p[:count], params["blocks"])}


def test_qwen3_4b_has_its_size():
  config = qwen3.Qwen3Config()
  abstract = nnx.eval_shape(lambda: qwen3.Qwen3(config, nnx.Rngs(0)))
  params = nnx.to_pure_dict(nnx.state(abstract))
  # The embedding and 27 layers of what transformers counts in one.
  count = sum(p.size for p in jax.tree.leaves(params))
  assert count == 151936 * 2560 + 27 * 100_930_816
  out = jax.eval_shape(
      lambda p, *a: nnx.merge(nnx.graphdef(abstract), p)(*a), params,
      jnp.zeros((2, 512), jnp.int32), jnp.ones((2, 512), bool))
  assert out.shape == (2, 512, 7680) == (2, 512, config.features)


def test_a_token_sees_only_what_is_before_it(encode):
  changed = IDS.copy()
  changed[:, 4] = (changed[:, 4] + 1) % 20
  before, after = encode(IDS, ALL), encode(changed, ALL)
  np.testing.assert_array_equal(before[:, :4], after[:, :4])
  assert (np.abs(before - after)[:, 4:].max(-1) > 1e-6).all()


def test_padding_is_not_seen_but_has_states(encode):
  mask = ALL.copy()
  mask[:, 4:] = False
  padded = encode(IDS, mask)
  np.testing.assert_allclose(padded[:, :4], encode(IDS, ALL)[:, :4], atol=1e-6)
  other = IDS.copy()
  other[:, 4] = (other[:, 4] + 1) % 20
  changed = encode(other, mask)
  # Row 4 is its own token's; rows 5 and 6 do not see it.
  assert (np.abs(padded - changed)[:, 4].max(-1) > 1e-6).all()
  np.testing.assert_array_equal(padded[:, 5:], changed[:, 5:])
  assert np.isfinite(padded).all()


def test_state_zero_is_the_embedding_and_others_follow(encode):
  model = qwen3.Qwen3(CONFIG, nnx.Rngs(0))
  out = encode(IDS, ALL)
  np.testing.assert_array_equal(out[..., :8], model.embedding(IDS))
  for tap, part in ((1, out[..., 8:16]), (3, out[..., 16:])):
    config = dataclasses.replace(CONFIG, taps=(tap,))
    alone = nnx.merge(
        nnx.graphdef(qwen3.Qwen3(config, nnx.Rngs(0))), _first(model, config))
    np.testing.assert_allclose(alone(IDS, ALL), part, atol=1e-6)



def test_an_unknown_token_is_not_silent(encode):
  ids = IDS.copy()
  ids[0, 3] = 20
  out = encode(ids, ALL)
  assert np.isnan(out[0, 3]).all() and np.isfinite(out[1]).all()


@pytest.mark.parametrize("change", [
    dict(taps=()), dict(taps=(2, 1)), dict(taps=(1, 1)), dict(taps=(-1, 2)),
    dict(taps=(0,)), dict(taps=(4,)), dict(num_kv_heads=3), dict(head_dim=5)])
def test_impossible_sizes_are_refused(change):
  with pytest.raises(ValueError, match=next(iter(change))):
    dataclasses.replace(CONFIG, **change)
