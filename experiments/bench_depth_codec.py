"""Times depth decoding side by side with hilbertmap, on the same 480x640 colours.

  pip install hilbertmap; python experiments/bench_depth_codec.py

Both after warm-up, in turns, in one process; prints the median and the range of
21 runs each and the ratio of the medians. hilbertmap gets float64, its own type.
"""

import statistics
import time
from collections.abc import Callable

import hilbertmap
import jax
import numpy as np

from vision_banana.codecs import depth

ROUNDS = 21


def milliseconds(function: Callable[[], object]) -> float:
  start = time.perf_counter()
  function()
  return 1e3 * (time.perf_counter() - start)


def main() -> None:
  rgb = np.random.default_rng(0).random((480, 640, 3))
  on_device = jax.numpy.asarray(rgb, jax.numpy.float32)
  contenders = {
      "hilbertmap": lambda: hilbertmap.rgb_to_depth(rgb),
      "vision_banana": lambda: depth.decode(on_device).block_until_ready(),
      "vision_banana, numpy in and out":
          lambda: np.asarray(depth.decode(rgb.astype(np.float32))),
  }
  times = {name: [] for name in contenders}
  for _ in range(ROUNDS + 1):
    for name, function in contenders.items():
      times[name].append(milliseconds(function))
  reference = statistics.median(times["hilbertmap"][1:])
  for name, (_, *taken) in times.items():
    median = statistics.median(taken)
    print(f"{name}: {median:.2f} ms ({min(taken):.2f} to {max(taken):.2f}), "
          f"{reference / median:.1f} times as fast as hilbertmap")


if __name__ == "__main__":
  main()
