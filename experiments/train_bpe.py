"""Trains the byte-level BPE of the small text encoder on prompts of every task.

    python experiments/train_bpe.py --source rooms --out tokenizer.json

Text is lowercased and split as `tasks.prompts.PIECES` says, white space between the
pieces is dropped: one token for a word wherever it stands, one for each number 0 to
255 and one for each byte of a hex colour, so that colours are easy to learn. Ids 0
and 1 are `<pad>` and `<eos>`.
"""

import argparse
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tokenizers
import tqdm

from vision_banana.codecs import colors
from vision_banana.data import augment
from vision_banana.data import sources
from vision_banana.tasks import prompts
from vision_banana.tasks import tasks

SPECIALS = ("<pad>", "<eos>")
_SEED = 0
# Of every colour's spellings, so that rare ones become tokens too.
_COLOR_REPEATS = 3


def corpus(source: sources.Source, count: int) -> Iterator[str]:
  """`count` training prompts, the tasks in turn, half of the scenes mirrored."""
  rng = np.random.default_rng(_SEED)
  scenes = {}
  for i in range(count):
    index = int(rng.integers(len(source)))
    if index not in scenes:
      scenes[index] = source[index]
    scene = scenes[index]
    task = tasks.TASKS[i % len(tasks.TASKS)]
    if tasks.lacks(task, scene):
      continue
    if rng.random() < 0.5:
      scene = augment.flip(scene)
    yield tasks.make(task, scene, rng)["prompt"]


def spellings() -> Iterator[str]:
  """Every colour name, number and hex byte."""
  yield from colors.NAMES
  for value in range(256):
    yield colors.format((value, value, value), "tuple")
    yield colors.format((value, value, value), "hex")


def train(texts: list[str], vocab_size: int) -> tokenizers.Tokenizer:
  """A BPE over bytes; at most `vocab_size` tokens, fewer once all words are one."""
  tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
  tokenizer.normalizer = tokenizers.normalizers.Lowercase()
  tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
      tokenizers.pre_tokenizers.Split(
          tokenizers.Regex(prompts.PIECES), behavior="removed", invert=True),
      tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
  ])
  tokenizer.decoder = tokenizers.decoders.ByteLevel()
  trainer = tokenizers.trainers.BpeTrainer(
      vocab_size=vocab_size, special_tokens=list(SPECIALS), show_progress=False,
      initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
  tokenizer.train_from_iterator(texts, trainer)
  return tokenizer


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--source", default="rooms", help="name or TFDS directory")
  parser.add_argument("--split", default="train")
  parser.add_argument("--samples", type=int, default=40_000)
  parser.add_argument("--vocab_size", type=int, default=2048)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  args = parser.parse_args()
  source = sources.open_source(args.source, args.split)
  drawn = list(tqdm.tqdm(corpus(source, args.samples), total=args.samples,
                         desc="prompts", mininterval=5))
  # The last tenth is held out to count tokens.
  held = drawn[-(len(drawn) // 10):]
  texts = drawn[:-len(held)] + [*spellings()] * _COLOR_REPEATS
  tokenizer = train(texts, args.vocab_size)
  partial = args.out.with_name(args.out.name + ".part")
  tokenizer.save(str(partial))
  os.replace(partial, args.out)
  lengths = np.array([len(e.ids) for e in tokenizer.encode_batch(held)])
  print(f"{args.out}: {tokenizer.get_vocab_size()} tokens; held-out prompts take "
        f"{lengths.mean():.1f} on average, {np.percentile(lengths, 99):.0f} at the "
        f"99th percentile, {(lengths < 64).mean():.2%} fit in 64 with the end token")


if __name__ == "__main__":
  main()
