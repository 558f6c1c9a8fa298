"""Splash attention, interpreted, against `jax.nn.dot_product_attention`."""

import functools
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from vision_banana.models import attention, blockwise

splash = functools.partial(attention.splash, interpret=True)


def inputs(length, heads=2, head_dim=8, batch=2):
  """Queries, keys, values, and a mask that hides some keys of every sample."""
  rng = np.random.default_rng(length)
  q, k, v = rng.standard_normal((3, batch, length, heads, head_dim)).astype(np.float32)
  mask = rng.random((batch, length)) < 0.7
  mask[:, 0] = True
  return q, k, v, mask


def value_and_gradients(attend, q, k, v, mask):
  """The output, and gradients of a sum with uneven weights."""
  weights = np.cos(np.arange(q.size)).reshape(q.shape)
  def total(q, k, v):
    out = attend(q, k, v, mask)
    return (out * weights).sum(), out
  gradients, out = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))(q, k, v)
  return out, *gradients


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [128, 300])  # one whole block; three, padded
def test_splash_equals_dot_product(length, masked, monkeypatch):
  monkeypatch.setattr(attention, "_BLOCK", 128)
  q, k, v, mask = inputs(length)
  mask = mask if masked else None
  ours = value_and_gradients(splash, q, k, v, mask)
  theirs = value_and_gradients(attention.dot_product, q, k, v, mask)
  for a, b in zip(ours, theirs, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_hidden_keys_change_nothing_and_get_no_gradient():
  q, k, v, mask = inputs(40)
  out, _, dk, dv = value_and_gradients(splash, q, k, v, mask)
  other = np.where(mask[..., None, None], 1, 50).astype(np.float32)
  np.testing.assert_allclose(splash(q, k * other, v * other, mask), out, atol=1e-5)
  assert not np.any(np.asarray(dk)[~mask]) and not np.any(np.asarray(dv)[~mask])


def test_a_cpu_attends_by_dot_product():
  q, k, v, mask = inputs(40)
  np.testing.assert_array_equal(
      attention.attend(q, k, v, mask), attention.dot_product(q, k, v, mask))


def test_split_over_a_mesh_equals_whole():
  run = pathlib.Path(__file__).parent / "attention_mesh_run.py"
  done = subprocess.run([sys.executable, str(run)], text=True, capture_output=True,
                        check=False)
  assert done.returncode == 0, done.stderr


def test_a_cpu_attends_in_blocks_where_it_is_long(monkeypatch):
  monkeypatch.setattr(attention, "_LONG", 40)
  q, k, v, mask = inputs(40)
  np.testing.assert_array_equal(
      attention.attend(q, k, v, mask), blockwise.attend(q, k, v, mask))
