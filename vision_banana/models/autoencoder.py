"""FLUX.2's image autoencoder: RGB to normalised latents of 16x16 pixels, and back.

Reference: `AutoencoderKLFlux2` of diffusers, with what its pipeline does around
it: the mode of the posterior, 2x2 patches of latents, batch-norm statistics.

Parameters are named as in diffusers with '/' for '.', but `weight` is `kernel`
(HWIO for convolutions, [in, out] for linear layers) or `scale` (norms), and three
lists of one are flat. The tree, {a,b} being alternatives and [x] not always there:

  encoder/conv_in/{kernel,bias}
  encoder/down_blocks/I/resnets/J/{norm1,norm2}/{scale,bias}
  encoder/down_blocks/I/resnets/J/{conv1,conv2,[conv_shortcut]}/{kernel,bias}
  encoder/down_blocks/I/[downsample]/{kernel,bias}        .downsamplers.0.conv.
  encoder/mid_block/resnets/J/…                           as above
  encoder/mid_block/attention/group_norm/{scale,bias}     .attentions.0.
  encoder/mid_block/attention/{to_q,to_k,to_v,to_out}/{kernel,bias}   .to_out.0.
  encoder/conv_norm_out/{scale,bias}
  encoder/conv_out/{kernel,bias}
  decoder/…                     the same but up_blocks, [upsample]  .upsamplers.0.conv.
  {quant_conv,post_quant_conv}/{kernel,bias}
  bn/{running_mean,running_var,num_batches_tracked}       not trained; the last int32 []

Stages have different widths, so blocks are not stacked. I and J are strings.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from vision_banana.models import attention, layers, sharding

_NORM_EPS = 1e-6
# Queries attended at a time: 1024² pixels have 16384, whose logits at once would
# be 1 GB a picture.
_QUERIES = 1024
# Nothing is split within a picture, so that a batch may use every device.
_EVERYTHING = (*sharding.BATCH, sharding.TENSOR)


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
  """Sizes of the autoencoder.

  Attributes:
    stage_channels: width of each stage, from full resolution down; every stage
      but the last halves the resolution.
    layers_per_stage: residual blocks of an encoder stage; a decoder stage has one
      more.
    latent_channels: of a latent before patches are joined.
    norm_groups: of every group norm.
    batch_norm_eps: added to the running variance of the latents.
  """
  stage_channels: tuple[int, ...] = (128, 256, 512, 512)
  layers_per_stage: int = 2
  latent_channels: int = 32
  norm_groups: int = 32
  batch_norm_eps: float = 1e-4

  def __post_init__(self):
    if any(c % self.norm_groups for c in self.stage_channels):
      raise ValueError(
          f"stage_channels must be multiples of norm_groups={self.norm_groups}, "
          f"got {self.stage_channels}.")

  @property
  def channels(self) -> int:
    """Channels of a latent as the transformer sees it: a 2x2 patch."""
    return 4 * self.latent_channels

  @property
  def pixels(self) -> int:
    """Edge in pixels of the square that one latent stands for."""
    return 2 ** len(self.stage_channels)


class Linear(layers.Linear):
  """A linear layer with a bias."""

  def __init__(self, features_in: int, features_out: int, rngs: nnx.Rngs):
    super().__init__(features_in, features_out, rngs)
    self.bias = nnx.Param(jnp.zeros(features_out))

  def __call__(self, x: jax.Array) -> jax.Array:
    # Stored in parts, as a convolution's.
    kernel = sharding.constrain(self.kernel[...])
    return layers.project(x, kernel) + self.bias[...].astype(x.dtype)


class Conv(nnx.Module):
  """A square convolution of [B, H, W, C] with a bias.

  'SAME' pads stride 1 evenly, and stride 2 over even sides at the end only:
  both are what the reference pads.
  """

  def __init__(
      self, features_in: int, features_out: int, size: int, rngs: nnx.Rngs, *,
      stride: int = 1,
  ):
    self.stride = stride
    shape = (size, size, features_in, features_out)
    self.kernel = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), shape))
    self.bias = nnx.Param(jnp.zeros(features_out))

  def __call__(self, x: jax.Array) -> jax.Array:
    # Stored in parts; every device convolves pictures of its own.
    kernel = sharding.constrain(self.kernel[...].astype(x.dtype))
    out = jax.lax.conv_general_dilated(
        x, kernel, (self.stride, self.stride), "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return out + self.bias[...].astype(x.dtype)


class GroupNorm(nnx.Module):
  """Group norm of [B, H, W, C] over pixels and neighbouring channels, in float32."""

  def __init__(self, features: int, groups: int):
    self.groups = groups
    self.scale = nnx.Param(jnp.ones(features))
    self.bias = nnx.Param(jnp.zeros(features))

  def __call__(self, x: jax.Array) -> jax.Array:
    h = x.astype(jnp.float32).reshape(*x.shape[:3], self.groups, -1)
    h = h - h.mean((1, 2, 4), keepdims=True)
    h = h * jax.lax.rsqrt(
        jnp.square(h).mean((1, 2, 4), keepdims=True) + _NORM_EPS)
    return (h.reshape(x.shape) * self.scale[...] + self.bias[...]).astype(x.dtype)


class ResnetBlock(nnx.Module):
  """Two convolutions, each after norm and SiLU, around a residual."""

  def __init__(self, features_in: int, features_out: int, groups: int, rngs: nnx.Rngs):
    self.norm1 = GroupNorm(features_in, groups)
    self.conv1 = Conv(features_in, features_out, 3, rngs)
    self.norm2 = GroupNorm(features_out, groups)
    self.conv2 = Conv(features_out, features_out, 3, rngs)
    if features_in != features_out:
      self.conv_shortcut = Conv(features_in, features_out, 1, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    h = self.conv1(jax.nn.silu(self.norm1(x)))
    h = self.conv2(jax.nn.silu(self.norm2(h)))
    return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nnx.Module):
  """One head over all pixels, around a residual."""

  def __init__(self, features: int, groups: int, rngs: nnx.Rngs):
    self.group_norm = GroupNorm(features, groups)
    self.to_q = Linear(features, features, rngs)
    self.to_k = Linear(features, features, rngs)
    self.to_v = Linear(features, features, rngs)
    self.to_out = Linear(features, features, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    b, _, w, c = x.shape
    h = self.group_norm(x)
    k, v = (p(h).reshape(b, -1, 1, c) for p in (self.to_k, self.to_v))
    rows = self.to_q(h).swapaxes(0, 1)
    attended = jax.lax.map(
        lambda row: attention.dot_product(row[:, :, None], k, v, None), rows,
        batch_size=max(1, _QUERIES // w))
    return x + self.to_out(attended.swapaxes(0, 1).reshape(x.shape))


class MidBlock(nnx.Module):
  """Attention between two residual blocks, at the lowest resolution."""

  def __init__(self, features: int, groups: int, rngs: nnx.Rngs):
    self.resnets = _sequence(
        ResnetBlock(features, features, groups, rngs) for _ in range(2))
    self.attention = Attention(features, groups, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.resnets["1"](self.attention(self.resnets["0"](x)))


class DownBlock(nnx.Module):
  """An encoder stage."""

  def __init__(
      self, features_in: int, features_out: int, config: AutoencoderConfig,
      rngs: nnx.Rngs, *, downsample: bool,
  ):
    self.resnets = _resnets(
        features_in, features_out, config.layers_per_stage, config.norm_groups, rngs)
    if downsample:
      self.downsample = Conv(features_out, features_out, 3, rngs, stride=2)

  def __call__(self, x: jax.Array) -> jax.Array:
    x = _apply(self.resnets, x)
    return self.downsample(x) if hasattr(self, "downsample") else x


class UpBlock(nnx.Module):
  """A decoder stage."""

  def __init__(
      self, features_in: int, features_out: int, config: AutoencoderConfig,
      rngs: nnx.Rngs, *, upsample: bool,
  ):
    self.resnets = _resnets(
        features_in, features_out, config.layers_per_stage + 1, config.norm_groups,
        rngs)
    if upsample:
      self.upsample = Conv(features_out, features_out, 3, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    x = _apply(self.resnets, x)
    if not hasattr(self, "upsample"):
      return x
    return self.upsample(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2))


class Encoder(nnx.Module):
  """Pictures in -1..1 to means and log-variances of latents."""

  def __init__(self, config: AutoencoderConfig, rngs: nnx.Rngs):
    c, groups = config.stage_channels, config.norm_groups
    self.conv_in = Conv(3, c[0], 3, rngs)
    self.down_blocks = _sequence(
        DownBlock(a, b, config, rngs, downsample=i < len(c) - 1)
        for i, (a, b) in enumerate(zip(c[:1] + c, c)))
    self.mid_block = MidBlock(c[-1], groups, rngs)
    self.conv_norm_out = GroupNorm(c[-1], groups)
    self.conv_out = Conv(c[-1], 2 * config.latent_channels, 3, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    x = self.mid_block(_apply(self.down_blocks, self.conv_in(x)))
    return self.conv_out(jax.nn.silu(self.conv_norm_out(x)))


class Decoder(nnx.Module):
  """Latents to pictures in -1..1."""

  def __init__(self, config: AutoencoderConfig, rngs: nnx.Rngs):
    c, groups = config.stage_channels[::-1], config.norm_groups
    self.conv_in = Conv(config.latent_channels, c[0], 3, rngs)
    self.mid_block = MidBlock(c[0], groups, rngs)
    self.up_blocks = _sequence(
        UpBlock(a, b, config, rngs, upsample=i < len(c) - 1)
        for i, (a, b) in enumerate(zip(c[:1] + c, c)))
    self.conv_norm_out = GroupNorm(c[-1], groups)
    self.conv_out = Conv(c[-1], 3, 3, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    x = _apply(self.up_blocks, self.mid_block(self.conv_in(x)))
    return self.conv_out(jax.nn.silu(self.conv_norm_out(x)))


class LatentNorm(nnx.Module):
  """Statistics of every latent channel: frozen, and not `nnx.Param`s."""

  def __init__(self, channels: int):
    self.running_mean = nnx.BatchStat(jnp.zeros(channels))
    self.running_var = nnx.BatchStat(jnp.ones(channels))
    # Not used; kept so that a checkpoint can be written back as it was read.
    self.num_batches_tracked = nnx.BatchStat(jnp.zeros((), jnp.int32))

  def statistics(self, eps: float) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation, float32 [channels]."""
    variance = self.running_var[...].astype(jnp.float32)
    return self.running_mean[...].astype(jnp.float32), jnp.sqrt(variance + eps)


class Autoencoder(nnx.Module):
  """The autoencoder, deterministic both ways."""

  def __init__(self, config: AutoencoderConfig, rngs: nnx.Rngs):
    self.config = config
    latent = config.latent_channels
    self.encoder = Encoder(config, rngs)
    self.decoder = Decoder(config, rngs)
    self.quant_conv = Conv(2 * latent, 2 * latent, 1, rngs)
    self.post_quant_conv = Conv(latent, latent, 1, rngs)
    self.bn = LatentNorm(config.channels)

  def encode(self, rgb: jax.Array, dtype: Any = None) -> jax.Array:
    """The most likely latents of pictures.

    Args:
      rgb: floats [B, H, W, 3] in 0..1; H and W multiples of `config.pixels`.
      dtype: computed in; None is that of `rgb`.

    Returns:
      [B, H / pixels, W / pixels, channels], dtype of `rgb`: about zero mean and
      unit variance.

    Raises:
      ValueError: a side is not a multiple of `pixels`, or `rgb` is not floats.
    """
    _, height, width, _ = rgb.shape
    pixels = self.config.pixels
    if height % pixels or width % pixels:
      raise ValueError(f"image size {height}x{width} is not a multiple of {pixels}.")
    if not jnp.issubdtype(rgb.dtype, jnp.floating):
      raise ValueError(f"rgb must be floats in 0..1, got {rgb.dtype}.")
    # TPUs would multiply float32 as bfloat16.
    with jax.default_matmul_precision("float32"):
      # Colours are finer about the middle, where bfloat16 is: scale, then round.
      x = sharding.constrain((rgb * 2 - 1).astype(dtype or rgb.dtype), _EVERYTHING)
      moments = self.quant_conv(self.encoder(x))
    mode = moments[..., :self.config.latent_channels].astype(jnp.float32)
    mean, std = self.bn.statistics(self.config.batch_norm_eps)
    latents = ((patchify(mode) - mean) / std).astype(rgb.dtype)
    return sharding.constrain(latents, sharding.BATCH)

  def decode(self, latents: jax.Array) -> jax.Array:
    """Pictures of latents, computed in float32 whatever comes in.

    Args:
      latents: [B, h, w, channels], as `encode` returns them.

    Returns:
      float32 [B, h · pixels, w · pixels, 3] in 0..1, not clipped.
    """
    mean, std = self.bn.statistics(self.config.batch_norm_eps)
    z = unpatchify(latents.astype(jnp.float32) * std + mean)
    z = sharding.constrain(z, _EVERYTHING)
    with jax.default_matmul_precision("float32"):
      return self.decoder(self.post_quant_conv(z)) * 0.5 + 0.5


def patchify(x: jax.Array) -> jax.Array:
  """[B, 2h, 2w, C] to [B, h, w, 4C]: channel 4c + 2·dy + dx is c at (dy, dx)."""
  b, h, w, c = x.shape
  x = x.reshape(b, h // 2, 2, w // 2, 2, c)
  return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, 4 * c)


def unpatchify(x: jax.Array) -> jax.Array:
  """Inverse of `patchify`."""
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, c // 4, 2, 2)
  return x.transpose(0, 1, 4, 2, 5, 3).reshape(b, 2 * h, 2 * w, c // 4)


def _sequence(modules: Iterable[nnx.Module]) -> nnx.Dict:
  """Modules under the names '0', '1', …: strings, as in a flat checkpoint."""
  return nnx.Dict({str(i): module for i, module in enumerate(modules)})


def _apply(modules: nnx.Dict, x: jax.Array) -> jax.Array:
  for i in range(len(modules)):
    x = modules[str(i)](x)
  return x


def _resnets(
    features_in: int, features_out: int, num: int, groups: int, rngs: nnx.Rngs
) -> nnx.Dict:
  return _sequence(
      ResnetBlock(features_out if i else features_in, features_out, groups, rngs)
      for i in range(num))
