"""What a generator is to the trainer, the evaluator and the API."""

from typing import Any, Protocol

import jax
import numpy as np

Params = dict[str, Any]
Batch = dict[str, Any]


class Generator(Protocol):
  """A family of image generators: its loss, its sampler, its text."""

  def init(self, key: jax.Array) -> Params:
    """Random parameters: a plain nested dict of float32 arrays."""

  def loss(
      self, params: Params, batch: Batch, key: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The training objective; pure, differentiable in `params`.

    Args:
      params: from `init`.
      batch: fields of a Sample with a leading batch axis, and `tokens` int32
        [B, T] with `text_mask` bool [B, T] in place of the prompt.
      key: randomness of this step.

    Returns:
      (scalar loss, aux): `rgb` [B, H, W, 3] the clean target as predicted (0..1,
      may exceed), `target` [B, H, W, 3], `loss_per_sample` [B], `level` [B].
    """

  def generate(
      self,
      params: Params,
      tokens: jax.Array,
      text_mask: jax.Array,
      references: jax.Array,
      present: jax.Array,
      key: jax.Array,
      *,
      size: tuple[int, int],
      steps: int,
      guidance: float,
      noise: jax.Array | None = None,
  ) -> jax.Array:
    """Samples pictures.

    Args:
      params: from `init` or training.
      tokens: int32 [B, T].
      text_mask: bool [B, T].
      references: float32 [B, R, H', W', 3] in 0..1; R may be 0.
      present: bool [B, R], False hides a reference.
      key: starting noise.
      size: (height, width) of the pictures.
      steps: network evaluations (twice that with guidance).
      guidance: classifier-free guidance; 1 samples without it, in one pass.
      noise: starting noise in the generator's own latent layout, or None.

    Returns:
      float32 [B, H, W, 3] in 0..1.
    """

  def tokenize(
      self, prompts: list[str], strict: bool = False
  ) -> tuple[np.ndarray, np.ndarray]:
    """Prompts to (tokens, mask); `strict` refuses prompts that do not fit."""
