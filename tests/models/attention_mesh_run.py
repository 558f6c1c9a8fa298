"""Run by attention_test in a process of its own: attention over eight devices."""

import functools
import pathlib
import sys

import jax

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
jax.config.update("jax_num_cpu_devices", 8)

# pylint: disable=wrong-import-position
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P

from tests.models import attention_test
from vision_banana.models import attention
from vision_banana.train import partitioning

splash = functools.partial(attention.splash, interpret=True)
mesh = partitioning.make_mesh(partitioning.MeshConfig(data=2, fsdp=2, tensor=2))
attend = attention.sharded(splash, mesh)

q, k, v, mask = attention_test.inputs(40, batch=4)
parts = attention_test.value_and_gradients(attend, q, k, v, mask)
split = NamedSharding(mesh, P(("data", "fsdp"), None, "tensor", None))
for part, whole in zip(parts, attention_test.value_and_gradients(
    attention.dot_product, q, k, v, mask), strict=True):
  np.testing.assert_allclose(part, whole, atol=1e-5)
  assert part.sharding.is_equivalent_to(split, 4), part.sharding

# Three samples and three heads divide over no axis of two.
q, k, v, _ = attention_test.inputs(40, heads=3, batch=3)
np.testing.assert_allclose(
    jax.jit(attend)(q, k, v, None), attention.dot_product(q, k, v, None), atol=1e-5)
