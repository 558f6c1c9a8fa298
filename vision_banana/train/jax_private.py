"""What runs of several processes need of jax that jax does not promise to keep."""

import functools
import importlib
from typing import Any

import jax

from vision_banana.errors import UserError


def store() -> Any:
  """The key-value store behind `jax.distributed`; None where that was not started.

  Raises:
    UserError: this jax has it no longer.
  """
  return _part("distributed", "global_state", "client")


def cluster(timeout: int) -> tuple[str | None, int | None, int | None, Any]:
  """What `jax.distributed` would ask the cluster: coordinator, number of processes,
  number of this one, local devices; all None outside of any.

  Args:
    timeout: seconds to look for the coordinator's address.

  Raises:
    UserError: this jax has it no longer.
  """
  detect = _part("clusters", "ClusterEnv", "auto_detect_unset_distributed_params")
  return detect(None, None, None, None, None, timeout)


def _part(module: str, *names: str) -> Any:
  try:
    found = importlib.import_module(f"jax._src.{module}")
    return functools.reduce(getattr, names, found)
  except (ImportError, AttributeError) as e:
    raise UserError(
        f"jax {jax.__version__} has no jax._src.{'.'.join([module, *names])} any more, "
        "by which processes of a run find and watch each other; install the jax of "
        "constraints.txt, or give --num-processes 1 to train alone.") from e
