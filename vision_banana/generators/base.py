"""What a generator is to the trainer, the evaluator and the API."""

from collections.abc import Sequence
from typing import Any, Protocol

import jax
import numpy as np
import tokenizers

Params = dict[str, Any]
Batch = dict[str, Any]


class Tokenizer(Protocol):
  """Prompts to what a text encoder reads: nano's or Qwen3's."""

  core: tokenizers.Tokenizer
  max_length: int

  def __call__(
      self, prompts: list[str], strict: bool = False
  ) -> tuple[np.ndarray, np.ndarray]:
    """Prompts to (ids int32 [B, T], mask bool [B, T])."""

  def to_json(self) -> str:
    """The content of a tokenizer.json."""


class Generator(Protocol):
  """A family of image generators: its loss, its sampler, its text."""

  def init(self, key: jax.Array) -> Params:
    """Random parameters: a plain nested dict of float32 arrays."""

  def draw(self, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
    """All that is random in the loss of a batch; arrays with the batch axis first.

    Apart from the loss, so that a batch that is taken in pieces has the noise it
    would have whole.
    """

  def loss(
      self, params: Params, batch: Batch, key: jax.Array,
      drawn: dict[str, jax.Array] | None = None,
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The training objective; pure, differentiable in `params`.

    Args:
      params: from `init`.
      batch: fields of a Sample with a leading batch axis, and `tokens` int32
        [B, T] with `text_mask` bool [B, T] in place of the prompt.
      key: randomness of this step.
      drawn: what `draw` gave for this batch; None draws it with `key`.

    Returns:
      (scalar loss, aux): `rgb` [B, H, W, 3] the clean target as predicted (0..1,
      may exceed), `target` [B, H, W, 3], `loss_per_sample` [B], `level` [B].
    """

  def generate(
      self,
      params: Params,
      tokens: jax.Array,
      text_mask: jax.Array,
      references: Sequence[jax.Array],
      present: jax.Array | None,
      key: jax.Array,
      *,
      size: tuple[int, int],
      steps: int,
      guidance: float,
      noise: jax.Array | None = None,
      negative: jax.Array | None = None,
  ) -> jax.Array:
    """Samples pictures.

    Args:
      params: from `init` or training.
      tokens: int32 [B, T].
      text_mask: bool [B, T].
      references: R arrays float32 [B, H', W', 3] in 0..1, of any sizes; R may be 0.
      present: bool [B, R], False hides a reference; None shows all.
      key: starting noise.
      size: (height, width) of the pictures.
      steps: network evaluations (twice that with guidance).
      guidance: classifier-free guidance; 1 samples without it, in one pass.
      noise: starting noise, latent tokens float32 [B, N, C] in row-major order, or
        None to draw it.
      negative: what `encode_negative` gave for these `params`, so that guidance need
        not encode the empty prompt again; None encodes it.

    Returns:
      float32 [B, H, W, 3] in 0..1.
    """

  def encode_negative(self, params: Params) -> jax.Array:
    """Text features [1, T, D] of the empty prompt, for `generate`."""

  def tokenize(
      self, prompts: list[str], strict: bool = False
  ) -> tuple[np.ndarray, np.ndarray]:
    """Prompts to (tokens, mask); `strict` refuses prompts that do not fit."""
