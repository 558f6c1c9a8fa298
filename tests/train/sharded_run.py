"""Run by sharded_test in a process of its own: steps on meshes of eight devices.

Prints a line of JSON for each: losses, and how gradients and the work of a device
compare with those of one device.
"""

import json
import pathlib
import sys

import jax

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
jax.config.update("jax_num_cpu_devices", 8)

# pylint: disable=wrong-import-position
import numpy as np
from jax.sharding import AxisType

from tests.train import small_models
from vision_banana.generators import flow
from vision_banana.models.lora import LoraConfig
from vision_banana.train import optim, partitioning, trained
from vision_banana.train import step as step_lib

# The models are small; split their arrays all the same.
partitioning.SMALL = 256
BATCH = 16
TX = optim.make(optim.OptimConfig(
    name="adamw", schedule="constant", warmup_steps=0, clip_norm=0, lr=1e-3), 10)


def two_steps(make, sizes, *, rank=0, accumulate=1, grad_dtype="float32", **kwargs):
  """(losses, gradient of the first step, FLOPs a device) on a mesh of `sizes`."""
  generator = make(**kwargs)
  devices = jax.devices()[:int(np.prod(sizes))]
  mesh = jax.make_mesh(sizes, partitioning.AXES, devices=devices,
                       axis_types=(AxisType.Auto,) * 3)
  batch = small_models.batch(generator, BATCH)
  part, params = trained.choose(
      generator, small_models.awake(generator),
      LoraConfig(rank=rank, alpha=rank or 1), jax.random.key(0))
  if params is None:
    params = part.init(jax.random.key(2))
    params = jax.tree.map(lambda x: x + 0.01, params)  # Else only B has a gradient.
  start = lambda p: step_lib.init_state(p, TX)
  placed = partitioning.shardings(jax.eval_shape(start, params), mesh)
  with jax.set_mesh(mesh):
    fixed = jax.device_put(part.fixed, partitioning.shardings(part.fixed, mesh))
    state = jax.jit(start, out_shardings=placed)(params)
    step = jax.jit(
        step_lib.make_step(
            generator, TX, ema_decay=0.9, seed=0, tasks=("a", "b", "c"),
            combine=part.combine, accumulate=accumulate, grad_dtype=grad_dtype),
        donate_argnums=0, out_shardings=(placed, partitioning.replicated(mesh)))
    batch = partitioning.put_batch(batch, mesh)
    compiled = step.lower(state, batch, fixed).compile()
    losses = []
    for i in range(2):
      state, metrics = compiled(state, batch, fixed)
      losses.append(float(metrics["loss"]))
      if not i:
        adam = state["opt_state"][0].inner_states["adam"].inner_state
        # Adam's first moment is a tenth of the first gradient.
        gradient = jax.tree.map(lambda x: np.asarray(x) / 0.1, adam.mu)
        for tree in (state["params"], state["ema"], adam.mu, adam.nu):
          check_split(tree, mesh)
  return losses, gradient, compiled.cost_analysis()["flops"]


def check_split(tree, mesh):
  """No leaf that is not small is whole on a device."""
  parts = mesh.shape["fsdp"] * mesh.shape["tensor"]
  for path, x in jax.tree_util.tree_leaves_with_path(tree):
    held = x.addressable_shards[0].data.size
    if x.size >= partitioning.SMALL:
      assert held * parts == x.size, (optim.path_of(path), x.shape, x.sharding)


def report(name, found, reference):
  """Largest difference of a gradient's leaves, in shares of their largest entry."""
  losses, gradient, flops = found
  off = jax.tree.map(lambda a, b: float(np.abs(a - b).max() / np.abs(b).max()),
                     gradient, reference[1])
  print(json.dumps({
      "name": name, "losses": losses, "reference": reference[0],
      "gradient": max(jax.tree.leaves(off)), "work": flops / reference[2]}),
        flush=True)


def debug(**kwargs):
  built = flow.build("debug")
  return flow.Flow("debug", built.config, built.flow, built.tokenizer, **kwargs)


one = two_steps(small_models.klein, (1, 1, 1))
report("klein fsdp 8", two_steps(small_models.klein, (1, 8, 1)), one)
report("klein fsdp 4 tensor 2, in pieces, computed again", two_steps(
    small_models.klein, (1, 4, 2), accumulate=2, remat="full"), one)
report("klein data 2 fsdp 2 tensor 2", two_steps(small_models.klein, (2, 2, 2)), one)
report("klein in bfloat16", two_steps(
    small_models.klein, (2, 2, 2), dtype="bfloat16", grad_dtype="bfloat16"), one)
one = two_steps(small_models.klein, (1, 1, 1), rank=4)
report("klein adapters", two_steps(small_models.klein, (2, 2, 2), rank=4), one)
one = two_steps(debug, (1, 1, 1))
report("debug", two_steps(debug, (2, 2, 2)), one)
