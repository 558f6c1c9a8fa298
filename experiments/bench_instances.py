"""Times the instance decoder on 1024² pictures with 50 instances.

  python experiments/bench_instances.py

Clean: solid discs on a background. Rough: as a generator paints them, with noise
(sigma 2), a slow colour drift, soft outlines and specks. Prints the median and
the range of 5 runs, the processor time (which, on one thread, other programs do
not stretch) and the number of instances found.
"""

import statistics
import time

import numpy as np
from scipy import ndimage

from vision_banana.codecs import colors
from vision_banana.codecs import instances

SIZE, COUNT, BACKGROUND = 1024, 50, (0, 0, 0)


def picture(rough: bool, seed: int = 0) -> np.ndarray:
  """uint8 [SIZE, SIZE, 3] with COUNT discs that do not overlap."""
  rng = np.random.default_rng(seed)
  labels = np.zeros((SIZE, SIZE), np.int32)
  y, x = np.mgrid[:SIZE, :SIZE]
  cell = SIZE // 8
  for i, place in enumerate(rng.permutation(64)[:COUNT]):
    radius = rng.uniform(0.3, 0.47) * cell
    cy, cx = (np.array(divmod(place, 8)) + 0.5) * cell
    labels[(y - cy)**2 + (x - cx)**2 < radius**2] = i + 1
  palette = colors.distinct(rng, COUNT, [BACKGROUND])
  rgb = np.concatenate([[BACKGROUND], palette])[labels].astype(np.float32)
  if rough:
    rgb += 4 * np.sin(x / 150)[..., None] * (labels > 0)[..., None]
    rgb = ndimage.gaussian_filter(rgb, (1.5, 1.5, 0))
    rgb += rng.normal(0, 2, rgb.shape)
    specks = rng.random((SIZE, SIZE)) < 1e-4
    rgb[specks] = rng.uniform(0, 255, (specks.sum(), 3))
  return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def main() -> None:
  for rough in (False, True):
    rgb = picture(rough)
    times, processor = [], []
    for _ in range(5):
      start, busy = time.perf_counter(), time.process_time()
      found = instances.decode(rgb, BACKGROUND).max()
      times.append(time.perf_counter() - start)
      processor.append(time.process_time() - busy)
    print(f"{'rough' if rough else 'clean'}: {statistics.median(times):.3f} s "
          f"({min(times):.3f} to {max(times):.3f}), processor "
          f"{statistics.median(processor):.3f} s, {found} of {COUNT} instances")


if __name__ == "__main__":
  main()
