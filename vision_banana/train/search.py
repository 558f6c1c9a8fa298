"""The mesh and the remat policy with which a run fits a pod."""

import dataclasses
import sys
from typing import Any

from vision_banana.errors import UserError
from vision_banana.train import aot, flops, launch, partitioning
from vision_banana.train import topology as pods
from vision_banana.train.config import Experiment


def search(config: Experiment, topology: str, *, mfu: float = 0.4
           ) -> tuple[Experiment, dict[str, Any]]:
  """The mesh and remat policy with the fewest operations whose train step fits.

  Policies are tried from the one that computes least; of the meshes with which the
  first of them fits, the one that needs the least memory wins. `config.mesh.data`
  stays. Each try is printed to stderr.

  Args:
    config: the experiment.
    topology: of the pod.
    mfu: as in `aot.report`.

  Returns:
    The experiment with what was found, and the report of its step with `tries`.

  Raises:
    UserError: as `aot.report`, or nothing fits.
  """
  policies = sorted(flops.RECOMPUTED, key=lambda name: flops.step(
      _with(config, remat=name))["executed"])
  tries = []
  for remat in policies:
    fitting = []
    for mesh in _meshes(config, len(pods.devices(topology))):
      tried = _with(config, remat=remat, mesh=mesh)
      result = aot.report(tried, topology, what="step", mfu=mfu)
      step = result["step"]
      tries.append({"mesh": result["mesh"], "remat": remat, "fits": step["fits"],
                    "verdict": step["verdict"], "peak": step["memory"]["peak"]})
      print(f"data={mesh.data} fsdp={mesh.fsdp} tensor={mesh.tensor} remat={remat}: "
            f"{step['verdict']} (needs {step['memory']['peak'] / pods.GIB:.2f} GiB)",
            file=sys.stderr, flush=True)
      if step["fits"]:
        fitting.append((step["memory"]["peak"], len(tries), tried, result))
    if fitting:
      _, _, best, result = min(fitting)
      return best, result | {"tries": tries}
  closest = min(tries, key=lambda t: t["peak"], default=None)
  raise UserError(
      f"--search: nothing fits {topology}" + (
          f"; closest is mesh {closest['mesh']} with remat {closest['remat']}, which "
          f"{closest['verdict']}" if closest else
          f": config.data.batch_size={config.data.batch_size} divides over no mesh"
      ) + ". Take more chips, a smaller picture, more config.train.accumulate, or "
      "config.lora.")


def _meshes(config: Experiment, chips: int) -> list[partitioning.MeshConfig]:
  """Meshes over all chips that the batch and the attention heads divide over."""
  data = max(config.mesh.data, 1)
  heads = launch.model_sizes(config).flux2.num_heads
  found = []
  for tensor in (1, 2, 4, 8):
    fsdp, rest = divmod(chips, data * tensor)
    pieces = data * fsdp * config.train.accumulate
    if not rest and fsdp and not heads % tensor and not (
        config.data.batch_size % pieces):
      found.append(partitioning.MeshConfig(data, fsdp, tensor))
  return found


def _with(config: Experiment, *, remat: str,
          mesh: partitioning.MeshConfig | None = None) -> Experiment:
  return dataclasses.replace(
      config, mesh=mesh or config.mesh,
      train=dataclasses.replace(config.train, remat=remat))
