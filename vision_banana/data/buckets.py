"""Aspect buckets: pictures keep their shape, batches stay static.

A few shapes of about the same area stand for all aspect ratios. Every scene belongs
to the nearest, is cropped to it, and meets in a batch only scenes of the same, so
that a step is compiled once for each shape. As in other trainers of image generators
(NovelAI's aspect ratio bucketing, kohya-ss); here no shape has more pixels than the
square, so what fits in memory as a square fits as all of them.
"""

import concurrent.futures
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tqdm

# Edge of a latent token of FLUX.2 in pixels; nano's is 8.
MULTIPLE = 16
LONGEST_ASPECT = 8.0  # FLUX.2 takes no longer pictures.
_THREADS = 16  # Heads of files are read at the same time,
_CHUNK = 4096  # and so many asked for at once.

Shape = tuple[int, int]  # (height, width), pixels


def shapes(size: int, aspects: Sequence[float]) -> list[Shape]:
  """One shape for each aspect ratio, without repetitions.

  Args:
    size: edge of the square; every shape has at most size² pixels.
    aspects: width / height. Those above 1 and their inverses mirror each other.

  Raises:
    ValueError: there is no aspect, one beyond 1:8, or a size that is too small, or
      no multiple of `MULTIPLE` with any aspect but 1.
  """
  if not aspects:
    raise ValueError("aspects is empty; (1.0,) crops every picture to a square.")
  for aspect in aspects:
    if not 1 / LONGEST_ASPECT <= aspect <= LONGEST_ASPECT:
      raise ValueError(f"aspect {aspect} is not in 1/8 to 8 (width / height).")
    if aspect != 1 and size % MULTIPLE:
      raise ValueError(f"size {size} with aspects {tuple(aspects)}: it must be a "
                       f"multiple of {MULTIPLE}.")
  return list(dict.fromkeys(_shape(size, aspect) for aspect in aspects))


def _shape(size: int, aspect: float) -> Shape:
  if aspect < 1:
    return _shape(size, 1 / aspect)[::-1]
  if aspect == 1:
    return size, size
  # Of the widths around the exact one, that whose height comes closest.
  exact = size * math.sqrt(aspect) / MULTIPLE
  widths = [w * MULTIPLE for w in (math.floor(exact), math.ceil(exact))]
  made = [(size * size // w // MULTIPLE * MULTIPLE, w) for w in widths]
  made = [shape for shape in made if shape[0]]
  if not made:
    raise ValueError(f"size {size} is too small for an aspect of {aspect}.")
  return min(made, key=lambda s: abs(math.log(s[1] / s[0] / aspect)))


def largest(size: int, aspects: Sequence[float]) -> Shape:
  """The one of `shapes` with the most pixels: the square, where it is among them."""
  return max(shapes(size, aspects), key=math.prod)


def nearest(size: Shape, among: Sequence[Shape]) -> int:
  """Index of the shape whose aspect ratio is closest; the first of equals."""
  height, width = size
  return min(range(len(among)), key=lambda i: abs(
      math.log(width / height * among[i][0] / among[i][1])))


def assign(source: Any, among: Sequence[Shape]) -> np.ndarray:
  """int [n], which shape each scene of a source belongs to.

  Args:
    source: with `size(index)` → (height, width) if that is cheaper than a scene.
    among: shapes.
  """
  size = getattr(source, "size", lambda i: source[i]["image"].shape[:2])
  found = np.zeros(len(source), int)
  # The bar shows when it takes long.
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads, tqdm.tqdm(
      desc="sizes of pictures", total=len(source), delay=5) as bar:
    for start in range(0, len(source), _CHUNK):
      some = range(start, min(start + _CHUNK, len(source)))
      found[start:some.stop] = [
          nearest(shape, among) for shape in threads.map(size, some)]
      bar.update(len(some))
  return found


class Part:
  """The scenes of a source at some of its indices, ascending."""

  def __init__(self, scenes: Any, indices: Sequence[int], blocks: Sequence[int] = ()):
    """`blocks` are the lengths of runs of all scenes that are read as one."""
    self._scenes = scenes
    self._indices = indices
    ends = np.cumsum(blocks)
    # How many of the indices lie in each run.
    self.blocks = [] if not len(ends) else [
        int(n) for n in np.diff(np.searchsorted(indices, ends), prepend=0) if n]

  def __len__(self) -> int:
    return len(self._indices)

  def __getitem__(self, index: int) -> dict[str, Any]:
    return self._scenes[int(self._indices[index])]
