"""Times the FLUX.2 transformer side by side with the PyTorch reference.

  make .venv/.goldens
  python experiments/bench_flux2.py --torch .venv/goldens/bin/python

The reference (diffusers, eager and `torch.compile`) lives in a process of its own,
pinned like this one to the same cores with as many threads. Runs alternate, one
process at a time, after warm-up; printed are median, range, and the ratio of medians
for the forward pass and for forward and backward (gradients of all weights), float32.
--unroll and --remat are ours, as in `Flux2Config` and `flux2.REMAT`.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

SIZES = dict(
    patch_size=1, in_channels=128, num_layers=4, num_single_layers=8,
    attention_head_dim=128, num_attention_heads=6, joint_attention_dim=768,
    timestep_guidance_channels=256, axes_dims_rope=(32, 32, 32, 32), rope_theta=2000,
    guidance_embeds=False)
GRID, TEXT = (32, 32), 512  # One target and one reference of this grid.
PASSES = ("forward", "forward+backward")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--torch", help="python that has torch and diffusers")
  parser.add_argument("--threads", type=int, default=os.cpu_count())
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--unroll", type=int, default=1)
  parser.add_argument("--remat", default="none", choices=("none", "dots", "full"))
  parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
  args = parser.parse_args()
  cores = sorted(os.sched_getaffinity(0))[:args.threads]
  if len(cores) < args.threads:
    sys.exit(f"--threads {args.threads}: only {len(cores)} cores may be used here.")
  os.sched_setaffinity(0, cores)
  if args.worker:
    serve(reference(args.threads))
    return
  if not args.torch:
    sys.exit("--torch: name a python that has torch and diffusers.")
  command = [args.torch, __file__, "--worker", "--threads", str(args.threads)]
  with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        text=True) as other:
    def remote(name: str) -> float:
      other.stdin.write(name + "\n")
      other.stdin.flush()
      answer = other.stdout.readline()
      if not answer:
        sys.exit("the reference's process ended; its error is above.")
      return float(answer)

    names = [f"{kind} {p}" for p in PASSES for kind in ("eager", "compile")]
    timed = {name: lambda name=name: remote(name) for name in names}
    for name, function in ours(args.unroll, args.remat).items():
      timed[f"ours {name}"] = lambda function=function: seconds(function)
    compare(timed, args.rounds)
    other.stdin.close()


def compare(timed: dict[str, Callable[[], float]], rounds: int) -> None:
  taken = {name: [] for name in timed}
  for i in range(rounds + 1):
    for name, function in timed.items():
      value = function()
      if i:  # The first round warms up: it compiles.
        taken[name].append(value)
  medians = {name: statistics.median(v) for name, v in taken.items()}
  for name, values in taken.items():
    print(f"{name}: {medians[name]:.2f} s ({min(values):.2f} to {max(values):.2f})")
  for p in PASSES:
    best = min(medians[f"eager {p}"], medians[f"compile {p}"])
    print(f"{p}: ours is {best / medians[f'ours {p}']:.2f} times as fast as the better "
          "of the reference's two")


def seconds(function: Callable[[], object]) -> float:
  start = time.perf_counter()
  function()
  return time.perf_counter() - start


def ours(unroll: int, remat: str) -> dict[str, Callable[[], object]]:
  """This package's passes by name; each call ends when its result is there."""
  # pylint: disable=g-import-not-at-top
  import jax
  import jax.numpy as jnp
  import numpy as np
  from flax import nnx
  from vision_banana.models import flux2
  config = flux2.Flux2Config(
      in_channels=SIZES["in_channels"], text_dim=SIZES["joint_attention_dim"],
      num_double=SIZES["num_layers"], num_single=SIZES["num_single_layers"],
      num_heads=SIZES["num_attention_heads"], rope_axes=SIZES["axes_dims_rope"],
      unroll=unroll)
  network = flux2.Flux2(config, nnx.Rngs(0))
  # The output layer starts at zero, which would stop the gradients.
  network.image_out.kernel[...] += 0.01
  graph, params = nnx.split(network)
  ids = np.concatenate([flux2.grid_ids(*GRID, t) for t in (0, flux2.reference_time(0))])
  image = jax.random.normal(jax.random.key(1), (1, len(ids), config.in_channels))
  text = jax.random.normal(jax.random.key(2), (1, TEXT, config.text_dim))

  def apply(params):
    return nnx.merge(graph, params)(
        image, text, jnp.array([0.5]), ids, flux2.text_ids(TEXT), remat=remat)

  forward = jax.jit(apply)
  both = jax.jit(jax.grad(lambda params: jnp.square(apply(params)).mean()))
  return {"forward": lambda: jax.block_until_ready(forward(params)),
          "forward+backward": lambda: jax.block_until_ready(both(params))}


def reference(threads: int) -> dict[str, Callable[[], object]]:
  """The reference's passes by name."""
  torch, diffusers = map(importlib.import_module, ("torch", "diffusers"))
  torch.set_num_threads(threads)
  torch.manual_seed(0)
  model = diffusers.Flux2Transformer2DModel(**SIZES)
  prepare = diffusers.Flux2KleinPipeline
  latent = torch.zeros(1, SIZES["in_channels"], *GRID)
  ids = torch.cat([prepare._prepare_latent_ids(latent),
                   prepare._prepare_image_ids([latent])], 1)
  text = torch.randn(1, TEXT, SIZES["joint_attention_dim"])
  arguments = dict(
      hidden_states=torch.randn(1, ids.shape[1], SIZES["in_channels"]),
      encoder_hidden_states=text, timestep=torch.tensor([0.5]), img_ids=ids,
      txt_ids=prepare._prepare_text_ids(text), guidance=None)
  passes = {}
  for kind, network in (("eager", model), ("compile", torch.compile(model))):
    def forward(network=network):
      with torch.no_grad():
        network(**arguments)

    def both(network=network):
      model.zero_grad(set_to_none=True)
      network(**arguments).sample.square().mean().backward()

    passes |= {f"{kind} forward": forward, f"{kind} forward+backward": both}
  return passes


def serve(passes: dict[str, Callable[[], object]]) -> None:
  """Runs the pass that each line of the input names; answers with its seconds."""
  for line in sys.stdin:
    print(seconds(passes[line.strip()]), flush=True)


if __name__ == "__main__":
  main()
