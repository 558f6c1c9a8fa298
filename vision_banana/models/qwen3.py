"""The Qwen3 text encoder of FLUX.2 [klein]: token ids to features.

Reference: `Qwen3ForCausalLM` of transformers, whose hidden states 9, 18 and 27
klein reads. Layers after the last one read, the final norm and the (tied) output
projection are not built, so the parameters hold nothing of them.

Parameter tree, with L the layers built, W width, H heads, K key/value heads, D
head_dim and M mlp_width; beside it the stored keys of layer i, each [out, in]:

  embedding/embedding          [V, W]             model.embed_tokens.weight
  blocks/attention_norm/scale  [L, W]             input_layernorm
  blocks/qkv/kernel            [L, W, (H + 2K)·D] self_attn.{q,k,v}_proj
  blocks/query_norm/scale      [L, D]             self_attn.q_norm
  blocks/key_norm/scale        [L, D]             self_attn.k_norm
  blocks/out/kernel            [L, H·D, W]        self_attn.o_proj
  blocks/mlp_norm/scale        [L, W]             post_attention_layernorm
  blocks/mlp_in/kernel         [L, W, 2·M]        mlp.gate_proj, mlp.up_proj
  blocks/mlp_out/kernel        [L, M, W]          mlp.down_proj
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vision_banana.models import layers, sharding


@dataclasses.dataclass(frozen=True)
class Qwen3Config:
  """Sizes of the encoder; the defaults are Qwen3-4B as klein 4B reads it.

  Attributes:
    vocab_size: rows of the embedding.
    width: channels of a token.
    mlp_width: hidden size of the gated MLP.
    num_layers: layers of the stored network; only the first `max(taps)` are built.
    num_heads: attention heads.
    num_kv_heads: key and value heads, each shared by num_heads / num_kv_heads
      consecutive heads.
    head_dim: channels of a head.
    rope_theta: base of the rotary frequencies.
    eps: of every norm.
    taps: the hidden states that are read, ascending; 0 is the embedding, i the
      output of the i-th layer.
    max_length: tokens a prompt is padded to, its template included.
  """
  vocab_size: int = 151936
  width: int = 2560
  mlp_width: int = 9728
  num_layers: int = 36
  num_heads: int = 32
  num_kv_heads: int = 8
  head_dim: int = 128
  rope_theta: float = 1e6
  eps: float = 1e-6
  taps: tuple[int, ...] = (9, 18, 27)
  max_length: int = 512

  def __post_init__(self):
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
          f"num_heads {self.num_heads} must be a multiple of num_kv_heads "
          f"{self.num_kv_heads}.")
    if self.head_dim % 2:
      raise ValueError(f"head_dim must be even, got {self.head_dim}.")
    # The reference norms the state after its last layer, and no other.
    if (not self.taps or list(self.taps) != sorted(set(self.taps))
        or self.taps[0] < 0 or not 0 < self.taps[-1] < self.num_layers):
      raise ValueError(
          f"taps must ascend and end in 1..{self.num_layers - 1}, got {self.taps}.")

  @property
  def built_layers(self) -> int:
    return self.taps[-1]

  @property
  def features(self) -> int:
    """Channels of a token as it comes out."""
    return len(self.taps) * self.width


class Block(nnx.Module):
  """Pre-norm causal attention with grouped queries, then a gated MLP."""

  def __init__(self, config: Qwen3Config, rngs: nnx.Rngs):
    self.config = config
    c = config
    heads = (c.num_heads + 2 * c.num_kv_heads) * c.head_dim
    self.attention_norm = layers.RMSNorm(c.width, c.eps)
    self.qkv = layers.Linear(c.width, heads, rngs)
    self.query_norm = layers.RMSNorm(c.head_dim, c.eps)
    self.key_norm = layers.RMSNorm(c.head_dim, c.eps)
    self.out = layers.Linear(c.num_heads * c.head_dim, c.width, rngs)
    self.mlp_norm = layers.RMSNorm(c.width, c.eps)
    self.mlp_in = layers.Linear(c.width, 2 * c.mlp_width, rngs)
    self.mlp_out = layers.Linear(c.mlp_width, c.width, rngs)

  def __call__(self, x, rope, mask):
    c = self.config
    counts = (c.num_heads, c.num_kv_heads, c.num_kv_heads)
    q, k, v = (layers.heads(t, n) for t, n in zip(self.qkv.split(
        self.attention_norm(x), tuple(n * c.head_dim for n in counts)), counts))
    q = apply_rope(self.query_norm(q), rope)
    k = apply_rope(self.key_norm(k), rope)
    # Shares each key head among consecutive query heads; softmax in float32.
    attended = jax.nn.dot_product_attention(
        q, k, v, mask=mask[:, None, None, :], is_causal=True)
    x = x + self.out(attended.reshape(*x.shape[:2], -1))
    h = self.mlp_in.split(self.mlp_norm(x), (c.mlp_width,) * 2)
    return sharding.constrain(
        x + self.mlp_out(layers.swiglu(*h)), sharding.BATCH)


class Qwen3(nnx.Module):
  """The encoder; it computes in the dtype of its embedding."""

  def __init__(self, config: Qwen3Config, rngs: nnx.Rngs):
    self.config = config
    self.embedding = nnx.Embed(config.vocab_size, config.width, rngs=rngs)
    self.blocks = layers.stacked(
        lambda r: Block(config, r), config.built_layers, rngs)

  def __call__(self, ids: jax.Array, mask: jax.Array) -> jax.Array:
    """Encodes.

    Args:
      ids: int32 [B, T], padded on the right; an id outside the vocabulary gives
        NaN.
      mask: bool [B, T], False tokens are not attended to. Their own rows are
        computed all the same: klein reads them, so the padding id matters.

    Returns:
      [B, T, len(taps)·width]: the states side by side in the order of `taps`.
    """
    c = self.config
    rope = rope_tables(ids.shape[1], c.head_dim, c.rope_theta)
    taps = np.array(c.taps)[:, None, None, None]

    def body(carry, layer):
      x, kept = carry
      index, block = layer
      x = block(x, rope, mask)
      return (x, jnp.where(taps == index, x, kept)), None

    # Not nnx.Embed's call, which returns float32 whatever the parameters are.
    # Rows of a table whose columns are split over devices, then split by sample:
    # one axis a time, which the compiler can do without making anything whole.
    x = jnp.take(self.embedding.embedding[...], sharding.constrain(ids, "data"),
                 axis=0, mode="fill")
    for axes in (("fsdp", sharding.TENSOR), "fsdp"):
      x = sharding.constrain(x, "data", None, axes)
    x = sharding.constrain(x, sharding.BATCH)
    # States are kept as they pass: stacking those of all layers takes nine times
    # the memory.
    kept = jnp.where(taps == 0, x, jnp.zeros_like(x))
    (_, kept), _ = jax.lax.scan(
        body, (x, kept), (jnp.arange(1, c.built_layers + 1), self.blocks))
    return jnp.concatenate(list(kept), -1)


def rope_tables(
    length: int, head_dim: int, theta: float
) -> tuple[np.ndarray, np.ndarray]:
  """Cosines and sines of rotary positions 0..length−1, each float32 [length, D / 2].

  Rounded to float32 at every step like the reference, which unlike FLUX.2 does
  not compute frequencies in float64. Only the power is taken in float64: numpy's
  float32 power is an ulp off, and position 511 multiplies that.
  """
  exponent = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
  power = (theta ** exponent.astype(np.float64)).astype(np.float32)
  frequencies = np.float32(1) / power
  angle = np.arange(length, dtype=np.float32)[:, None] * frequencies
  return np.cos(angle), np.sin(angle)


def apply_rope(x: jax.Array, tables: tuple[np.ndarray, np.ndarray]) -> jax.Array:
  """Rotates channel i of `x` [B, T, heads, D] with channel i + D / 2, in float32."""
  cos, sin = (t[None, :, None, :] for t in tables)
  first, second = jnp.split(x.astype(jnp.float32), 2, -1)
  turned = jnp.concatenate(
      [first * cos - second * sin, second * cos + first * sin], -1)
  return turned.astype(x.dtype)
