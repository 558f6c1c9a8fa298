"""The command line: vision-banana train, eval, predict, generate, render.

Heavy modules are imported by the command that needs them, so that `--help` and
mistakes in the arguments answer at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from vision_banana.errors import UserError


class _Parser(argparse.ArgumentParser):
  """Answers a wrong argument with one line, like every other bad input."""

  def error(self, message: str) -> NoReturn:
    raise UserError(f"{message}; see '{self.prog} --help'.")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
  """Prints a default only where there is one to print."""

  def _get_help_string(self, action: argparse.Action) -> str:
    if action.default is None or action.default in (False, []):
      return action.help
    return super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a command; returns its exit status (2 for bad input)."""
  try:
    # `--config.x.y=v` belongs to no parser: the config decides what it knows.
    args, overrides = _parser().parse_known_args(argv)
    strange = [a for a in overrides if not a.startswith("--config.")]
    if strange or (overrides and args.command != "train"):
      raise UserError(f"unknown argument '{(strange or overrides)[0]}'; see "
                      f"'vision-banana {args.command} --help'.")
    args.overrides = overrides
    from absl import logging  # pylint: disable=g-import-not-at-top
    logging.set_verbosity(logging.ERROR)  # libraries' hints are not for users
    from vision_banana import commands  # pylint: disable=g-import-not-at-top
    getattr(commands, args.command)(args)
    return 0
  except UserError as e:
    # One line, also when a library's words are quoted in it.
    print(f"vision-banana: error: {' '.join(str(e).split())}", file=sys.stderr)
    return 2
  except BrokenPipeError:
    # What reads our output (`| head`) has enough; Python would complain at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
  except KeyboardInterrupt:
    print("vision-banana: interrupted", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
  parser = _Parser(
      prog="vision-banana", allow_abbrev=False,
      description="An image generator as a generalist vision learner: ask it for "
      "depth, normals, masks or edits in words; read the answer from the picture.")
  commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

  def command(name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=text, description=text, allow_abbrev=False,
        formatter_class=_Help)

  _train(command("train", "Train or tune a generator as a config says; resumes."))
  _eval(command("eval", "Evaluate models on a benchmark; table, JSON and report."))
  _predict(command("predict", "Ask about pictures: depth, normals, masks, edges, …"))
  _generate(command("generate", "Paint a picture from a prompt, or edit one."))
  _convert(command("convert", "Convert klein between diffusers and orbax folders."))
  _render(command("render", "Render rooms with exact ground truth as a dataset."))
  return parser


def _train(p: argparse.ArgumentParser) -> None:
  p.add_argument("--config", required=True, metavar="PATH[:key=val,…]",
                 help="config file, with arguments of its get_config; single values "
                 "are changed by --config.section.key=value")
  p.add_argument("--workdir", required=True, metavar="DIR",
                 help="checkpoints and logs; an interrupted run goes on from here")
  hosts = p.add_argument_group(
      "several hosts", "On Cloud TPU, Slurm and Open MPI the processes find each other; "
      "elsewhere each is started with these (or JAX_COORDINATOR_ADDRESS, "
      "JAX_NUM_PROCESSES, JAX_PROCESS_ID). All share --workdir.")
  hosts.add_argument("--coordinator", metavar="HOST:PORT",
                     help="where process 0 runs, and a free port there")
  hosts.add_argument("--num-processes", type=int, metavar="N", help="how many there are")
  hosts.add_argument("--process-id", type=int, metavar="I", help="which this is, from 0")
  hosts.add_argument("--host-timeout", type=float, default=300, metavar="SECONDS",
                     help="without progress after which all end, naming the host that "
                     "holds them up; start and saving may take four times as long")


def _lora(p: argparse.ArgumentParser) -> None:
  p.add_argument("--lora", metavar="FILE|DIR", help="adapter of PEFT, diffusers or a "
                 "run with config.lora, to merge in")


def _sampling(p: argparse.ArgumentParser) -> None:
  p.add_argument("--model", default="nano", metavar="NAME|DIR",
                 help="'nano', 'nano_base', a model folder, or a diffusers folder "
                 "of FLUX.2 [klein]")
  p.add_argument("--steps", type=int, help="sampling steps (default: the model's own)")
  p.add_argument("--guidance", type=float,
                 help="classifier-free guidance, 1 for none (default: the model's own)")


def _eval(p: argparse.ArgumentParser) -> None:
  _sampling(p)
  p.add_argument("--benchmark", default="rooms", help="'rooms' or 'motorcycle'")
  p.add_argument("--tasks", nargs="+", default=[], metavar="TASK",
                 help="only these tasks (default: all of the benchmark)")
  p.add_argument("--limit", type=int, metavar="N", help="only the first N scenes")
  p.add_argument("--compare", nargs="*", metavar="NAME|DIR",
                 help="more columns; 'random' is the network before any training "
                 "(default: the model that --model was tuned from)")
  p.add_argument("--out", default="runs/eval", metavar="DIR",
                 help="keeps the predictions; an interrupted evaluation goes on")
  p.add_argument("--json", metavar="FILE", help="write the results as JSON")
  p.add_argument("--report", metavar="FILE", help="write report.html")


def _predict(p: argparse.ArgumentParser) -> None:
  p.add_argument("images", nargs="+", metavar="IMAGE", help="pictures of any size")
  p.add_argument("--task", required=True, help="depth, normals, semantic, instance, "
                 "referring, edges, modality or editing")
  p.add_argument("--out", default=".", metavar="DIR",
                 help="STEM_TASK.png (painted), .npy (decoded), .json (what was "
                 "asked) and _picture.png (to look at) are written here")
  _sampling(p)
  p.add_argument("--seed", type=int, default=0, help="of the starting noise")
  _lora(p)
  words = p.add_argument_group("arguments of the task")
  words.add_argument("--classes", metavar="floor=red,wall=#80C000",
                     help="semantic: classes, with or without colours")
  words.add_argument("--name", help="instance: the category, for example 'chair'")
  words.add_argument("--phrase", help="referring: for example 'the red mug'")
  words.add_argument("--prompt", help="editing: what to change")
  words.add_argument("--color", help="referring, edges: colour of the mask or lines")
  words.add_argument("--background", help="any segmentation: colour of the rest")
  words.add_argument("--colormap", help="depth: cube, plasma, inferno, viridis or "
                     "grayscale")
  words.add_argument("--source", help="modality: what the picture is")
  words.add_argument("--target", help="modality: what to turn it into")
  words.add_argument("--source-colormap", help="modality: of a depth picture")
  words.add_argument("--caption", help="modality: describes the photo to make")


def _generate(p: argparse.ArgumentParser) -> None:
  p.add_argument("prompt", help="what to paint, or what to change")
  p.add_argument("--out", required=True, metavar="FILE.png")
  p.add_argument("--reference", nargs="+", default=[], metavar="IMAGE",
                 help="picture to edit")
  p.add_argument("--size", metavar="S|HxW", help="pixels (default: the model's own, "
                 "or the reference's)")
  _sampling(p)
  p.add_argument("--seed", type=int, default=0, help="of the starting noise")
  _lora(p)


def _convert(p: argparse.ArgumentParser) -> None:
  p.add_argument("model", metavar="SRC", help="diffusers folder, model folder, or the "
                 "transformer alone as one .safetensors file (with --source)")
  p.add_argument("out", metavar="DST", help="folder to make")
  p.add_argument("--to", required=True, choices=("orbax", "diffusers"))
  p.add_argument("--source", metavar="DIR", help="the diffusers folder with all that "
                 "SRC lacks (default: the one SRC was made from)")
  p.add_argument("--dtype", choices=("float32", "bfloat16"),
                 help="of the weights (default: as stored)")
  _lora(p)


def _render(p: argparse.ArgumentParser) -> None:
  p.add_argument("--num", type=int, required=True, metavar="N",
                 help="scenes; 0 with --fetch-assets only fetches")
  p.add_argument("--size", type=int, default=64, metavar="S", help="edge in pixels")
  p.add_argument("--out", required=True, metavar="DIR", help="dataset folder")
  p.add_argument("--workers", type=int, default=1, metavar="W", help="processes")
  p.add_argument("--seed", type=int, default=0, help="of the first scene")
  p.add_argument("--split", default="train", help="'train' or 'test': which rooms and "
                 "looks are drawn")
  p.add_argument("--edits", type=int, default=2, metavar="E",
                 help="edited pictures of each scene")
  p.add_argument("--fetch-assets", action="store_true",
                 help="first download meshes, textures and environments (once)")


if __name__ == "__main__":
  sys.exit(main())
