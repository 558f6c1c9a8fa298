"""Times the input pipeline: alone at 512², and as a share of nano's training.

  vision-banana render --num 8 --size 512 --out data/rooms512
  python experiments/bench_pipeline.py --source data/rooms512 --steps 24 \
      > experiments/bench_pipeline.json

Prints JSON. `images_per_second` counts samples (a target and its references) of the
tasks that configs/nano_tune.py mixes from rooms, read, decoded, resized, mirrored,
turned into tasks and batched on `--cores` cores, nothing else running there.
`data_wait` is the share of the time of a step in which nano's training waits for its
batch, from a short run of the same config at 64²; the first window, in which it
compiles, is left out.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import sys
import tempfile
import time

from vision_banana.data import pipeline, sources
from vision_banana.models import text
from vision_banana.train import config, launch, metrics_writer

CONFIG = pathlib.Path(__file__).resolve().parents[1] / "configs" / "nano_tune.py"


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__.splitlines()[0],
      formatter_class=argparse.ArgumentDefaultsHelpFormatter)
  parser.add_argument("--source", default="rooms", help="name or folder of scenes; the "
                      "embedded ones have 64² pixels and are enlarged")
  parser.add_argument("--size", type=int, default=512, help="edge in pixels")
  parser.add_argument("--batch", type=int, default=8)
  parser.add_argument("--threads", type=int, default=2, help="config.data.num_threads")
  parser.add_argument("--cores", type=int, default=2)
  parser.add_argument("--seconds", type=float, default=30, help="of reading")
  parser.add_argument("--steps", type=int, default=60, help="of nano; 0 leaves it out")
  args = parser.parse_args()
  cores = sorted(os.sched_getaffinity(0))[:args.cores]
  if len(cores) < args.cores:
    sys.exit(f"--cores {args.cores}: only {len(cores)} may be used here.")
  os.sched_setaffinity(0, cores)  # Before threads are made.
  result = {"command": ["python", *sys.argv], "machine": machine()}
  result |= vars(args) | reading(args)
  if args.steps:
    result |= training(args)
  print(json.dumps(result, indent=1))


def machine() -> str:
  """The processor's name and how many of its cores there are."""
  lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
  names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
  return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def reading(args: argparse.Namespace) -> dict[str, float]:
  """Samples per second of the pipeline alone."""
  data = config.load(f"{CONFIG}:source={args.source}").data
  mixture = {task: share for task, share in data.mixture.items() if "@" not in task}
  data = dataclasses.replace(
      data, mixture=mixture, sources={"rooms": {"path": args.source}}, size=args.size,
      batch_size=args.batch, cache=False, num_threads=args.threads)
  rooms = sources.open_source(args.source, "train")
  stream = pipeline.train_iterator(data, text.Tokenizer.bytes_only(64))
  for _ in range(3 * args.threads + 5):  # Threads started, what is ahead is filled.
    next(stream)
  start, count = time.monotonic(), 0
  while time.monotonic() - start < args.seconds:
    count += len(next(stream)["task"])
  seconds = time.monotonic() - start
  stream.close()
  return {"seed": data.seed, "mixture": mixture, "rooms": len(rooms),
          "stored_size": rooms[0]["image"].shape[0],
          "images_per_second": round(count / seconds, 1)}


def training(args: argparse.Namespace) -> dict[str, float]:
  """The share of nano's step time that waits for data."""
  every = max(args.steps // 6, 1)
  with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
    launch.train(config.load(f"{CONFIG}:steps={args.steps}", [
        f"--config.train.log_every={every}", "--config.train.sample_every=0"]), folder)
    lines = metrics_writer.read(pathlib.Path(folder) / "metrics.jsonl")[1:]
  mean = lambda name: sum(line[name] for line in lines) / len(lines)
  return {"data_wait": round(mean("data_wait"), 4),
          "samples_per_second": round(mean("samples_per_second"), 2)}


if __name__ == "__main__":
  main()
