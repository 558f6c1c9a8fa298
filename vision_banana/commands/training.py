"""train, and compile: the same step ahead of time for a pod."""

import argparse
import dataclasses
import pathlib
import re

from vision_banana.errors import UserError
from vision_banana.eval import files
from vision_banana.train import aot, config, launch, partitioning, rendezvous
from vision_banana.train import search


def train(args: argparse.Namespace) -> None:
  """Trains, or goes on with a run that stopped."""
  experiment = config.load(args.config, args.overrides)
  rendezvous.join(args.coordinator, args.num_processes, args.process_id,
                  args.host_timeout)
  result = launch.train(experiment, args.workdir, args.host_timeout)
  if result.reason == "SIGTERM":
    raise SystemExit(143)  # as a process ended by the signal, for schedulers


def compile(args: argparse.Namespace) -> None:  # pylint: disable=redefined-builtin
  """Compiles training and sampling for a pod; prints what they take as JSON."""
  if not 0 < args.mfu <= 1:
    raise UserError(f"--mfu {args.mfu:g}: give a share of the peak in 0..1.")
  experiment = config.load(args.config, args.overrides)
  if args.mesh:
    experiment = dataclasses.replace(experiment, mesh=_mesh(args.mesh))
  if args.search:
    experiment, found = search.search(experiment, args.topology, mfu=args.mfu)
    if args.what != "step":
      found |= aot.report(experiment, args.topology, what="sampler", mfu=args.mfu)
  else:
    found = aot.report(experiment, args.topology, what=args.what, mfu=args.mfu)
  if args.json:
    files.write_all({pathlib.Path(args.json): files.json_text(found)})
  print(files.json_text(found).decode(), end="")


def _mesh(text: str) -> partitioning.MeshConfig:
  """'data=1,fsdp=16,tensor=1' to a mesh; axes not named keep their defaults."""
  axes = {}
  for part in text.split(","):
    match = re.fullmatch(r"(data|fsdp|tensor)=(-1|\d{1,6})", part.strip())
    if not match:
      raise UserError(f"--mesh {text}: '{part}' is no axis; write "
                      "data=1,fsdp=16,tensor=1.")
    axes[match[1]] = int(match[2])
  return partitioning.MeshConfig(**axes)
