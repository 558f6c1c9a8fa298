"""The FLUX.2 transformer: double-stream blocks, then single-stream blocks.

Reference: `Flux2Transformer2DModel` of diffusers. One set of sizes makes klein
4B, another makes nano; nothing else differs.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vision_banana.models import blockwise, layers, sharding

# What the backward pass finds kept of each block, by name; the rest it computes again.
# 'none' keeps everything, 'dots' what the weight matrices put out, and on a CPU the
# blockwise attention too.
REMAT = {
    "none": None,
    "dots": jax.checkpoint_policies.save_only_these_names(
        layers.PROJECTED, blockwise.ATTENDED),
    "full": jax.checkpoint_policies.nothing_saveable,
}


@dataclasses.dataclass(frozen=True)
class Flux2Config:
  """Sizes of the transformer.

  Attributes:
    in_channels: channels of a latent token.
    text_dim: channels of a text token as the text encoder gives it.
    num_double: blocks with separate weights for image and text.
    num_single: blocks with shared weights.
    num_heads: attention heads.
    rope_axes: rotary dimensions for (t, h, w, l); they sum to the head dimension.
    rope_theta: base of the rotary frequencies.
    mlp_ratio: hidden size of the gated MLP over the width.
    timestep_channels: sinusoids of the noise level.
    eps: of every norm.
    unroll: blocks in one turn of the compiled loop over them. More compile longer;
      all of a small network's blocks in one turn run a third faster on a CPU.
  """
  in_channels: int = 128
  text_dim: int = 7680
  num_double: int = 5
  num_single: int = 20
  num_heads: int = 24
  rope_axes: tuple[int, int, int, int] = (32, 32, 32, 32)
  rope_theta: float = 2000.0
  mlp_ratio: float = 3.0
  timestep_channels: int = 256
  eps: float = 1e-6
  unroll: int = 1

  def __post_init__(self):
    if any(d % 2 for d in self.rope_axes):
      raise ValueError(f"rope_axes must be even, got {self.rope_axes}.")

  @property
  def head_dim(self) -> int:
    return sum(self.rope_axes)

  @property
  def width(self) -> int:
    return self.num_heads * self.head_dim

  @property
  def mlp_width(self) -> int:
    return int(self.width * self.mlp_ratio)


class QueryKeyNorm(nnx.Module):
  """RMS norms of queries and keys over the head dimension."""

  def __init__(self, config: Flux2Config):
    self.query = layers.RMSNorm(config.head_dim, config.eps)
    self.key = layers.RMSNorm(config.head_dim, config.eps)

  def __call__(self, qkv: list[jax.Array], heads: int) -> tuple[jax.Array, ...]:
    q, k, v = (layers.heads(t, heads) for t in qkv)
    return self.query(q), self.key(k), v


class Stream(nnx.Module):
  """One side (image or text) of a double block."""

  def __init__(self, config: Flux2Config, rngs: nnx.Rngs):
    d, hidden = config.width, config.mlp_width
    self.qkv = layers.Linear(d, 3 * d, rngs)
    self.norm = QueryKeyNorm(config)
    self.out = layers.Linear(d, d, rngs)
    self.mlp_in = layers.Linear(d, 2 * hidden, rngs)
    self.mlp_out = layers.Linear(hidden, d, rngs)


class DoubleBlock(nnx.Module):
  """Image and text with weights of their own, attending jointly."""

  def __init__(self, config: Flux2Config, rngs: nnx.Rngs):
    self.config = config
    self.image = Stream(config, rngs)
    self.text = Stream(config, rngs)

  def __call__(self, image, text, image_mod, text_mod, rope, key_mask):
    c = self.config
    eps, heads, hidden = c.eps, c.num_heads, c.mlp_width
    sides = ((self.text, text, text_mod), (self.image, image, image_mod))
    joined = []
    for stream, x, mod in sides:
      h = modulate(layers.layer_norm(x, eps), mod[0], mod[1])
      joined.append(stream.norm(stream.qkv.split(h, (c.width,) * 3), heads))
    q, k, v = (jnp.concatenate(parts, 1) for parts in zip(*joined))
    q, k = layers.apply_rope(q, rope), layers.apply_rope(k, rope)
    attended = layers.attention(q, k, v, key_mask)
    split = text.shape[1]
    outs = []
    for (stream, x, mod), a in zip(sides, (attended[:, :split], attended[:, split:])):
      x = sharding.constrain(x + mod[2] * stream.out(a), sharding.BATCH)
      h = modulate(layers.layer_norm(x, eps), mod[3], mod[4])
      h = layers.swiglu(*stream.mlp_in.split(h, (hidden, hidden)))
      outs.append(sharding.constrain(
          x + mod[5] * stream.mlp_out(h), sharding.BATCH))
    return outs[1], outs[0]


class SingleBlock(nnx.Module):
  """Text and image in one stream; attention and MLP in parallel, fused."""

  def __init__(self, config: Flux2Config, rngs: nnx.Rngs):
    self.config = config
    d, hidden = config.width, config.mlp_width
    self.fused_in = layers.Linear(d, 3 * d + 2 * hidden, rngs)
    self.norm = QueryKeyNorm(config)
    self.fused_out = layers.Linear(d + hidden, d, rngs)

  def __call__(self, x, mod, rope, key_mask):
    c = self.config
    h = modulate(layers.layer_norm(x, c.eps), mod[0], mod[1])
    *qkv, gate, up = self.fused_in.split(
        h, (c.width,) * 3 + (c.mlp_width,) * 2)
    q, k, v = self.norm(qkv, c.num_heads)
    q, k = layers.apply_rope(q, rope), layers.apply_rope(k, rope)
    attended = layers.attention(q, k, v, key_mask)
    out = self.fused_out.joined([attended, layers.swiglu(gate, up)])
    return sharding.constrain(x + mod[2] * out, sharding.BATCH)


def modulate(x: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
  return x * (1 + scale) + shift


class Flux2(nnx.Module):
  """The network: latent tokens and text tokens to a prediction per latent token."""

  def __init__(self, config: Flux2Config, rngs: nnx.Rngs):
    self.config = config
    d = config.width
    self.image_in = layers.Linear(config.in_channels, d, rngs)
    self.text_in = layers.Linear(config.text_dim, d, rngs)
    self.time_in = layers.Linear(config.timestep_channels, d, rngs)
    self.time_out = layers.Linear(d, d, rngs)
    # Modulation is global: three projections, shared by all blocks.
    self.image_modulation = layers.Linear(d, 6 * d, rngs)
    self.text_modulation = layers.Linear(d, 6 * d, rngs)
    self.single_modulation = layers.Linear(d, 3 * d, rngs)
    self.double = layers.stacked(
        lambda r: DoubleBlock(config, r), config.num_double, rngs)
    self.single = layers.stacked(
        lambda r: SingleBlock(config, r), config.num_single, rngs)
    self.final_modulation = layers.Linear(d, 2 * d, rngs)
    # Starts at zero, so that an untrained network predicts mid-grey.
    self.image_out = layers.Linear(d, config.in_channels, rngs, zero=True)

  @property
  def dtype(self) -> jnp.dtype:
    """Of the parameters."""
    return self.image_in.kernel.dtype

  def __call__(
      self,
      image: jax.Array,
      text: jax.Array,
      level: jax.Array,
      image_ids: np.ndarray,
      text_ids: np.ndarray,
      key_mask: jax.Array | None = None,
      remat: str = "none",
  ) -> jax.Array:
    """Runs the network.

    Args:
      image: [B, N, in_channels]: noisy target tokens, then reference tokens.
      text: [B, T, text_dim].
      level: float32 [B], noise level in 0..1 (1 is pure noise).
      image_ids: integers [N, 4], (t, h, w, l) of every image token.
      text_ids: integers [T, 4].
      key_mask: bool [B, T + N], False tokens are not attended to; None attends
        to all, padding included, as klein does.
      remat: key of `REMAT`.

    Returns:
      [B, N, in_channels], dtype of `image`.
    """
    c = self.config
    rope = layers.rope_tables(
        np.concatenate([text_ids, image_ids]), c.rope_axes, c.rope_theta)
    embedded = layers.timestep_embedding(level, c.timestep_channels)
    embedded = self.time_out(
        jax.nn.silu(self.time_in(embedded.astype(image.dtype))))
    condition = jax.nn.silu(embedded)

    def modulation(projection: layers.Linear, parts: int) -> list[jax.Array]:
      out = sharding.constrain(projection(condition), sharding.BATCH)
      return jnp.split(out[:, None], parts, -1)

    image_mod = modulation(self.image_modulation, 6)
    text_mod = modulation(self.text_modulation, 6)
    single_mod = modulation(self.single_modulation, 3)

    def double(carry, block):
      return block(*carry, image_mod, text_mod, rope, key_mask), None

    def single(x, block):
      return block(x, single_mod, rope, key_mask), None

    if REMAT[remat]:
      # A compiled loop keeps what is computed again apart; blocks beside each other
      # in one turn need to be told.
      kept = dict(policy=REMAT[remat], prevent_cse=c.unroll > 1)
      double, single = (jax.checkpoint(f, **kept) for f in (double, single))
    streams = tuple(sharding.constrain(x, sharding.BATCH)
                    for x in (self.image_in(image), self.text_in(text)))
    (x, text), _ = jax.lax.scan(double, streams, self.double, unroll=c.unroll)
    x, _ = jax.lax.scan(
        single, jnp.concatenate([text, x], 1), self.single, unroll=c.unroll)
    x = x[:, text.shape[1]:]
    scale, shift = modulation(self.final_modulation, 2)
    return self.image_out(modulate(layers.layer_norm(x, c.eps), shift, scale))


def text_ids(length: int) -> np.ndarray:
  """Position ids [length, 4] of text tokens: (0, 0, 0, i)."""
  ids = np.zeros((length, 4), np.int64)
  ids[:, 3] = np.arange(length)
  return ids


def grid_ids(height: int, width: int, time: int) -> np.ndarray:
  """Position ids [height·width, 4], row-major: (time, h, w, 0)."""
  h, w = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
  zeros = np.zeros(height * width, np.int64)
  return np.stack([zeros + time, h.ravel(), w.ravel(), zeros], -1)


def reference_time(index: int) -> int:
  """The t coordinate of reference number `index`, counted from 0; the target's is 0."""
  return 10 + 10 * index
