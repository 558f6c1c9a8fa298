"""Run by partitioning_test in a process of its own: `mesh_run.py WORKDIR`.

Trains on eight simulated devices, restores, checks that the state is split as the
rules say, and prints the losses.
"""

import dataclasses
import json
import pathlib
import sys

import jax

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
jax.config.update("jax_num_cpu_devices", 8)

# pylint: disable=wrong-import-position
from jax.sharding import PartitionSpec as P

from tests.train import fakes, loop_test
from vision_banana.train import checkpoint, loop, metrics_writer, optim, partitioning

WORKDIR = pathlib.Path(sys.argv[1])
MESH = partitioning.MeshConfig(data=2, fsdp=-1, tensor=2)
# The fake's matrices are small; split them all the same.
partitioning.SMALL = 1

config = dataclasses.replace(loop_test.experiment("muon", log_every=1), mesh=MESH)
done = loop.fit(
    config, WORKDIR, fakes.LinearGenerator(), fakes.data(), tasks=fakes.TASKS)
assert done.compilations == 1

state = loop.start(
    config, fakes.LinearGenerator(), optim.make(config.optim, config.train.steps),
    partitioning.make_mesh(MESH), checkpoint.Checkpointer(WORKDIR, 2), fakes.data(),
    None)
moments = state["opt_state"][1].inner_states
for kernel in (state["params"]["net"]["hidden"]["kernel"],
               state["ema"]["net"]["hidden"]["kernel"],
               moments["muon"].inner_state[0].mu["net"]["hidden"]["kernel"]):
  assert kernel.sharding.spec == P(None, "fsdp", "tensor"), kernel.sharding
  assert kernel.addressable_shards[0].data.shape == (2, 24, 24)
nu = moments["adam"].inner_state.nu["net"]["image_out"]["kernel"]
assert nu.sharding.spec == P("tensor", "fsdp"), nu.sharding
print(json.dumps([x["loss"] for x in metrics_writer.read(WORKDIR / "metrics.jsonl")]))
