"""TPU pods by name, for compiling without their hardware."""

import dataclasses
import importlib.util
import os
import re

import jax

from vision_banana.errors import UserError

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
  """What one chip can do.

  Attributes:
    bf16_flops: peak of its matrix units in bfloat16, per second.
    hbm: bytes of memory that a program may use; some of the chip's own is reserved.
    axes: of the torus its pods are wired as.
  """
  bf16_flops: float
  hbm: int
  axes: int


# Peaks: "System architecture" of the Cloud TPU documentation,
# https://cloud.google.com/tpu/docs/{v5e,v5p,v6e}. Memory: what libtpu 0.0.42.1 says
# is available when a program is too large ("exceeds available HBM (15.75G)").
CHIPS = {
    "v5e": Chip(197e12, int(15.75 * GIB), 2),
    "v5p": Chip(459e12, int(95.74 * GIB), 3),
    "v6e": Chip(918e12, int(31.25 * GIB), 2),
}


def chip(topology: str) -> Chip:
  """The chip of 'v5e:4x4'.

  Raises:
    UserError: no such chip, or not written like that.
  """
  match = re.fullmatch(r"(\w+):(\d+(?:x\d+)*)", topology)
  found = CHIPS.get(match[1]) if match else None
  if found is None or match[2].count("x") + 1 != found.axes:
    raise UserError(f"--topology {topology}: write CHIP:SHAPE such as v5e:4x4 or "
                    f"v5p:4x4x4; chips: {', '.join(CHIPS)}.")
  return found


def devices(topology: str) -> list[jax.Device]:
  """The devices of a pod that need not exist: programs compile for them, only.

  Call it before anything computes; it keeps this process from looking for a TPU.

  Raises:
    UserError: no such topology, or libtpu is not installed.
  """
  chip(topology)
  if importlib.util.find_spec("libtpu") is None:
    raise UserError("compiling for TPU needs libtpu; run pip install "
                    "'vision-banana[tpu]'.")
  # libtpu would ask the machine which TPU it is, and refuse to be loaded twice.
  for name, value in {
      "TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost",
      "TPU_WORKER_ID": "0", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
      "TPU_ACCELERATOR_TYPE": "v5litepod-4", "TPU_STDERR_LOG_LEVEL": "3",
      "TPU_MIN_LOG_LEVEL": "3"}.items():
    os.environ.setdefault(name, value)
  jax.config.update("jax_platforms", "cpu")
  # pylint: disable-next=g-import-not-at-top
  from jax.experimental import topologies
  shape = topology.partition(":")[2]
  # The default host has four chips; a single chip is a host of its own.
  host = {"chips_per_host_bounds": (1, 1, 1)} if shape in ("1x1", "1x1x1") else {}
  try:
    return list(topologies.get_topology_desc(
        topology, platform="tpu", **host).devices)
  except jax.errors.JaxRuntimeError as e:
    raise UserError(f"--topology {topology}: libtpu knows no such pod ({e}); shapes "
                    "are such as 2x4, 4x4, 16x16 (v5e, v6e) or 2x2x1, 4x4x4 (v5p)."
                    ) from e
