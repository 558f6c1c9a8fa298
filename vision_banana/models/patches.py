"""nano's image autoencoder: an invertible transform of patches, nothing learned.

It stands where klein has its VAE. Each patch becomes the coefficients of its
discrete cosine transform (orthonormal, so nothing is lost), divided by the
spread that pictures have at that frequency, as klein's latents are divided by
their batch-norm statistics.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class PatchesConfig:
  """Attributes: size is the edge of a patch in pixels."""
  size: int = 8

  @property
  def channels(self) -> int:
    """Channels of a token."""
    return 3 * self.size**2

  @property
  def pixels(self) -> int:
    """Edge in pixels of the square that one token stands for."""
    return self.size


class Patches:
  """RGB [B, H, W, 3] in 0..1 ↔ tokens [B, H/size · W/size, 3·size²]."""

  def __init__(self, config: PatchesConfig):
    self.size = p = config.size
    self.channels = config.channels
    frequency = np.arange(p)
    basis = np.cos(np.pi / p * (frequency[None] + 0.5) * frequency[:, None])
    basis *= np.sqrt(np.where(frequency[:, None] == 0, 1.0, 2.0) / p)
    self.basis = np.einsum("ux,vy->xyuv", basis, basis).reshape(p * p, p * p)
    # Natural spectra fall about as 1/f in amplitude. A floor keeps noise from
    # being blown up where pictures have almost no energy.
    u, v = np.meshgrid(frequency, frequency, indexing="ij")
    spread = np.maximum(0.5 * p / (1.0 + u**2 + v**2), 0.02 * p)
    self.scale = np.repeat(spread.reshape(-1, 1), 3, 1).ravel().astype(np.float32)
    self.basis = self.basis.astype(np.float32)

  @property
  def channel_weights(self) -> np.ndarray:
    """float32 [channels], mean one: weights that make latent error RGB error."""
    weights = self.scale**2
    return weights / weights.mean()

  def encode(self, rgb: jax.Array) -> jax.Array:
    """Raises ValueError unless both sides are multiples of the patch size."""
    b, h, w, _ = rgb.shape
    p = self.size
    if h % p or w % p:
      raise ValueError(f"image size {h}x{w} is not a multiple of {p}.")
    x = (rgb.astype(jnp.float32) * 2 - 1).reshape(b, h // p, p, w // p, p, 3)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, p * p, 3)
    x = jnp.einsum("bnpc,pf->bnfc", x, self.basis)
    return x.reshape(b, x.shape[1], -1) / self.scale

  def decode(self, tokens: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Tokens to RGB of `size` (height, width); not clipped."""
    (h, w), p = size, self.size
    b = tokens.shape[0]
    x = (tokens.astype(jnp.float32) * self.scale).reshape(b, -1, p * p, 3)
    x = jnp.einsum("bnfc,pf->bnpc", x, self.basis)
    x = x.reshape(b, h // p, w // p, p, p, 3).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h, w, 3) * 0.5 + 0.5
