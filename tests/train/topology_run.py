"""Run by checkpoint_test: saves on eight devices as (4, 2), restores as (2, 2, 2).

`topology_run.py WORKDIR`; the checkpoint stays for the test to restore on one device.
"""

import pathlib
import sys

import jax

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
jax.config.update("jax_num_cpu_devices", 8)

# pylint: disable=wrong-import-position
import numpy as np
from jax.sharding import PartitionSpec as P

from tests.train import checkpoint_test
from vision_banana.train import checkpoint, partitioning

partitioning.SMALL = 1  # Split the test's small arrays too.
state = checkpoint_test.state(3, width=304)
saved = checkpoint.Checkpointer(pathlib.Path(sys.argv[1]), keep=1)
before = partitioning.make_mesh(partitioning.MeshConfig(data=1, fsdp=4, tensor=2))
placed = partitioning.place(
    jax.tree.map(np.asarray, state), partitioning.shardings(state, before))
assert placed["params"]["w"].addressable_shards[0].data.shape == (76, 2)
saved.save(placed, {"samples": 12})
saved.wait()

after = partitioning.make_mesh(partitioning.MeshConfig(data=2, fsdp=2, tensor=2))
restored, data = saved.restore(partitioning.targets(state, after))
saved.close()
w = restored["params"]["w"]
assert w.sharding.spec == P("fsdp", "tensor"), w.sharding
assert w.addressable_shards[0].data.shape == (152, 2) and data == {"samples": 12}
np.testing.assert_array_equal(w, state["params"]["w"])
print("EQUAL")
