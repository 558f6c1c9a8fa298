"""Perceptual hashes: whether two files show the same picture.

64 bits of the low frequencies (the pHash of Zauner, 2010, thesis, section 3.2):
small under JPEG, resizing and slight cropping, about 32 bits apart for different
pictures.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing import pool
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import tqdm
from PIL import Image

from vision_banana.data import pictures
from vision_banana.errors import UserError

# Pictures at most this many bits apart are taken for the same.
THRESHOLD = 10
# The hash of a picture without structure, which is like no other.
FLAT = np.uint64(0)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm")

_EDGE = 32
_BITS = 64
_FLAT_CONTRAST = 1.0  # Standard deviation in grey levels.
# A list holds each picture whole and its middle square, for datasets are cropped to
# squares, both also without their borders.
_KEEPS = (1.0, 0.95, 0.9)
_BLOCK = 2**22  # Comparisons at a time: some 40 MB.
_HEAD = "# vision_banana perceptual hashes 1, benchmark "


@dataclasses.dataclass(frozen=True)
class HashList:
  """The pictures of a benchmark.

  Attributes:
    benchmark: its name.
    names: N file names; a picture that is stored otherwise than shown comes twice.
    hashes: uint64 [N, V], of V views of each picture.
  """
  benchmark: str
  names: tuple[str, ...]
  hashes: np.ndarray


class Match(NamedTuple):
  """Picture `index` of a source looks like `name` of a benchmark, `bits` apart."""
  index: int
  benchmark: str
  name: str
  bits: int


@functools.cache
def _frequencies() -> tuple[np.ndarray, np.ndarray]:
  """Rows and columns of the 64 lowest frequencies but the mean."""
  pairs = sorted(((i, j) for i in range(_EDGE) for j in range(_EDGE) if i + j),
                 key=lambda p: (sum(p), p))
  rows, columns = zip(*pairs[:_BITS])
  return np.array(rows), np.array(columns)


def perceptual_hash(image: np.ndarray) -> np.uint64:
  """The hash of a picture, uint8 [H, W, 3]; `FLAT` when there is nothing in it."""
  gray = Image.fromarray(image).convert("L").resize(
      (_EDGE, _EDGE), Image.Resampling.LANCZOS)
  gray = np.asarray(gray, np.float32)
  if gray.std() < _FLAT_CONTRAST:
    return FLAT
  low = scipy.fft.dctn(gray, norm="ortho")[_frequencies()]
  return np.packbits(low > np.median(low)).view(">u8")[0].astype(np.uint64)


def views(image: np.ndarray) -> np.ndarray:
  """Hashes of what others may have made of a picture, uint64 [V]."""
  height, width = image.shape[:2]
  side = min(height, width)
  hashes = []
  for shape in ((height, width), (side, side)):
    for keep in _KEEPS:
      rows, columns = (max(1, round(keep * edge)) for edge in shape)
      top, left = (height - rows) // 2, (width - columns) // 2
      hashes.append(perceptual_hash(image[top:top + rows, left:left + columns]))
  return np.array(hashes, np.uint64)


def matches(hashes: np.ndarray, lists: Sequence[HashList],
            threshold: int = THRESHOLD) -> list[Match]:
  """All pictures that are in a list, each with the nearest of that list.

  Args:
    hashes: uint64 [M]; `FLAT` is never found.
    lists: of benchmarks.
    threshold: most bits that may differ.
  """
  found = []
  for known in lists:
    flat = known.hashes.ravel()
    if not flat.size:
      continue
    rows = max(1, _BLOCK // flat.size)
    for start in range(0, len(hashes), rows):
      block = hashes[start:start + rows, None]
      bits = np.bitwise_count(block ^ flat)
      bits[(block == FLAT) | (flat == FLAT)] = _BITS
      nearest = bits.argmin(1)
      for i in np.flatnonzero(bits.min(1) <= threshold):
        name = known.names[nearest[i] // known.hashes.shape[1]]
        found.append(Match(int(start + i), known.benchmark, name,
                           int(bits[i, nearest[i]])))
  return found


def scene_hashes(scene: Mapping[str, Any]) -> np.ndarray:
  """Of the photograph of a scene and of each of its edited pictures, uint64 [1 + E]."""
  edited = [image for _, image in scene.get("edits", ())]
  return np.array([perceptual_hash(image) for image in (scene["image"], *edited)],
                  np.uint64)


def hash_all(images: Iterable, count: int, what: str,
             read: Callable[[Any], np.ndarray]) -> list[np.ndarray]:
  """`read(image)` of all, by threads: decoding and resizing release Python's lock.

  Args:
    images: what `read` takes.
    count: their number, for the progress bar.
    what: for the progress bar.
    read: → hashes.
  """
  with pool.ThreadPool() as threads:
    results = threads.imap(read, images, chunksize=16)
    return list(tqdm.tqdm(results, total=count, desc=what, unit="picture",
                          disable=None))


def make_list(folder: str, benchmark: str, pattern: str = "**/*") -> HashList:
  """Hashes the pictures of a folder.

  Args:
    folder: of a benchmark; pictures are files with a suffix in `SUFFIXES`.
    benchmark: its name.
    pattern: glob of the pictures, where the folder also holds painted labels.

  Raises:
    UserError: no such folder, no pictures in it, or an unreadable picture.
  """
  top = pathlib.Path(folder)
  if not top.is_dir():
    raise UserError(f"{folder}: no such folder; give a benchmark's.")
  try:
    paths = sorted(p for p in top.glob(pattern)
                   if p.suffix.lower() in SUFFIXES and p.is_file())
  except (ValueError, NotImplementedError) as e:
    raise UserError(f"--pattern '{pattern}': {e}; give a glob below the folder, such "
                    "as '**/*.jpg'.") from e
  if not paths:
    raise UserError(f"{folder}: no pictures match '{pattern}'; give another folder or "
                    "--pattern.")
  made = hash_all(paths, len(paths), benchmark, _file_views)
  names = [str(p.relative_to(top)) for p, rows in zip(paths, made) for _ in rows]
  return HashList(benchmark, tuple(names), np.concatenate(made))


def _file_views(path: pathlib.Path) -> np.ndarray:
  """`views` of a file as it is shown and, where that differs, as it is stored.

  Sources lay transparency over white and turn a picture as its tag says; others'
  copies, and some builders, do not. uint64 [1 or 2, V].
  """
  pixels = [pictures.read_rgb(path, str(path))]
  with Image.open(path) as image:
    if pictures.orientation(image) != 1 or image.has_transparency_data:
      pixels.append(np.asarray(image.convert("RGB")))
  return np.array([views(p) for p in pixels])


def dump(known: HashList) -> bytes:
  """A list as text: a head, then the hashes and the name of each picture."""
  lines = [_HEAD + known.benchmark]
  lines += [" ".join([*(f"{h:016x}" for h in hashes), name])
            for hashes, name in zip(known.hashes.tolist(), known.names)]
  return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def load(path: str) -> HashList:
  """Reads what `dump` wrote.

  Raises:
    UserError: missing or damaged.
  """
  try:
    data = pathlib.Path(path).expanduser().read_bytes()
  except OSError as e:
    raise UserError(f"{path}: cannot be read ({e.strerror}); make it by "
                    "'vision-banana hashes'.") from e
  head, *lines = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
  views_ = 2 * len(_KEEPS)
  rows = [line.split(" ", views_) for line in lines]
  try:
    if not head.startswith(_HEAD) or any(len(row) != views_ + 1 for row in rows):
      raise ValueError
    hashes = np.array([[int(h, 16) for h in row[:-1]] for row in rows], np.uint64)
  except (ValueError, OverflowError) as e:
    raise UserError(f"{path}: is no whole list of hashes; make it again by "
                    "'vision-banana hashes'.") from e
  return HashList(head.removeprefix(_HEAD).strip(), tuple(row[-1] for row in rows),
                  hashes.reshape(len(rows), views_))
