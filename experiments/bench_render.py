"""Times the renderer: rooms and pictures a second, with ground truth and denoiser.

  python experiments/bench_render.py --size 128 --workers 2 --rooms 64

Does what `vision-banana render` does for each room: samples it, renders picture,
depth, normals and instances, finds words and edits, renders the edits, compresses all
and writes it. The first rooms of each process, which compile kernels, are left out;
the rest are cut into four windows. Prints the median and range of the windows as
JSON, with the machine and its load.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import sys
import tempfile
import time

from vision_banana.data.rooms import backend, generate, render

_WARM_UP, _WINDOWS = 3, 4


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__.splitlines()[0],
      formatter_class=argparse.ArgumentDefaultsHelpFormatter)
  for name, value in (("size", 128), ("workers", 2), ("rooms", 64), ("edits", 2),
                      ("spp", render.SAMPLES), ("seed", 20000)):
    parser.add_argument("--" + name, type=int, default=value)
  args = parser.parse_args()
  skip = _WARM_UP * args.workers
  per_window = args.rooms // _WINDOWS
  load = os.getloadavg()[0]
  variant = backend.variant()
  with tempfile.TemporaryDirectory() as folder:
    jobs = [(args.seed + i, str(pathlib.Path(folder, f"{i}.room")))
            for i in range(skip + _WINDOWS * per_window)]
    initial = (variant, args.size, "train", args.edits, args.spp, None)
    times = []
    with contextlib.closing(generate.results(jobs, args.workers, initial)) as done:
      for _ in done:
        times.append(time.perf_counter())
  ends = times[skip - 1::per_window]
  rates = [per_window / (b - a) for a, b in zip(ends, ends[1:])]
  pictures = [rate * (1 + args.edits) for rate in rates]
  print(json.dumps({
      "command": "python " + " ".join(["experiments/bench_render.py", *sys.argv[1:]]),
      "machine": f"{os.cpu_count()} cores, {platform.machine()}, {variant}",
      "load_before": round(load, 2), **vars(args),
      "rooms_per_second": _spread(rates),
      "images_per_second": _spread(pictures)}, indent=1))


def _spread(values: list[float]) -> dict[str, float]:
  return {"median": round(statistics.median(values), 2),
          "low": round(min(values), 2), "high": round(max(values), 2)}


if __name__ == "__main__":
  main()
