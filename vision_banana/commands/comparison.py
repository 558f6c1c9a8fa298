"""compare: the win rate of one folder of pictures over another."""

import argparse
import pathlib

from vision_banana.errors import UserError
from vision_banana.eval import files
from vision_banana.eval.compare import result, session
from vision_banana.eval.outside import answers, asker, connect


def compare(args: argparse.Namespace) -> None:
  """Serves two folders to vote on, or has a model judge them; prints the result."""
  comparison = session.Session(args.a, args.b, out=args.out, prompts=args.prompts,
                               inputs=args.inputs)
  unread = 0
  if args.judge:
    unread = comparison.judge(_asker(args, comparison.out / "answers"))
  elif args.serve:
    comparison.serve(args.seed, args.port)
  found = comparison.summary()
  if args.json:
    files.write_all({pathlib.Path(args.json): files.json_text(found)})
  print(result.text(found))
  if unread:
    print(f"left out: {unread} pairs without a readable answer of {args.judge_model}")


def _asker(args: argparse.Namespace, folder: pathlib.Path) -> asker.Asker:
  if not args.judge_model:
    raise UserError("--judge: name the model with --judge-model.")
  price = args.price and answers.Price(*args.price)
  return asker.Asker(connect.connect(args.judge, args.judge_model, args.base_url),
                     folder, concurrency=args.concurrency, price=price)
