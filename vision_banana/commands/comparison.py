"""compare: the win rate of one folder of pictures over another."""

import argparse
import pathlib

from vision_banana.commands import outside
from vision_banana.eval import files
from vision_banana.eval.compare import result, session


def compare(args: argparse.Namespace) -> None:
  """Serves two folders to vote on, or has a model judge them; prints the result."""
  comparison = session.Session(args.a, args.b, out=args.out, prompts=args.prompts,
                               inputs=args.inputs)
  unread, judge = 0, outside.asked(args, "judge", comparison.out / "answers")
  if judge is not None:
    unread = comparison.judge(judge)
  elif args.serve:
    comparison.serve(args.seed, args.port)
  found = comparison.summary()
  if args.json:
    files.write_all({pathlib.Path(args.json): files.json_text(found)})
  print(result.text(found))
  if unread:
    print(f"left out: {unread} pairs without a readable answer of {args.judge_model}")
