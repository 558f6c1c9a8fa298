"""'Is there an instance of NP in this image?': an outside model, or the mask itself.

SA-Co/Gold asks about many things that are not in the picture. The paper leaves this
question to a multimodal language model, as a multiple choice with (A) Yes, (B) No;
its generator was not tuned to paint empty masks. Ours is, so its own answer can
stand in.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from vision_banana.codecs import instances
from vision_banana.errors import UserError
from vision_banana.eval import images
from vision_banana.eval.outside import choices
from vision_banana.eval.outside.asker import Asker, Question

_OPTIONS = {"A": "Yes", "B": "No"}


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
  """A picture and a noun phrase.

  Attributes:
    picture: a path, or what else `images.read` reads.
    phrase: for example 'a red mug'.
    labels: [H,W], the decoded answer to the phrase: 0 nothing, else an instance;
      None before anything was painted.
  """
  picture: images.ImageLike
  phrase: str
  labels: np.ndarray | None = None


class Presence(Protocol):
  """Says of pairs whether the phrase is there.

  Attributes:
    about: how, for the protocol of a row.
  """
  about: str

  def __call__(self, pairs: Sequence[Pair]) -> list[bool | None]:
    """In order; None where there is no readable answer, to be counted by the caller."""


def prompt(phrase: str) -> str:
  """The multiple choice."""
  return (f"Is there an instance of \"{phrase}\" in this image?\n(A) Yes\n(B) No\n"
          "Answer with (A) or (B) only.")


class ByModel:
  """Asks an outside model, as the paper does."""

  def __init__(self, asker: Asker):
    self._asker = asker
    self.about = f"presence: {asker.model}, (A) Yes (B) No"

  def __call__(self, pairs: Sequence[Pair]) -> list[bool | None]:
    """See `Presence`.

    Raises:
      UserError: as `Asker.ask`.
    """
    texts = self._asker.ask([Question(prompt(p.phrase), (p.picture,)) for p in pairs])
    chosen = [None if t is None else choices.parse(t, _OPTIONS) for t in texts]
    return [None if c is None else c == "A" for c in chosen]


class ByMask:
  """Takes the painted mask's word: too small a share of the picture is 'not there'."""

  def __init__(self, min_share: float = instances.MIN_AREA):
    """Sets the limit.

    Args:
      min_share: of the pixels, 0..1; below it nothing is there. The default is the
        smallest instance that the decoder keeps.

    Raises:
      UserError: no share.
    """
    if not 0 < min_share < 1:
      raise UserError(f"min_share {min_share}: give a share of the picture above 0 and "
                      "below 1.")
    self._min_share = min_share
    self.about = f"presence: painted mask covers at least {min_share:g}"

  def __call__(self, pairs: Sequence[Pair]) -> list[bool | None]:
    """See `Presence`; never None.

    Raises:
      ValueError: a pair without labels.
    """
    if any(p.labels is None for p in pairs):
      raise ValueError("presence by mask needs what was painted")
    return [float(np.mean(p.labels > 0)) >= self._min_share for p in pairs]
