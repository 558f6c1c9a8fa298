"""Blockwise attention equals the plain one, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vision_banana.models import blockwise


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
  monkeypatch.setattr(blockwise, "_BLOCK", 8)


def _inputs(length, dtype=jnp.float32):
  keys = jax.random.split(jax.random.key(length), 4)
  q, k, v, g = (jax.random.normal(key, (2, length, 3, 4), dtype) for key in keys)
  return q * 3, k, v, g


def _both(attention, q, k, v, g):
  out, back = jax.vjp(attention, q, k, v)
  return jax.tree.map(lambda x: np.asarray(x, np.float32), (out, *back(g)))


@pytest.mark.parametrize("length", [5, 8, 24, 29])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_dot_product_attention(length, masked):
  mask = jnp.arange(length) < jnp.array([[length - 2], [3]]) if masked else None
  plain = lambda q, k, v: jax.nn.dot_product_attention(
      q, k, v, mask=None if mask is None else mask[:, None, None])
  expected = _both(plain, *_inputs(length))
  got = _both(lambda *x: blockwise.attend(*x, mask), *_inputs(length))
  for a, b in zip(got, expected, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_query_that_sees_no_key_is_finite():
  mask = jnp.zeros((2, 9), bool)
  for x in _both(lambda *x: blockwise.attend(*x, mask), *_inputs(9)):
    assert np.isfinite(x).all()


def test_bfloat16_stays_and_is_near():
  exact = _both(lambda *x: blockwise.attend(*x, None), *_inputs(20))
  half = _inputs(20, jnp.bfloat16)
  assert blockwise.attend(*half[:3], None).dtype == jnp.bfloat16
  exact = _both(lambda *x: blockwise.attend(*x, None),
                *(x.astype(jnp.float32) for x in half))
  for a, b in zip(_both(lambda *x: blockwise.attend(*x, None), *half), exact,
                  strict=True):
    assert np.abs(a - b).max() <= 0.02 * np.abs(b).max()


def test_the_logits_are_never_whole():
  length = 64
  q, k, v, g = _inputs(length)
  text = str(jax.make_jaxpr(jax.grad(
      lambda q, k, v: (blockwise.attend(q, k, v, None) * g).sum(), (0, 1, 2)))(q, k, v))
  assert f"8,{length}]" in text and f"{length},{length}]" not in text
