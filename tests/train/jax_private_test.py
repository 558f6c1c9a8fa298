"""The private parts of jax are there, in one file only, and missed in one line."""

import pathlib
import sys

import jax
import pytest
from jax._src import clusters

from vision_banana.errors import UserError
from vision_banana.train import jax_private, rendezvous

PACKAGE = pathlib.Path(__file__).parents[2] / "vision_banana"


def test_one_file_alone_knows_them():
  assert [p.name for p in PACKAGE.rglob("*.py") if "jax._src" in p.read_text()] == [
      "jax_private.py"]


def test_they_are_there():
  assert jax_private.store() is None  # Alone; see hosts_test for several.
  assert jax_private.cluster(1) == (None, None, None, None)


def test_a_jax_without_them_is_told_in_one_line(monkeypatch):
  for name in ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID"):
    monkeypatch.delenv(f"JAX_{name}", raising=False)
  monkeypatch.delattr(clusters.ClusterEnv, "auto_detect_unset_distributed_params")
  with pytest.raises(UserError, match="no jax._src.clusters.ClusterEnv.auto_") as error:
    rendezvous.join()
  assert jax.__version__ in str(error.value) and "\n" not in str(error.value)
  rendezvous.join(num_processes=1)  # As the line says.
  monkeypatch.setitem(sys.modules, "jax._src.distributed", None)
  with pytest.raises(UserError, match="no jax._src.distributed.global_state.client"):
    jax_private.store()
