"""How often perceptual hashes take different rooms for one, or miss a copy.

  python experiments/hash_errors.py > experiments/hash_errors.json

Rooms are much more alike than photographs, so the first number is a harsh one.
"""

import argparse
import io
import json
import time

import numpy as np
from PIL import Image

from vision_banana.data import fingerprints, sources


def _copy(image: np.ndarray, keep: float, rng: np.random.Generator) -> np.ndarray:
  """A crop at a random place, scaled by 0.4 to 1, as a JPEG of quality 40 to 95."""
  edge = round(keep * len(image))
  top, left = rng.integers(0, len(image) - edge + 1, 2)
  side = max(8, round(edge * rng.uniform(.4, 1)))
  small = Image.fromarray(image[top:top + edge, left:left + edge]).resize((side, side))
  buffer = io.BytesIO()
  small.save(buffer, "JPEG", quality=int(rng.integers(40, 96)))
  return np.asarray(Image.open(buffer))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--source", default="rooms", help="name or folder of scenes")
  parser.add_argument("--splits", nargs="+", default=["train", "test"])
  args = parser.parse_args()
  images = [scene["image"] for split in args.splits
            for scene in sources.open_source(args.source, split)]
  hashes = np.array([fingerprints.perceptual_hash(image) for image in images])
  views = np.array([fingerprints.views(image) for image in images])
  nearest = np.array([np.bitwise_count(h ^ views).min(1) for h in hashes])
  pairs = nearest[~np.eye(len(images), dtype=bool)]
  rng = np.random.default_rng(0)
  result = {
      "pictures": len(images), "pairs": len(pairs),
      "threshold": fingerprints.THRESHOLD,
      "taken for the same": int((pairs <= fingerprints.THRESHOLD).sum()),
      "bits between different pictures": [int(pairs.min()), float(pairs.mean())]}
  for keep in (1.0, 0.97, 0.95, 0.93, 0.9):
    copies = [fingerprints.perceptual_hash(_copy(x, keep, rng)) for x in images]
    bits = [np.bitwise_count(h ^ v).min() for h, v in zip(copies, views)]
    result[f"found, {keep:.0%} of each side kept"] = float(
        np.mean(np.array(bits) <= fingerprints.THRESHOLD))
  known = fingerprints.HashList("b", tuple(map(str, range(5000))),
                                rng.integers(1, 2**64 - 1, (5000, 6), np.uint64))
  queries = rng.integers(1, 2**64 - 1, 20_000, np.uint64)
  start = time.perf_counter()
  fingerprints.matches(queries, [known])
  result["million comparisons per second"] = round(
      len(queries) * known.hashes.size / (time.perf_counter() - start) / 1e6)
  print(json.dumps(result, indent=1))


if __name__ == "__main__":
  main()
