"""Measures the memory that reading a folder of several gigabytes takes.

    python experiments/load_memory.py

Writes a transformer of klein's width and random bfloat16 weights in shards to a
temporary folder, reads it in a fresh process, and deletes it. Fails when the peak
is above what the parameters hold plus the largest stored tensor (and what the
process held before, and a little for buffers).
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time

import ml_dtypes
import numpy as np

from vision_banana.models import safetensors_io, weight_files
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.weight_tables import weight_map

SHARD = 2 * 2**30  # Bytes, about.
SLACK = 64 * 2**20  # Read blocks, the interpreter's own growth.
CONFIG = {
    "_class_name": "Flux2Transformer2DModel", "patch_size": 1, "in_channels": 128,
    "num_layers": 1, "attention_head_dim": 128, "num_attention_heads": 24,
    "joint_attention_dim": 7680, "axes_dims_rope": [32, 32, 32, 32],
    "guidance_embeds": False}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--blocks", type=int, default=12, help="single-stream blocks")
  blocks = parser.parse_args().blocks
  with tempfile.TemporaryDirectory() as folder:
    total, largest = write(folder, blocks)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
      before, peak, held, seconds = pool.apply(read, (folder,))
  gigabytes = lambda size: f"{size / 1e9:.3f} GB"
  bound = held + largest + SLACK
  print(f"stored {gigabytes(total)}, read in {seconds:.1f} s; parameters hold "
        f"{gigabytes(held)}, the largest tensor {gigabytes(largest)}; the process grew "
        f"by {gigabytes(peak - before)} at its peak, {gigabytes(bound)} are allowed")
  if held != total or peak - before > bound:
    sys.exit("the bound does not hold.")


def write(folder: str, blocks: int) -> tuple[int, int]:
  """Writes the folder; returns bytes of all tensors and of the largest."""
  config = Flux2Config(num_double=1, num_single=blocks)
  kind = np.dtype(ml_dtypes.bfloat16)
  shapes = weight_map(config).stored_shapes
  sizes = {key: int(np.prod(s)) * kind.itemsize for key, s in shapes.items()}
  rng = np.random.default_rng(0)
  noise = rng.standard_normal(2**20, np.float32).astype(kind)

  def tensor(key: str) -> np.ndarray:
    return np.resize(np.roll(noise, int(rng.integers(2**20))), shapes[key])

  files: dict[str, list[str]] = {}
  filled = 0
  for key, size in sizes.items():
    files.setdefault(f"diffusion_pytorch_model-{filled // SHARD:05d}.safetensors",
                     []).append(key)
    filled += size
  for name, keys in files.items():
    safetensors_io.write_file(
        os.path.join(folder, name), {k: (shapes[k], kind) for k in keys}, tensor)
  safetensors_io.write_index(
      os.path.join(folder, "diffusion_pytorch_model" + safetensors_io.INDEX), files,
      filled)
  with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
    json.dump(CONFIG | {"num_single_layers": blocks}, f)
  return filled, max(sizes.values())


def read(folder: str) -> tuple[int, int, int, float]:
  """Memory before, peak after, bytes of the parameters, seconds; in a child."""
  import jax  # pylint: disable=g-import-not-at-top
  jax.block_until_ready(jax.numpy.zeros(1) + 1)  # The backend is up.
  weight_map(Flux2Config(num_double=1, num_single=1))  # So are the shapes' tracers.
  peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  with open("/proc/self/statm", encoding="ascii") as f:
    before = int(f.read().split()[1]) * resource.getpagesize()
  start = time.perf_counter()
  _, params = weight_files.read(Flux2Config, folder)
  jax.block_until_ready(params)
  seconds = time.perf_counter() - start
  return before, peak(), sum(x.nbytes for x in params.values()), seconds


if __name__ == "__main__":
  main()
