"""Pieces the networks share: rotary positions, timestep embedding, attention."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vision_banana.models import attention as attention_lib

M = TypeVar("M", bound=nnx.Module)


def stacked(make: Callable[[nnx.Rngs], M], num: int, rngs: nnx.Rngs) -> M:
  """Makes `num` blocks as one module whose parameters have a leading axis `num`.

  Apply it with `jax.lax.scan`: one block is compiled, whatever the depth.
  """

  @nnx.split_rngs(splits=num)
  @nnx.vmap
  def build(rngs: nnx.Rngs) -> M:
    return make(rngs)

  return build(rngs)


class Linear(nnx.Module):
  """x @ kernel over the last axis; no bias, like every linear layer of FLUX.2.

  Leading axes are flattened first: XLA's CPU backend computes the kernel's
  gradient three times slower when it contracts over two axes (batch, sequence)
  instead of one.
  """

  def __init__(
      self, features_in: int, features_out: int, rngs: nnx.Rngs, *,
      zero: bool = False,
  ):
    init = nnx.initializers.zeros if zero else nnx.initializers.lecun_normal()
    self.kernel = nnx.Param(init(rngs.params(), (features_in, features_out)))

  def __call__(self, x: jax.Array) -> jax.Array:
    kernel = self.kernel[...].astype(x.dtype)
    flat = x.reshape(-1, x.shape[-1]) @ kernel
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


class RMSNorm(nnx.Module):
  """In float32 inside, scale too; rounded once, to the dtype of the input."""

  def __init__(self, features: int, eps: float):
    self.eps = eps
    self.scale = nnx.Param(jnp.ones(features))

  def __call__(self, x: jax.Array) -> jax.Array:
    h = x.astype(jnp.float32)
    h = h * jax.lax.rsqrt(jnp.square(h).mean(-1, keepdims=True) + self.eps)
    return (self.scale[...].astype(jnp.float32) * h).astype(x.dtype)


def layer_norm(x: jax.Array, eps: float) -> jax.Array:
  """LayerNorm over the last axis without scale or bias, in float32."""
  h = x.astype(jnp.float32)
  h = h - h.mean(-1, keepdims=True)
  h = h * jax.lax.rsqrt(jnp.square(h).mean(-1, keepdims=True) + eps)
  return h.astype(x.dtype)


def rope_tables(
    ids: np.ndarray, axes_dims: tuple[int, ...], theta: float
) -> tuple[np.ndarray, np.ndarray]:
  """Cosines and sines of multi-axis rotary positions.

  Positions are static, so this is numpy: frequencies in float64, as in the
  reference (`Flux2PosEmbed` of diffusers), rounded once at the end.

  Args:
    ids: integers [S, A], one column an axis.
    axes_dims: A even numbers that sum to the head dimension.
    theta: base of the frequencies.

  Returns:
    (cos, sin), each float32 [S, head_dim / 2], one entry for an interleaved pair.
  """
  angles = []
  for axis, dim in enumerate(axes_dims):
    frequencies = theta ** (-np.arange(0, dim, 2, dtype=np.float64) / dim)
    angles.append(ids[:, axis, None].astype(np.float64) * frequencies)
  angle = np.concatenate(angles, -1)
  return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def apply_rope(x: jax.Array, tables: tuple[np.ndarray, np.ndarray]) -> jax.Array:
  """Rotates interleaved pairs of `x` [B, S, heads, head_dim], in float32."""
  cos, sin = (t[None, :, None, :] for t in tables)
  pairs = x.astype(jnp.float32).reshape(*x.shape[:-1], -1, 2)
  even, odd = pairs[..., 0], pairs[..., 1]
  turned = jnp.stack([even * cos - odd * sin, odd * cos + even * sin], -1)
  return turned.reshape(x.shape).astype(x.dtype)


def timestep_embedding(level: jax.Array, channels: int) -> jax.Array:
  """Sinusoids of the noise level, cosines first.

  Args:
    level: float32 [B] in 0..1; scaled by 1000 as the reference does.
    channels: even.

  Returns:
    float32 [B, channels].
  """
  half = channels // 2
  frequencies = jnp.exp(-np.log(10000.0) * jnp.arange(half) / half)
  angle = level.astype(jnp.float32)[:, None] * 1000.0 * frequencies
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


def attention(
    q: jax.Array, k: jax.Array, v: jax.Array, key_mask: jax.Array | None
) -> jax.Array:
  """Softmax attention over [B, S, heads, head_dim], flattened to [B, S, heads·dim].

  Args:
    q: queries.
    k: keys.
    v: values.
    key_mask: bool [B, S], False keys are not attended to; None attends to all.
  """
  out = attention_lib.attend(q, k, v, key_mask)
  return out.reshape(*out.shape[:2], -1)


def swiglu(x: jax.Array) -> jax.Array:
  """silu(first half) · second half of the last axis."""
  gate, up = jnp.split(x, 2, -1)
  return jax.nn.silu(gate) * up
