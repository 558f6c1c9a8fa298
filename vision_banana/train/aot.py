"""Compiles a run for a pod that need not be there: does it fit, and what does it cost.

Nothing is materialised: weights, state and batches are shapes with shardings. Of the
shapes of pictures that a run trains on (`config.data.aspects`), the one with the most
pixels is compiled.
"""

import dataclasses
import re
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from vision_banana.generators import flow
from vision_banana.models import text, zoo
from vision_banana.tasks import sample
from vision_banana.tasks.tasks import TASKS
from vision_banana.train import flops, hlo, launch, loop, optim, partitioning
from vision_banana.train import step as step_lib
from vision_banana.train import topology as pods
from vision_banana.train import trained
from vision_banana.train.config import Experiment

Lower = Callable[[Experiment, Mesh], jax.stages.Lowered]

# "(29.24G) exceeds available HBM (15.75G)", or "Used 17.30G of 15.75G hbm".
_TOO_LARGE = re.compile(
    r"\(([\d.]+)([KMGT])\) exceeds available HBM|Used ([\d.]+)([KMGT]) of \S+ hbm")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def report(
    config: Experiment, topology: str, *, what: str = "both", mfu: float = 0.4
) -> dict[str, Any]:
  """Compiles the train step, the sampler or both.

  Args:
    config: the experiment; its `mesh` is laid over the pod.
    topology: of the pod, such as 'v5e:4x4'.
    what: 'step', 'sampler' or 'both'.
    mfu: share of the chips' peak that the times are given for.

  Returns:
    Plain numbers for JSON: the set-up, and for each program what `measure` gives.

  Raises:
    UserError: the topology does not exist, the mesh does not fit it, or the batch
      does not divide over the mesh.
  """
  chip, devices = pods.chip(topology), pods.devices(topology)
  mesh = partitioning.make_mesh(config.mesh, devices)
  partitioning.check_batch(config.data.batch_size, config.train.accumulate, mesh)
  result = {
      "topology": topology, "chips": len(devices), "mesh": dict(mesh.shape),
      "model": config.model.name, "size": config.data.size,
      "shape": flops.largest_shape(config),
      "references": config.data.num_references, "batch": config.data.batch_size,
      "accumulate": config.train.accumulate, "remat": config.train.remat,
      "lora_rank": config.lora.rank, "mfu": mfu,
  }
  programs = {"step": (lower_step, flops.step(config)),
              "sampler": (lower_sampler, flops.sampler(config, _rows(mesh)))}
  for name in (programs if what == "both" else (what,)):
    lower, counted = programs[name]
    result[name] = measure(lower, config, mesh, chip) | {
        "flops": counted, "seconds_at_mfu":
            counted["model"] / (len(devices) * chip.bf16_flops * mfu)}
  return result


def measure(lower: Lower, config: Experiment, mesh: Mesh, chip: pods.Chip
            ) -> dict[str, Any]:
  """Compiles one program for the mesh's devices.

  Returns:
    fits; verdict, 'fits' or 'does not fit, by N GiB'; memory, bytes on each chip:
    arguments, temporary, output, alias (outputs that take an argument's place), code,
    peak of all these and what the chip has (only peak and the last if it does not
    fit); compile_seconds; collectives as `hlo.collectives` has them, on each chip.
  """
  start = time.monotonic()
  with jax.set_mesh(mesh):
    lowered = lower(config, mesh)
    try:
      compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as e:
      needed = too_large(str(e))
      if needed is None:
        raise
      return _verdict({"peak": needed, "hbm": chip.hbm}) | {
          "compile_seconds": time.monotonic() - start}
  m = compiled.memory_analysis()
  memory = {
      "arguments": m.argument_size_in_bytes, "temporary": m.temp_size_in_bytes,
      "output": m.output_size_in_bytes, "alias": m.alias_size_in_bytes,
      "code": m.generated_code_size_in_bytes}
  memory["peak"] = sum(memory.values()) - 2 * memory["alias"]
  memory["hbm"] = chip.hbm
  return _verdict(memory) | {
      "compile_seconds": time.monotonic() - start,
      "collectives": hlo.collectives(compiled.as_text())}


def _verdict(memory: dict[str, int]) -> dict[str, Any]:
  over = memory["peak"] - memory["hbm"]
  verdict = "fits" if over <= 0 else f"does not fit, by {over / pods.GIB:.2f} GiB"
  return {"fits": over <= 0, "verdict": verdict, "memory": memory}


def too_large(message: str) -> int | None:
  """Bytes of memory a chip would need, of the compiler's words; None: not said."""
  match = _TOO_LARGE.search(message)
  if not match:
    return None
  number, unit = match[1] or match[3], match[2] or match[4]
  return int(float(number) * _UNITS[unit])


def lower_step(config: Experiment, mesh: Mesh) -> jax.stages.Lowered:
  """The train step as `train.loop` runs it, lowered for the mesh's devices."""
  generator, part = _model(config)
  tx = optim.make(config.optim, config.train.steps)
  fresh = lambda key: step_lib.init_state(part.init(key), tx, config.train.ema)
  state = jax.eval_shape(fresh, _key())
  step = loop.jit_step(config, generator, part, tx, mesh, state, TASKS)
  return step.lower(partitioning.targets(state, mesh), _batch(config, generator, mesh),
                    partitioning.targets(part.fixed, mesh))


def lower_sampler(config: Experiment, mesh: Mesh) -> jax.stages.Lowered:
  """The sampler, a picture for every share of the batch axes, lowered for the mesh.

  Its weights are in the dtype that the run computes in, as they are released. The
  empty prompt of guidance is encoded before.
  """
  generator = _model(config)[0]
  params = jax.eval_shape(
      lambda key: step_lib.cast(generator.init(key), config.train.dtype), _key())
  rows, size = _rows(mesh), flops.largest_shape(config)
  split = partitioning.batch_sharding(mesh)
  of = lambda shape, dtype: jax.ShapeDtypeStruct((rows, *shape), dtype, sharding=split)
  length = generator.config.text.max_length
  references = [of((*size, 3), np.float32)] * config.data.num_references
  params, guidance = partitioning.targets(params, mesh), config.flow.guidance
  negative = None
  if guidance != 1:
    negative = jax.eval_shape(generator.encode_negative, params)
  return generator.generate.lower(
      params, of((length,), np.int32), of((length,), bool), references, None, _key(),
      size=size, steps=config.flow.steps, guidance=guidance,
      negative=negative)


def _model(config: Experiment) -> tuple[flow.Flow, trained.Trained]:
  """The generator as `train.launch` opens it, and what is trained, as shapes."""
  sizes = launch.model_sizes(config)
  # Of the tokenizer only the length of its output is part of a program.
  generator = flow.Flow(
      config.model.name, sizes, config.flow,
      text.Tokenizer.bytes_only(sizes.text.max_length), dtype=config.train.dtype,
      remat=config.train.remat)
  chosen = []

  def fixed(key):
    params = generator.init(key) if config.init_from else None
    chosen.append(trained.choose(generator, params, config.lora, key)[0])
    return chosen[0].fixed
  shapes = jax.eval_shape(fixed, _key())
  return generator, dataclasses.replace(chosen[0], fixed=shapes)


def _key() -> jax.ShapeDtypeStruct:
  """A key as a shape; devices that are not there could not make one."""
  return jax.eval_shape(jax.random.key, 0)


def _rows(mesh: Mesh) -> int:
  """Shares that a batch is split into."""
  return mesh.shape["data"] * mesh.shape["fsdp"]


def _batch(config: Experiment, generator: flow.Flow, mesh: Mesh
           ) -> dict[str, jax.ShapeDtypeStruct]:
  """What `data.pipeline` yields, as shapes."""
  blank = sample.photo(np.zeros((*flops.largest_shape(config), 3), np.uint8))
  one = sample.pack("text_to_image", "", blank, (), config.data.num_references)
  tokens, mask = generator.tokenize([one.pop("prompt")])
  one |= {"tokens": tokens[0], "text_mask": mask[0]}
  split = partitioning.batch_sharding(mesh)
  return {
      name: jax.ShapeDtypeStruct(
          (config.data.batch_size, *np.shape(x)), np.asarray(x).dtype, sharding=split)
      for name, x in one.items()}
