"""convert: a model in another layout."""

import argparse
import pathlib

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, orbax_folder, saved


def convert(args: argparse.Namespace) -> None:
  """Writes a model in another layout."""
  source = pathlib.Path(args.model)
  if source.is_file():
    if not args.source:
      raise UserError(f"{source}: a transformer alone; name the folder with the other "
                      "parts by --source.")
    if args.lora:
      raise UserError(f"--lora {args.lora}: convert {source} first, then merge.")
    model = klein_folder.read(args.source, dtype=args.dtype, transformer=str(source))
  elif source.is_dir():
    model = saved.read(str(source), args.dtype, args.lora)
  else:
    raise UserError(f"{source}: no such model; give a model folder.")
  if args.to == "orbax":
    orbax_folder.write(args.out, model)
  else:
    parts = args.source or model.notes.get("source")
    if not parts:
      raise UserError(f"{source}: is not a klein, or does not say what it was made "
                      "from; name its diffusers folder by --source.")
    klein_folder.write(args.out, model.config, model.params, source=parts)
  print(args.out)
