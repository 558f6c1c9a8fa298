"""Run-length encoded masks as COCO stores them, without pycocotools.

A mask is read down its columns: so many zeros, then so many ones, and so on. The
compressed form writes each count, less the one two before, in 5-bit digits as ASCII.
Equal to pycocotools 2.0.11 (common/maskApi.c); one pass of numpy reads many masks.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval.metrics import polygons

_DAMAGED = ("the compressed runs of a mask are empty, hold characters that do not "
            "belong there, or end within a number; the file is damaged.")
_MASKS = 128  # Read in one step: what fits in a processor's cache is quickest.


# Not frozen, only because that takes three times as long to make, and there are many.
@dataclasses.dataclass(eq=False, slots=True)
class Rle:
  """A mask as runs.

  Attributes:
    size: (height, width).
    bounds: int64 [n], pixels (down the columns) up to the end of each run; the runs
      are zeros, ones, zeros, …, and the last bound is height · width.
  """
  size: tuple[int, int]
  bounds: np.ndarray

  @property
  def area(self) -> int:
    """Pixels that are set."""
    runs = np.diff(self.bounds, prepend=0)
    return int(runs[1::2].sum())

  def mask(self) -> np.ndarray:
    """bool [H,W]."""
    runs = np.diff(self.bounds, prepend=0)
    ones = np.arange(len(runs)) % 2 == 1
    return np.repeat(ones, runs).reshape(self.size, order="F")

  def coco(self) -> dict[str, Any]:
    """As JSON: {"size": [H, W], "counts": str}, compressed."""
    runs = np.diff(self.bounds, prepend=0)
    return {"size": list(self.size), "counts": _compress(runs)}


def encode(mask: np.ndarray) -> Rle:
  """The runs of a mask, bool or 0/1 [H,W]."""
  flat = mask.ravel(order="F") != 0
  changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
  start = [0] if flat.size and flat[0] else []  # No zeros come first.
  bounds = np.concatenate([start, changes, [flat.size]]).astype(np.int64)
  return Rle(tuple(mask.shape), bounds)


def parse(segmentations: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> list[Rle]:
  """Reads masks in any form that COCO files hold.

  Args:
    segmentations: each {"size", "counts"} with counts compressed (str, bytes) or not
      (list of int), or a list of polygons [x0, y0, x1, y1, …] whose union is the mask.
    sizes: (height, width) of each one's picture.

  Raises:
    UserError: a mask is not of its picture's size, or its counts do not add up to it.
  """
  out: list[Rle | None] = [None] * len(segmentations)
  texts, at = [], []
  for i, (segmentation, size) in enumerate(zip(segmentations, sizes, strict=True)):
    if not isinstance(segmentation, dict):
      out[i] = encode(polygons.fill(segmentation, size))
      continue
    height, width = segmentation["size"]
    if height != size[0] or width != size[1]:
      raise UserError(f"a mask of {height}x{width} in a picture of {size[0]}x{size[1]} "
                      "(height x width).")
    counts = segmentation["counts"]
    if isinstance(counts, (str, bytes)):
      texts.append(counts if isinstance(counts, str) else counts.decode("latin-1"))
      at.append(i)
    else:
      edges = np.array([0, len(counts)])
      out[i], = _rles(np.array(counts, np.int64), edges, [size])
  for step in range(0, len(texts), _MASKS):
    some = at[step:step + _MASKS]
    read = _rles(*_decompress(texts[step:step + _MASKS]), [sizes[i] for i in some])
    for i, rle in zip(some, read, strict=True):
      out[i] = rle
  return out


def _compress(counts: np.ndarray) -> str:
  left = counts.astype(np.int64)
  left[3:] -= counts[1:-2]
  digits, used = [], []
  more = np.ones(len(left), bool)
  while more.any():
    digit = left & 31
    left >>= 5
    used.append(more)
    more = more & np.where(digit & 16, left != -1, left != 0)
    digits.append(digit + 48 + 32 * more)
  text = np.stack(digits, 1)[np.stack(used, 1)]
  return text.astype(np.uint8).tobytes().decode("ascii")


def _decompress(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
  """Counts of compressed masks, end to end, and where each mask's begin and end."""
  try:
    digits = np.frombuffer("".join(texts).encode("ascii"), np.uint8) - np.uint8(48)
  except UnicodeEncodeError as e:
    raise UserError(_DAMAGED) from e
  lengths = np.array([len(t) for t in texts])
  ends = np.cumsum(lengths)
  # Numbers: digits of 5 bits, the lowest first; all but the last have 32 added.
  last = digits < 32
  if not lengths.all() or digits.max() > 63 or not last[ends - 1].all():
    raise UserError(_DAMAGED)
  # The last digit carries the sign: its 16 stands for -16.
  numbers = ((digits[last] ^ 16).view(np.int8) - np.int8(16)).astype(np.int64)
  # Few numbers have more digits. The ones before the last are shifted in from below.
  more = np.flatnonzero(~last)
  of = more - np.arange(len(more))
  tail = np.flatnonzero(np.diff(of, append=-1))
  size, k = np.diff(tail, prepend=-1), 0
  while len(tail):
    low = digits[more[tail] - k] & 31
    numbers[of[tail]] = (numbers[of[tail]] << 5) | low
    k += 1
    tail, size = tail[size > k], size[size > k]
  # Masks: number i is the count i less the count i - 2, from the fourth on.
  edges = np.concatenate([[0], ends - np.searchsorted(more, ends)])
  starts = edges[:-1]
  zeros = numbers[starts]
  numbers[starts] = 0
  for parity in (0, 1):
    _run_up(numbers[parity::2], (edges + 1 - parity) // 2)
  numbers[starts] = zeros
  return numbers, edges


def _rles(counts: np.ndarray, edges: np.ndarray, sizes: Sequence[tuple[int, int]]
          ) -> list[Rle]:
  """Masks of the counts that begin and end at `edges`; they become the bounds."""
  if counts.min(initial=0) < 0:
    raise UserError("a mask has a run of negative length; the file is damaged.")
  _run_up(counts, edges)
  ends = counts[edges[1:] - 1] if len(counts) else np.zeros(len(sizes))
  wrong = np.flatnonzero(ends != [height * width for height, width in sizes])
  if len(wrong):
    height, width = sizes[wrong[0]]
    raise UserError(f"the runs of a mask do not fill its {height}x{width} pixels "
                    "(height x width); the file is damaged.")
  cuts = edges.tolist()
  return [Rle(tuple(size), counts[a:b]) for size, a, b in zip(sizes, cuts, cuts[1:])]


def _run_up(values: np.ndarray, edges: np.ndarray) -> None:
  """Makes values running sums that begin anew at each edge (the last is the end)."""
  starts = edges[:-1][np.diff(edges) > 0]
  if len(starts):
    # What was summed up to there is taken off each beginning: one pass for all of them.
    values[starts[1:]] -= np.add.reduceat(values, starts)[:-1]
    np.cumsum(values, out=values)
