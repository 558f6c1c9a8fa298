"""Pieces the networks share: rotary positions, timestep embedding, attention."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from vision_banana.models import attention as attention_lib
from vision_banana.models import sharding

M = TypeVar("M", bound=nnx.Module)

# What remat policies know the output of a weight matrix by.
PROJECTED = "projected"


def stacked(make: Callable[[nnx.Rngs], M], num: int, rngs: nnx.Rngs) -> M:
  """Makes `num` blocks as one module whose parameters have a leading axis `num`.

  Apply it with `jax.lax.scan`: one block is compiled, whatever the depth.
  """

  @nnx.split_rngs(splits=num)
  @nnx.vmap
  def build(rngs: nnx.Rngs) -> M:
    return make(rngs)

  return build(rngs)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LowRank:
  """A weight matrix with a trained one of low rank beside it: base + a @ b.

  It takes the place of a `Linear`'s kernel (`lora.attach` puts it there). The sum is
  never made: its gradient would be a matrix as large, and in bfloat16 a small a @ b
  would be lost in it.

  Attributes:
    base: [in, out], or with an axis of layers before; not trained.
    a: [in, rank].
    b: [rank, out].
  """
  base: jax.Array
  a: jax.Array
  b: jax.Array

  @property
  def dtype(self) -> jnp.dtype:
    return self.base.dtype


Kernel = jax.Array | LowRank


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
    return project(x, self.kernel.get_value())

  def split(self, x: jax.Array, sizes: tuple[int, ...]) -> list[jax.Array]:
    """The output as parts of `sizes` channels, as where matrices are fused into one.

    On a mesh each part is split over the tensor axis by itself, so that a device
    holds the same heads of queries, keys and values, and gates with what they gate.
    """
    shards = sharding.tensor_shards(sizes)
    ends = np.cumsum(sizes)[:-1]
    if shards == 1:
      return jnp.split(self(x), ends, -1)
    lay = lambda matrix: sharding.constrain(
        _by_shard(matrix, sizes, shards, 1), "fsdp", sharding.TENSOR)
    kernel = self.kernel.get_value()
    if isinstance(kernel, LowRank):
      out = project(x, LowRank(lay(kernel.base), kernel.a, lay(kernel.b)))
    else:
      out = project(x, lay(kernel))
    out = sharding.constrain(
        out.reshape(*x.shape[:-1], shards, -1), sharding.BATCH,
        *[None] * (x.ndim - 2), sharding.TENSOR)
    return [part.reshape(*x.shape[:-1], -1)
            for part in jnp.split(out, ends // shards, -1)]

  def joined(self, parts: list[jax.Array]) -> jax.Array:
    """The output for parts side by side, each split over the tensor axis by itself."""
    sizes = tuple(part.shape[-1] for part in parts)
    shards, x = sharding.tensor_shards(sizes), jnp.concatenate(parts, -1)
    if shards == 1:
      return self(x)
    lay = lambda matrix: sharding.constrain(
        _by_shard(matrix, sizes, shards, 0), sharding.TENSOR, "fsdp")
    x, kernel = _by_shard(x, sizes, shards, x.ndim - 1), self.kernel.get_value()
    if isinstance(kernel, LowRank):
      return project(x, LowRank(lay(kernel.base), lay(kernel.a), kernel.b))
    return project(x, lay(kernel))


def _by_shard(x: jax.Array, sizes: tuple[int, ...], shards: int, axis: int
              ) -> jax.Array:
  """Parts of `sizes` along an axis, reordered: the first share of each, the second …"""
  parts = [
      part.reshape(*part.shape[:axis], shards, -1, *part.shape[axis + 1:])
      for part in jnp.split(x, np.cumsum(sizes)[:-1], axis)]
  return jnp.concatenate(parts, axis + 1).reshape(x.shape)


def project(x: jax.Array, kernel: Kernel) -> jax.Array:
  """[..., in] @ [in, out] in the dtype of `x`."""
  flat = x.reshape(-1, x.shape[-1])
  if isinstance(kernel, LowRank):
    inner = checkpoint_name(_product(flat, kernel.a), PROJECTED)
    out = _product(flat, kernel.base) + _product(inner, kernel.b)
  else:
    out = _product(flat, kernel)
  out = checkpoint_name(out, PROJECTED)
  return out.reshape(*x.shape[:-1], out.shape[-1])


def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
  return x @ kernel if kernel.dtype == x.dtype else _matmul(x, kernel)


@jax.custom_vjp
def _matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """x @ kernel in the dtype of `x`; the kernel's gradient is summed in its own.

  Plain differentiation would sum it over devices in the dtype of `x`.
  """
  return x @ kernel.astype(x.dtype)


def _matmul_forward(x, kernel):
  return _matmul(x, kernel), (x, kernel)


def _matmul_backward(saved, g):
  x, kernel = saved
  return (g @ kernel.astype(x.dtype).T,
          jnp.matmul(x.T, g, preferred_element_type=jnp.promote_types(
              x.dtype, kernel.dtype)).astype(kernel.dtype))


_matmul.defvjp(_matmul_forward, _matmul_backward)


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
  """Rotates interleaved pairs of `x` [B, S, heads, head_dim], in float32.

  The gradient is rotated back by the same code: what differentiation makes of the
  strided parts takes XLA's CPU backend longer.
  """
  cos, sin = (t[None, :, None, :] for t in tables)

  @jax.custom_vjp
  def rotate(x):
    return _rotated(x, cos, sin)

  rotate.defvjp(lambda x: (rotate(x), None), lambda _, g: (_rotated(g, cos, -sin),))
  return rotate(x)


def _rotated(x: jax.Array, cos: np.ndarray, sin: np.ndarray) -> jax.Array:
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


def heads(x: jax.Array, num: int) -> jax.Array:
  """[B, S, num·dim] to [B, S, num, dim], on a mesh split by heads."""
  return sharding.constrain(
      x.reshape(*x.shape[:-1], num, -1), sharding.BATCH, None, sharding.TENSOR)


def swiglu(gate: jax.Array, up: jax.Array) -> jax.Array:
  """silu(gate) · up."""
  return jax.nn.silu(gate) * up
