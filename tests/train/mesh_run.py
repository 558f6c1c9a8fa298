"""Run by partitioning_test in a process of its own: `mesh_run.py DEVICES WORKDIR`.

Trains, restores, checks that the state is split as the rules say, trains on, and
prints the losses.
"""

import dataclasses
import json
import pathlib
import sys

import jax

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))

# pylint: disable=wrong-import-position
from jax.sharding import PartitionSpec as P

from tests.train import fakes, loop_test
from vision_banana.train import checkpoint, loop, metrics_writer, optim, partitioning

WORKDIR = pathlib.Path(sys.argv[2])
MESH = partitioning.MeshConfig(2, -1, 2) if len(jax.devices()) == 8 else (
    partitioning.MeshConfig())
# The fake's matrices are small; split them all the same.
partitioning.SMALL = 1


def fit(steps: int) -> None:
  config = dataclasses.replace(
      loop_test.experiment(steps=steps, log_every=1, checkpoint_every=2), mesh=MESH)
  loop.fit(config, WORKDIR, fakes.LinearGenerator(), fakes.data(),
           tasks=fakes.TASKS)


fit(4)
config = loop_test.experiment(steps=4)
mesh = partitioning.make_mesh(MESH)
state = loop.start(config, fakes.LinearGenerator(), optim.make(config.optim, 4), mesh,
                   checkpoint.Checkpointer(WORKDIR, 2), fakes.data(), None)
moments = state["opt_state"][1].inner_states
for kernel in (state["params"]["net"]["hidden"]["kernel"],
               state["ema"]["net"]["hidden"]["kernel"],
               moments["muon"].inner_state[0].mu["net"]["hidden"]["kernel"]):
  assert kernel.sharding.spec == P(None, "fsdp", "tensor"), kernel.sharding
  if len(jax.devices()) == 8:
    assert kernel.addressable_shards[0].data.shape == (2, 24, 24)
nu = moments["adam"].inner_state.nu["net"]["image_out"]["kernel"]
assert nu.sharding.spec == P("tensor", "fsdp"), nu.sharding
fit(6)
print(json.dumps([x["loss"] for x in metrics_writer.read(WORKDIR / "metrics.jsonl")]))
