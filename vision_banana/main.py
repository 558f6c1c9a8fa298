"""The command line: `vision-banana --help` lists the commands.

Heavy modules are imported by the command that needs them, so that `--help` and
mistakes in the arguments answer at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from vision_banana.errors import UserError

# Command → the module of `commands` that has it.
_MODULES = {
    "train": "training", "compile": "training", "eval": "evaluation",
    "score": "evaluation", "compare": "comparison", "predict": "asking",
    "generate": "asking", "convert": "conversion", "render": "datasets",
    "build": "datasets", "hashes": "datasets"}


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
    if strange or (overrides and args.command not in ("train", "compile")):
      raise UserError(f"unknown argument '{(strange or overrides)[0]}'; see "
                      f"'vision-banana {args.command} --help'.")
    args.overrides = overrides
    from absl import logging  # pylint: disable=g-import-not-at-top
    logging.set_verbosity(logging.ERROR)  # libraries' hints are not for users
    module = importlib.import_module(f"vision_banana.commands.{_MODULES[args.command]}")
    getattr(module, args.command)(args)
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
  _compile(command("compile", "Compile training and sampling for a TPU pod, without "
                   "one: memory, operations, does it fit."))
  _eval(command("eval", "Evaluate models on a benchmark; table, JSON and report."))
  _score(command("score", "Score predictions of eval again; paints nothing."))
  _compare(command("compare", "Win rate of one folder of pictures over another."))
  _predict(command("predict", "Ask about pictures: depth, normals, masks, edges, …"))
  _generate(command("generate", "Paint a picture from a prompt, or edit one."))
  _convert(command("convert", "Convert klein between diffusers and orbax folders."))
  _render(command("render", "Render rooms with exact ground truth as a dataset."))
  _build(command("build", "Turn a dataset as its authors distribute it into scenes."))
  _hashes(command("hashes", "List what a benchmark's pictures look like, so that "
                  "none of them is trained on."))
  return parser


def _train(p: argparse.ArgumentParser) -> None:
  p.add_argument("--config", required=True, metavar="PATH[:key=val,…]",
                 help="config file, with arguments of its get_config; single values "
                 "are changed by --config.section.key=value")
  p.add_argument("--workdir", required=True, metavar="DIR",
                 help="checkpoints and logs; an interrupted run goes on from here")
  hosts = p.add_argument_group(
      "several hosts", "On Cloud TPU, Slurm and Open MPI processes find each other; "
      "elsewhere each is started with these (or JAX_COORDINATOR_ADDRESS, "
      "JAX_NUM_PROCESSES, JAX_PROCESS_ID). All share --workdir.")
  hosts.add_argument("--coordinator", metavar="HOST:PORT",
                     help="where process 0 runs, and a free port there")
  hosts.add_argument("--num-processes", type=int, metavar="N", help="how many")
  hosts.add_argument("--process-id", type=int, metavar="I", help="which, from 0")
  hosts.add_argument("--host-timeout", type=float, default=300, metavar="SECONDS",
                     help="without progress after which all end, naming the host that "
                     "holds them up; start and saving may take four times as long")


def _compile(p: argparse.ArgumentParser) -> None:
  p.add_argument("--config", required=True, metavar="PATH[:key=val,…]",
                 help="config file, as for train; single values are changed by "
                 "--config.section.key=value")
  p.add_argument("--topology", required=True, metavar="CHIP:SHAPE",
                 help="of the pod: v5e:4x4, v6e:16x16, v5p:4x4x4, …")
  p.add_argument("--mesh", metavar="data=1,fsdp=16,tensor=1",
                 help="devices along each axis (default: the config's)")
  p.add_argument("--search", action="store_true",
                 help="find the mesh and config.train.remat that fit with the fewest "
                 "operations")
  p.add_argument("--what", choices=("step", "sampler", "both"), default="both")
  p.add_argument("--mfu", type=float, default=0.4,
                 help="share of the chips' peak to give times for")
  p.add_argument("--json", metavar="FILE", help="write the result here too")


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
  p.add_argument("--benchmark", default="rooms", metavar="NAME", help="'rooms', "
                 "'motorcycle', a published one such as 'cityscapes', or 'all' that "
                 "are under --data")
  p.add_argument("--data", metavar="DIR", help="folder of a published benchmark, as "
                 "its authors distribute it, or of many")
  p.add_argument("--protocol", metavar="NAME", help="of depth: 'unidepth', 'zoe' or "
                 "'moge' (default: the first that has the data set)")
  p.add_argument("--tasks", action="extend", nargs="+", default=[], metavar="TASK",
                 help="only these tasks (default: all of the benchmark)")
  p.add_argument("--limit", type=int, metavar="N",
                 help="only N pictures, drawn by the seed")
  p.add_argument("--seed", type=int, help="of the draw, the questions and the noise "
                 "(default: the benchmark's)")
  p.add_argument("--samples", type=int, default=1, metavar="K",
                 help="pictures painted for each question and voted on")
  p.add_argument("--split-hosts", default="0/1", metavar="I/N",
                 help="paint the I-th of N shares; the last host to finish scores")
  p.add_argument("--compare", action="extend", nargs="*", metavar="NAME|DIR",
                 help="more columns; 'random' is the network before any training "
                 "(default: the model that --model was tuned from; with --data none)")
  p.add_argument("--out", default="runs/eval", metavar="DIR",
                 help="keeps the predictions; an interrupted evaluation goes on")
  _outside(p, "outside", "a model to ask 'is it there?' and to reword ReasonSeg's "
           "queries, as the paper has it (default: an empty mask says no)")
  _tables(p)


def _score(p: argparse.ArgumentParser) -> None:
  p.add_argument("folder", metavar="DIR", help="predictions that eval wrote")
  p.add_argument("--data", metavar="DIR",
                 help="where the benchmarks lie now (default: where they lay)")
  p.add_argument("--protocol", metavar="NAME", help="of depth, as for eval")
  p.add_argument("--model", metavar="NAME|DIR",
                 help="refuse predictions that are not of this model")
  _tables(p)


def _tables(p: argparse.ArgumentParser) -> None:
  p.add_argument("--json", metavar="FILE", help="write the results as JSON")
  p.add_argument("--report", metavar="FILE", help="write report.html")
  p.add_argument("--table", metavar="FILE", help="write the paper's table with our "
                 "column: .md, .html or .tex")
  p.add_argument("--pictures", metavar="FILE",
                 help="write a page of the ten best, median and worst answers")


def _outside(p: argparse.ArgumentParser, name: str, title: str) -> None:
  """Arguments of an outside model; see `commands.outside`."""
  group = p.add_argument_group(title)
  group.add_argument(f"--{name}", choices=("google", "openai"), help="Gemini by "
                     "google-genai, or any OpenAI-compatible server")
  group.add_argument(f"--{name}-model", metavar="NAME", help="its name there")
  group.add_argument("--base-url", metavar="URL", help="address of the server, for "
                     "example http://127.0.0.1:8000/v1")
  group.add_argument("--concurrency", type=int, default=8, metavar="N",
                     help="questions under way at a time")
  group.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"),
                     help="US dollars for a million tokens, for the cost log")


def _compare(p: argparse.ArgumentParser) -> None:
  p.add_argument("a", metavar="A", help="folder of pictures, as predict, eval or "
                 "generate wrote them")
  p.add_argument("b", metavar="B", help="another, with pictures of the same names")
  p.add_argument("--prompts", metavar="FILE", help="JSON {name: prompt} or JSONL lines "
                 "{\"name\", \"prompt\"} (default: what the folders say)")
  p.add_argument("--inputs", metavar="DIR", help="the pictures that were edited, of "
                 "the same names (default: what the folders say)")
  p.add_argument("--out", metavar="DIR", help="keeps the votes; a comparison goes on "
                 "(default: runs/compare/A-vs-B-…)")
  p.add_argument("--seed", type=int, default=0, help="of orders and sides")
  p.add_argument("--port", type=int, default=0, help="of this machine; 0 is a free one")
  p.add_argument("--no-serve", dest="serve", action="store_false",
                 help="no page, only print what the votes say")
  p.add_argument("--json", metavar="FILE", help="write the result as JSON")
  _outside(p, "judge", "a model as judge, in both orders, in place of the page")


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
  words.add_argument("--colormap", help="depth: cube, plasma, inferno, viridis, "
                     "grayscale or turbo")
  words.add_argument("--source", help="modality: what the picture is")
  words.add_argument("--target", help="modality: what to turn it into")
  words.add_argument("--source-colormap", help="modality: of a depth picture")
  words.add_argument("--caption", help="modality: describes the photo to make")


def _generate(p: argparse.ArgumentParser) -> None:
  p.add_argument("prompt", help="what to paint, or what to change")
  p.add_argument("--out", required=True, metavar="FILE.png")
  p.add_argument("--reference", action="extend", nargs="+", default=[], metavar="IMAGE",
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
  p.add_argument("--num", type=int, metavar="N", help="scenes")
  p.add_argument("--size", type=int, default=64, metavar="S", help="edge in pixels")
  p.add_argument("--out", metavar="DIR", help="dataset folder")
  p.add_argument("--workers", type=int, default=1, metavar="W", help="processes")
  p.add_argument("--seed", type=int, default=0, help="of the first scene")
  p.add_argument("--split", default="train", help="'train' or 'test': which rooms and "
                 "looks are drawn")
  p.add_argument("--edits", type=int, default=2, metavar="E",
                 help="edited pictures of each scene")
  p.add_argument("--fetch-assets", action="store_true",
                 help="first download meshes, textures and environments (once); "
                 "without --num and --out nothing else")


def _build(p: argparse.ArgumentParser) -> None:
  p.add_argument("dataset", help="ade20k, hypersim, open_images or tartanair")
  p.add_argument("--data", required=True, metavar="DIR",
                 help="folder with the official files")
  p.add_argument("--out", required=True, metavar="DIR", help="dataset folder")
  p.add_argument("--split", default="", help="official split (default: training)")
  p.add_argument("--limit", type=int, metavar="N",
                 help="only N scenes, evenly spread over the split")
  p.add_argument("--size", type=int, metavar="S",
                 help="resize middle squares to this edge (default: as they are)")
  p.add_argument("--workers", type=int, default=1, metavar="W", help="processes")
  p.add_argument("--leak-lists", action="extend", nargs="+", default=[], metavar="FILE",
                 help="leave out pictures in these lists of 'vision-banana hashes'")


def _hashes(p: argparse.ArgumentParser) -> None:
  p.add_argument("folder", metavar="DIR", help="a benchmark's folder")
  p.add_argument("--out", required=True, metavar="FILE",
                 help="list for config.data.leak_lists and 'build --leak-lists'")
  p.add_argument("--benchmark", metavar="NAME", help="(default: the folder's name)")
  p.add_argument("--pattern", default="**/*", metavar="GLOB",
                 help="which pictures, where the folder also holds painted labels")


if __name__ == "__main__":
  sys.exit(main())
