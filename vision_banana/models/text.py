"""nano's text side: a byte-level BPE tokenizer and a small transformer encoder."""

import dataclasses
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
from flax import nnx

from vision_banana.errors import UserError
from vision_banana.models import layers, sharding

PAD, EOS = 0, 1


@dataclasses.dataclass(frozen=True)
class TextConfig:
  """Sizes of the encoder.

  Attributes:
    vocab_size: rows of the embedding.
    max_length: tokens a prompt is padded or cut to.
    width: channels of a token, inside and out.
    num_layers: transformer blocks.
    num_heads: attention heads.
    mlp_ratio: hidden size of the gated MLP over the width.
  """
  vocab_size: int = 2048
  max_length: int = 64
  width: int = 192
  num_layers: int = 2
  num_heads: int = 4
  mlp_ratio: float = 2.0

  @property
  def features(self) -> int:
    """Channels of a token as it comes out."""
    return self.width


class Tokenizer:
  """Text to padded ids. Id 0 pads, id 1 ends a prompt."""

  def __init__(self, core: tokenizers.Tokenizer, max_length: int):
    self.core = core
    self.max_length = max_length

  @classmethod
  def bytes_only(cls, max_length: int) -> "Tokenizer":
    """One token a byte, no merges: needs no file and reads any text."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocab = {"<pad>": PAD, "<eos>": EOS}
    vocab |= {c: i + 2 for i, c in enumerate(alphabet)}
    core = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=[]))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    return cls(core, max_length)

  @classmethod
  def from_file(cls, path: str, max_length: int) -> "Tokenizer":
    try:
      return cls(tokenizers.Tokenizer.from_file(path), max_length)
    except Exception as e:  # The library raises bare Exception.
      raise UserError(
          f"{path}: not a readable tokenizer.json ({e}); restore the file.") from e

  def __call__(
      self, prompts: list[str], strict: bool = False
  ) -> tuple[np.ndarray, np.ndarray]:
    """Tokenises.

    Args:
      prompts: B texts; '' becomes the end token alone.
      strict: refuse prompts that do not fit instead of cutting them.

    Returns:
      (ids int32 [B, max_length], mask bool [B, max_length]).

    Raises:
      UserError: a prompt is no Unicode; or `strict`, and it is longer than
        `max_length` − 1 tokens.
    """
    check_unicode(prompts)
    ids = np.full((len(prompts), self.max_length), PAD, np.int32)
    for row, prompt, encoded in zip(
        ids, prompts, self.core.encode_batch(list(prompts))):
      tokens = encoded.ids
      if strict and len(tokens) >= self.max_length:
        raise UserError(
            f"prompt '{prompt[:40]}…' has {len(tokens)} tokens, the model reads "
            f"{self.max_length - 1}; shorten it.")
      tokens = tokens[: self.max_length - 1] + [EOS]
      row[: len(tokens)] = tokens
    return ids, ids != PAD

  def to_json(self) -> str:
    return self.core.to_str()


def check_unicode(prompts: Iterable[str]) -> None:
  """Raises UserError for bytes that were no UTF-8 where a prompt was read from."""
  for prompt in prompts:
    try:
      prompt.encode()
    except UnicodeEncodeError as e:
      raise UserError(
          f"prompt {ascii(prompt[:40])} is not valid Unicode at character "
          f"{e.start}; write it in UTF-8.") from e


class Block(nnx.Module):
  """Pre-norm self-attention and gated MLP."""

  def __init__(self, config: TextConfig, rngs: nnx.Rngs):
    self.num_heads = config.num_heads
    d, hidden = config.width, int(config.width * config.mlp_ratio)
    self.mlp_width = hidden
    self.qkv = layers.Linear(d, 3 * d, rngs)
    self.out = layers.Linear(d, d, rngs)
    self.mlp_in = layers.Linear(d, 2 * hidden, rngs)
    self.mlp_out = layers.Linear(hidden, d, rngs)

  def __call__(self, x, rope, mask):
    q, k, v = (layers.heads(t, self.num_heads) for t in self.qkv.split(
        layers.layer_norm(x, 1e-6), (x.shape[-1],) * 3))
    q, k = layers.apply_rope(q, rope), layers.apply_rope(k, rope)
    x = x + self.out(layers.attention(q, k, v, mask))
    h = self.mlp_in.split(layers.layer_norm(x, 1e-6), (self.mlp_width,) * 2)
    return x + self.mlp_out(layers.swiglu(*h))


class TextEncoder(nnx.Module):
  """Token ids to features, trained together with the generator."""

  def __init__(self, config: TextConfig, rngs: nnx.Rngs):
    self.config = config
    self.embedding = nnx.Embed(config.vocab_size, config.width, rngs=rngs)
    self.blocks = layers.stacked(
        lambda r: Block(config, r), config.num_layers, rngs)

  def __call__(self, ids: jax.Array, mask: jax.Array) -> jax.Array:
    """ids int32 [B, T], mask bool [B, T] → float32 [B, T, width]."""
    c = self.config
    rope = layers.rope_tables(
        np.arange(ids.shape[1])[:, None], (c.width // c.num_heads,), 10000.0)
    x, _ = jax.lax.scan(
        lambda h, block: (block(h, rope, mask), None),
        sharding.constrain(self.embedding(ids), sharding.BATCH), self.blocks,
        unroll=True)
    return layers.layer_norm(x, 1e-6)
