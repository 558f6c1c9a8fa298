"""The outside model that a command's arguments name."""

import argparse
import pathlib

from vision_banana.errors import UserError
from vision_banana.eval.outside import answers, asker, connect


def asked(args: argparse.Namespace, name: str, folder: pathlib.Path
          ) -> asker.Asker | None:
  """The model of --NAME and --NAME-model, whose answers are kept in `folder`.

  Returns:
    None when there is no --NAME.

  Raises:
    UserError: no model is named, or it cannot be connected to; or there is no --NAME
      and an argument that says more of it.
  """
  if getattr(args, name) is None:
    for more in (f"{name}_model", "base_url", "price"):
      if getattr(args, more) is not None:
        raise UserError(f"--{more.replace('_', '-')}: nobody is asked without --{name}; "
                        f"add --{name} google or --{name} openai.")
    return None
  model = getattr(args, f"{name}_model")
  if not model:
    raise UserError(f"--{name}: name the model with --{name}-model.")
  price = args.price and answers.Price(*args.price)
  return asker.Asker(connect.connect(getattr(args, name), model, args.base_url),
                     folder, concurrency=args.concurrency, price=price)
