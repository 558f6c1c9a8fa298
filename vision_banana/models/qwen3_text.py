"""Prompts to the token ids that FLUX.2 [klein]'s text encoder reads.

Reference: `Flux2KleinPipeline` of diffusers with the tokenizer of transformers.
"""

import numpy as np
import tokenizers

from vision_banana.errors import UserError
from vision_banana.models.text import check_unicode

TEMPLATE = (
    "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")
PAD = "<|endoftext|>"
SPECIAL = (PAD, "<|im_start|>", "<|im_end|>", "<think>", "</think>")


class Tokenizer:
  """Text to padded ids: the prompt as a user's turn, answered without thinking.

  The text of a special token inside a prompt becomes that token, as in the
  reference: a prompt with '<|im_end|>' ends the user's turn early, and one with
  '<|endoftext|>' holds the padding id at a place that is attended to.
  """

  def __init__(self, core: tokenizers.Tokenizer, max_length: int = 512):
    """Checks the vocabulary.

    Args:
      core: a Qwen tokenizer; padding and truncation stored in it are dropped.
      max_length: tokens a prompt is padded or cut to, the template included.

    Raises:
      UserError: if a token of the template is absent.
    """
    absent = [token for token in SPECIAL if core.token_to_id(token) is None]
    if absent:
      raise UserError(
          f"the tokenizer has no token {', '.join(absent)}; use the tokenizer.json "
          "of FLUX.2 [klein].")
    core.no_padding()
    core.no_truncation()
    self.core = core
    self.max_length = max_length
    self.pad = core.token_to_id(PAD)

  @classmethod
  def from_file(cls, path: str, max_length: int = 512) -> "Tokenizer":
    """Reads a tokenizer.json.

    Raises:
      UserError: if it is missing, damaged, or not Qwen's.
    """
    try:
      core = tokenizers.Tokenizer.from_file(path)
    except Exception as e:  # The library raises bare Exception.
      raise UserError(
          f"{path}: not a readable tokenizer.json ({e}); restore the file.") from e
    try:
      return cls(core, max_length)
    except UserError as e:
      raise UserError(f"{path}: {e}") from e

  def __call__(
      self, prompts: list[str], strict: bool = False
  ) -> tuple[np.ndarray, np.ndarray]:
    """Tokenises.

    Args:
      prompts: B texts, wrapped in the template here.
      strict: refuse prompts that do not fit. Otherwise they are cut at the end,
        which takes the end of the template too, as the reference does.

    Returns:
      (ids int32 [B, max_length], mask bool [B, max_length], False where padded).

    Raises:
      UserError: if a prompt is not valid Unicode, or is too long and `strict`.
    """
    before, after = TEMPLATE
    check_unicode(prompts)
    shape = (len(prompts), self.max_length)
    ids, mask = np.full(shape, self.pad, np.int32), np.zeros(shape, bool)
    encoded = self.core.encode_batch([before + p + after for p in prompts])
    for i, tokens in enumerate(e.ids for e in encoded):
      if strict and len(tokens) > self.max_length:
        raise UserError(
            f"prompt '{prompts[i][:40]}…' has {len(tokens)} tokens with its "
            f"template, the model reads {self.max_length}; shorten it.")
      tokens = tokens[:self.max_length]
      ids[i, :len(tokens)] = tokens
      mask[i, :len(tokens)] = True
    return ids, mask

  def to_json(self) -> str:
    return self.core.to_str()
