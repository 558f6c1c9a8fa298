"""Softmax attention that goes through the queries in blocks and keeps no logits.

The [S, S] logits of a long sequence do not fit a CPU's caches, and most of the time
of plain attention goes into moving them. Here a block of one head's logits is made,
used and forgotten; the backward pass makes it again from the row sums that the
forward pass kept (Rabe & Staats 2021; Dao et al. 2022, FlashAttention).
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

# What remat policies know the output and the row sums by. The logits are products as
# well, so a policy that keeps products would keep them.
ATTENDED = "attended"

# Queries of a block: a few megabytes of logits at the lengths that pay.
_BLOCK = 512
# Far below every logit, and finite, so that a query that sees no key is no NaN.
_HIDDEN = -1e30


def attend(
    q: jax.Array, k: jax.Array, v: jax.Array, key_mask: jax.Array | None
) -> jax.Array:
  """Equals `jax.nn.dot_product_attention` to rounding; logits are float32.

  Args:
    q: queries [B, S, heads, head_dim].
    k: keys, the same shape.
    v: values, the same shape.
    key_mask: bool [B, S], False keys are not attended to; None attends to all.

  Returns:
    [B, S, heads, head_dim], dtype of `q`.
  """
  b, length, heads, dim = q.shape
  rows = lambda x: x.swapaxes(1, 2).reshape(b * heads, length, dim)
  bias = jnp.zeros((b, length), jnp.float32)
  if key_mask is not None:
    bias = jnp.where(key_mask, bias, _HIDDEN)
  out = _attend(*map(rows, (q, k, v)), jnp.repeat(bias, heads, axis=0))
  return out.reshape(b, heads, length, dim).swapaxes(1, 2)


@jax.custom_vjp
def _attend(q, k, v, bias):
  """One head a row: q, k, v [N, S, D], bias float32 [N, S] on the keys."""
  return _forward(q, k, v, bias)[0]


def _forward(q, k, v, bias):
  def head(row):
    queries, keys, values, shift = row

    def block(part):
      logits = _logits(part, keys, shift)
      peak = logits.max(-1, keepdims=True)
      weights = jnp.exp(logits - peak)
      total = weights.sum(-1, keepdims=True)
      out = _dot(weights.astype(values.dtype), values) / total
      return out.astype(part.dtype), (peak + jnp.log(total))[:, 0]

    return jax.lax.map(block, queries)

  out, sums = jax.lax.map(head, (_blocks(q), k, v, bias))
  out = checkpoint_name(_rows(out, q.shape[1]), ATTENDED)
  sums = checkpoint_name(sums, ATTENDED)
  return out, (q, k, v, bias, out, sums)


def _backward(saved, g):
  q, k, v, bias, out, sums = saved
  # The part of the softmax's gradient that is the same for all keys.
  shared = (g.astype(jnp.float32) * out.astype(jnp.float32)).sum(-1, keepdims=True)

  def head(row):
    queries, keys, values, shift, grads, logsums, common = row
    turned = keys.T

    # Logits are [S, block] here: no product reads its left side turned, with which
    # XLA's CPU backend is slow.
    def block(sums_of, part):
      queries, grads, logsums, common = part
      queries = _scaled(queries)
      weights = jnp.exp(_dot(keys, queries.T) + shift[:, None] - logsums)
      d_logits = weights * (_dot(values, grads.T) - common[:, 0])
      d_logits = d_logits.astype(keys.dtype)
      d_keys = sums_of[0] + _dot(d_logits, queries)
      d_values = sums_of[1] + _dot(weights.astype(grads.dtype), grads)
      d_queries = _scaled(_dot(turned, d_logits).T).astype(queries.dtype)
      return (d_keys, d_values), d_queries

    zero = jnp.zeros(keys.shape, jnp.float32)
    (d_keys, d_values), d_queries = jax.lax.scan(
        block, (zero, zero), (queries, grads, logsums, common))
    return d_queries, d_keys.astype(keys.dtype), d_values.astype(values.dtype)

  d_q, d_k, d_v = jax.lax.map(
      head, (_blocks(q), k, v, bias, _blocks(g), sums, _blocks(shared)))
  return _rows(d_q, q.shape[1]), d_k, d_v, jnp.zeros_like(bias)


_attend.defvjp(_forward, _backward)


def _logits(queries, keys, shift):
  return _dot(_scaled(queries), keys.T) + shift


def _scaled(x):
  return x * jnp.asarray(x.shape[-1] ** -0.5, x.dtype)


def _dot(a, b):
  # Widened here: XLA's CPU backend has no bfloat16 product that gives float32 for
  # every layout, and none that is faster.
  return jnp.matmul(a.astype(jnp.float32), b.astype(jnp.float32))


def _blocks(x: jax.Array) -> jax.Array:
  """[N, S, D] to [N, blocks, block, D]; the last is filled up with zeros."""
  n, length, dim = x.shape
  count = -(-length // _BLOCK)
  size = -(-length // count)
  x = jnp.pad(x, ((0, 0), (0, count * size - length), (0, 0)))
  return x.reshape(n, count, size, dim)


def _rows(x: jax.Array, length: int) -> jax.Array:
  """[N, blocks, block, D] back to [N, S, D]."""
  return x.reshape(x.shape[0], -1, x.shape[-1])[:, :length]
