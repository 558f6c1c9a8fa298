"""Softmax attention: a blocked kernel on TPU, blocks of queries on a CPU where the
sequence is long, XLA's own elsewhere.

Splash attention (`jax.experimental.pallas.ops.tpu.splash_attention`) goes through
the keys in blocks and never forms the [S, S] logits, which at 1024² pixels with one
reference would be 7 GB a sample and layer.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from vision_banana.models import blockwise, sharding

# Queries and keys a block; what MaxText and maxdiffusion use for v5e and v5p.
_BLOCK = 512
# Blocks are multiples of the vector unit's lanes.
_LANES = 128
# Tokens from which the logits no longer fit a CPU's caches.
_LONG = 1024


def attend(
    q: jax.Array, k: jax.Array, v: jax.Array, key_mask: jax.Array | None
) -> jax.Array:
  """Self-attention, by the kernel that suits what the program is compiled for.

  That is the platform of the mesh of `jax.set_mesh`, which may be a topology without
  hardware, else the default backend. With a mesh the batch and the heads are
  split as `models.sharding` says, as far as they divide.

  Args:
    q: queries [B, S, heads, head_dim].
    k: keys, the same shape.
    v: values, the same shape.
    key_mask: bool [B, S], False keys are not attended to; None attends to all.

  Returns:
    [B, S, heads, head_dim], dtype of `q`.
  """
  mesh = jax.sharding.get_abstract_mesh()
  platform = jax.default_backend() if mesh.empty else mesh.abstract_device.platform
  if platform == "tpu":
    kernel = splash
  elif platform == "cpu" and q.shape[1] >= _LONG:
    kernel = blockwise.attend
  else:
    return dot_product(q, k, v, key_mask)
  return (kernel if mesh.empty else sharded(kernel, mesh))(q, k, v, key_mask)


def dot_product(
    q: jax.Array, k: jax.Array, v: jax.Array, key_mask: jax.Array | None
) -> jax.Array:
  """`attend` by `jax.nn.dot_product_attention`; keys may differ in number."""
  mask = None if key_mask is None else key_mask[:, None, None, :]
  return jax.nn.dot_product_attention(q, k, v, mask=mask)


def splash(
    q: jax.Array, k: jax.Array, v: jax.Array, key_mask: jax.Array | None, *,
    interpret: bool = False,
) -> jax.Array:
  """`attend` by splash attention, of one device's part.

  Sequences that are no multiple of the block are padded; the padding is not attended
  to. A query that sees no key gets a mean of all values.

  Args:
    q: queries [B, S, heads, head_dim].
    k: keys, the same shape.
    v: values, the same shape.
    key_mask: bool [B, S] or None.
    interpret: runs the kernel as plain JAX, on any device.
  """
  # Not at the top: it takes a fifth of a second, and only TPUs need it.
  # pylint: disable-next=g-import-not-at-top
  from jax.experimental.pallas.ops.tpu.splash_attention import (
      splash_attention_kernel as kernels, splash_attention_mask as masks)
  b, length, heads, head_dim = q.shape
  block = min(_BLOCK, -(-length // _LANES) * _LANES)
  padding = -length % block
  to_kernel = lambda x: jnp.pad(
      x.swapaxes(1, 2), ((0, 0), (0, 0), (0, padding), (0, 0)))
  size = length + padding
  kernel = kernels.make_splash_mha(
      masks.MultiHeadMask([masks.FullMask((size, size))] * heads),
      block_sizes=kernels.BlockSizes(
          block_q=block, block_kv=block, block_kv_compute=block, block_q_dkv=block,
          block_kv_dkv=block, block_kv_dkv_compute=block, block_q_dq=block,
          block_kv_dq=block),
      head_shards=1, q_seq_shards=1, interpret=interpret)
  # The kernel has no scale of its own.
  inputs = [to_kernel(x) for x in (q * head_dim**-0.5, k, v)]
  if key_mask is None and not padding:
    out = jax.vmap(kernel)(*inputs)
  else:
    if key_mask is None:
      key_mask = jnp.ones((b, length), bool)
    # Keys are attended to from queries of the same number: 1, hidden ones have 0.
    seen = jnp.pad(key_mask.astype(jnp.int32), ((0, 0), (0, padding)))
    ids = kernels.SegmentIds(q=jnp.ones_like(seen), kv=seen)
    out = jax.vmap(kernel)(*inputs, segment_ids=ids)
  return out[:, :, :length].swapaxes(1, 2)


def sharded(
    attention: Callable[..., jax.Array],
    mesh: jax.sharding.AbstractMesh | jax.sharding.Mesh,
) -> Callable[..., jax.Array]:
  """`attention` run on every device's own samples and heads.

  Args:
    attention: (q, k, v, key_mask) → as `attend`.
    mesh: with the axes of `models.sharding`; what they do not divide is whole.
  """
  def over(q, k, v, key_mask):
    batch = sharding.fit(sharding.BATCH, q.shape[0], mesh)
    heads = PartitionSpec(
        batch, None, sharding.fit(sharding.TENSOR, q.shape[2], mesh), None)
    mask = None if key_mask is None else PartitionSpec(batch, None)
    # Pallas calls do not say how their outputs vary over the mesh.
    return jax.shard_map(
        attention, mesh=mesh, in_specs=(heads, heads, heads, mask), out_specs=heads,
        check_vma=False)(q, k, v, key_mask)
  return over

