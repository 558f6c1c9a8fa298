"""The outside model that a command's arguments name."""

import argparse
import pathlib

from vision_banana.errors import UserError
from vision_banana.eval.outside import answers, asker, connect


def asked(args: argparse.Namespace, name: str, folder: pathlib.Path) -> asker.Asker:
  """The model of --NAME and --NAME-model; its answers are kept in `folder`.

  Raises:
    UserError: no model is named, or it cannot be connected to.
  """
  model = getattr(args, f"{name}_model")
  if not model:
    raise UserError(f"--{name}: name the model with --{name}-model.")
  price = args.price and answers.Price(*args.price)
  return asker.Asker(connect.connect(getattr(args, name), model, args.base_url),
                     folder, concurrency=args.concurrency, price=price)
