"""render, build and hashes: data to train on, and what must not be in it."""

import argparse
import pathlib

from vision_banana.data import build as builder
from vision_banana.data import fingerprints
from vision_banana.data.rooms import assets, generate
from vision_banana.errors import UserError
from vision_banana.eval import files


def render(args: argparse.Namespace) -> None:
  """Renders a dataset of rooms, fetches what rooms are made of, or both.

  Raises:
    UserError: there is no --num or no --out, unless both are missing and assets are
      fetched.
  """
  missing = [f"--{name}" for name in ("num", "out") if getattr(args, name) is None]
  if missing and not (args.fetch_assets and len(missing) == 2):
    raise UserError(f"{' and '.join(missing)}: say how many scenes (--num) to render "
                    "into which folder (--out).")
  if args.fetch_assets:
    assets.fetch()
  if missing:
    return
  generate.render_dataset(args.num, args.size, args.out, args.workers, args.seed,
                          split=args.split, num_edits=args.edits)


def build(args: argparse.Namespace) -> None:
  """Builds a dataset from its official files."""
  builder.build(args.dataset, args.data, args.out, split=args.split, limit=args.limit,
                size=args.size, workers=args.workers, leak_lists=args.leak_lists)
  print(args.out)


def hashes(args: argparse.Namespace) -> None:
  """Lists the perceptual hashes of a benchmark's pictures."""
  name = args.benchmark or pathlib.Path(args.folder).resolve().name
  known = fingerprints.make_list(args.folder, name, args.pattern)
  files.write_all({pathlib.Path(args.out): fingerprints.dump(known)})
  print(f"{args.out}: {len(set(known.names))} pictures of {name}")
