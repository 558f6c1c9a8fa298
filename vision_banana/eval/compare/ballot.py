"""Which pair a rater sees next, and on which side: drawn from a seed and the name."""

import hashlib
from collections.abc import Sequence

from vision_banana.eval.compare.pairs import Item
from vision_banana.eval.compare.votes import Votes

SIDES = ("left", "right")


class Ballot:
  """One rater's way through the pairs: the same at every start, no two raters' alike.

  Attributes:
    rater: the name.
    items: all pairs in this rater's order.
  """

  def __init__(self, rater: str, items: Sequence[Item], votes: Votes, seed: int):
    self.rater = rater
    self._votes, self._seed = votes, seed
    self.items = sorted(items, key=lambda item: self._draw("order", item))

  def _draw(self, what: str, item: Item) -> bytes:
    text = "\0".join((what, str(self._seed), self.rater, item.name))
    return hashlib.sha256(text.encode()).digest()

  def left(self, item: Item) -> str:
    """'a' or 'b': whose picture is on the left."""
    return "ab"[self._draw("side", item)[0] % 2]

  def picture_of(self, item: Item, side: str) -> str:
    """'a' or 'b' for 'left' or 'right'."""
    return self.left(item) if side == "left" else "ba"["ab".index(self.left(item))]

  def next(self) -> int | None:
    """Place of the first pair without a vote; None when all have one."""
    for place, item in enumerate(self.items):
      if self._votes.choice(self.rater, item) is None:
        return place
    return None

  def done(self) -> int:
    """How many pairs have this rater's vote."""
    return sum(self._votes.choice(self.rater, i) is not None for i in self.items)

  def voted(self, item: Item) -> str | None:
    """'left', 'right', 'tie', or None without a vote."""
    choice = self._votes.choice(self.rater, item)
    if choice in (None, "tie"):
      return choice
    return next(s for s in SIDES if self.picture_of(item, s) == choice)

  def vote(self, item: Item, said: str) -> None:
    """Stores 'left', 'right' or 'tie'.

    Raises:
      UserError: it could not be stored.
    """
    choice = said if said == "tie" else self.picture_of(item, said)
    self._votes.add(self.rater, item, choice, self.left(item))
