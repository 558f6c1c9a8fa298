"""Hashes of the scenes of the training recipe, before any rendering.

  python experiments/rooms_hashes.py            # writes rooms_hashes.json beside this
  python experiments/rooms_hashes.py --check    # recomputes three blocks
  python experiments/rooms_hashes.py --check 0 7 29

The recipe is `vision-banana render --num 30000 --size 128 --seed 20000`, in blocks of
1,000 seeds. A hash is the SHA-256 of what the drawn rooms of a block are, with the
empty catalog, so that neither assets nor renderer matter. Numbers count to four
decimals, for mathematical libraries differ in the last digit. All blocks take some six
minutes of processor time.
"""

import argparse
import hashlib
import json
import multiprocessing
import pathlib
import re
import sys

from vision_banana.data.rooms import assets, sampling

FILE = pathlib.Path(__file__).with_suffix(".json")
FIRST, BLOCK, BLOCKS = 20000, 1000, 30
RECIPE = f"vision-banana render --num {BLOCK * BLOCKS} --size 128 --seed {FIRST}"
_EMPTY = assets.Catalog({}, {}, ())
_NUMBER = re.compile(r"-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)")


def describe(seed: int) -> str:
  """A training room in text, its numbers to four decimals."""
  room = sampling.sample(seed, _EMPTY, "train")
  return _NUMBER.sub(lambda m: f"{float(m[0]):.4f}".replace("-0.0000", "0.0000"),
                     repr(room))


def block(index: int) -> str:
  """SHA-256 of the rooms of a block, in hexadecimal."""
  digest = hashlib.sha256()
  start = FIRST + index * BLOCK
  for seed in range(start, start + BLOCK):
    digest.update(describe(seed).encode())
  return digest.hexdigest()


def check(indices: list[int]) -> list[int]:
  """The blocks among `indices` whose rooms are not those of the file."""
  known = json.loads(FILE.read_text())["blocks"]
  return [i for i in indices if block(i) != known[i]]


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--check", nargs="*", type=int, metavar="BLOCK",
                      help=f"compare blocks 0 to {BLOCKS - 1} with the file (default: "
                      "the first, the middle and the last)")
  args = parser.parse_args()
  if args.check is None:
    with multiprocessing.Pool() as pool:
      blocks = pool.map(block, range(BLOCKS), chunksize=1)
    FILE.write_text(json.dumps({
        "recipe": RECIPE, "first_seed": FIRST, "seeds_of_a_block": BLOCK,
        "blocks": blocks}, indent=1) + "\n")
    return 0
  indices = args.check or [0, BLOCKS // 2, BLOCKS - 1]
  wrong = check(indices)
  for i in wrong:
    print(f"block {i} (seeds {FIRST + i * BLOCK} to {FIRST + (i + 1) * BLOCK - 1}) "
          "differs")
  print(f"{len(indices) - len(wrong)} of {len(indices)} blocks are as they were")
  return bool(wrong)


if __name__ == "__main__":
  sys.exit(main())
