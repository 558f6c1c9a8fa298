"""The mesh, the rules, and a run over eight devices."""

import json
import pathlib
import subprocess
import sys

import jax
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from tests.train import loop_test
from vision_banana.errors import UserError
from vision_banana.train import partitioning
from vision_banana.train.partitioning import MeshConfig

MESH = AbstractMesh((1, 4, 2), partitioning.AXES)


def test_a_mesh_even_on_one_device():
  mesh = partitioning.make_mesh(MeshConfig())
  assert dict(mesh.shape) == {"data": 1, "fsdp": jax.device_count(), "tensor": 1}


@pytest.mark.parametrize("sizes", [(3, 5, 7), (-1, -1, 1), (0, 1, 1), (1, -1, 5)])
def test_axes_that_do_not_fit_are_one_line(sizes):
  with pytest.raises(UserError, match=r"does not fit \d+ devices"):
    partitioning.make_mesh(MeshConfig(*sizes))


@pytest.mark.parametrize("path,shape,expected", [
    ("params/flux2/single/fused_in/kernel", (4, 512, 1024), (None, "fsdp", "tensor")),
    ("ema/flux2/single/fused_out/kernel", (4, 512, 1024), (None, "tensor", "fsdp")),
    ("opt_state/1/muon/mu/flux2/double/image/out/kernel", (2, 512, 512),
     (None, "tensor", "fsdp")),
    # An axis the mesh does not divide stays whole.
    ("params/flux2/image_in/kernel", (511, 1024), (None, "tensor")),
    # Small ones and scalars are replicated.
    ("params/flux2/single/norm/query/scale", (4, 48), ()),
    ("step", (), ()),
])
def test_one_rule_for_parameters_moments_and_averages(path, shape, expected):
  assert partitioning.spec(path, shape, MESH) == PartitionSpec(*expected)


def test_eight_devices_train_like_one_and_restore_in_place(tmp_path):
  done = subprocess.run(
      [sys.executable, str(pathlib.Path(__file__).parent / "mesh_run.py"),
       str(tmp_path / "eight")], text=True, capture_output=True, check=False)
  assert done.returncode == 0, done.stderr
  loop_test.fit(tmp_path / "one", optimizer="muon", log_every=1)
  one = [line["loss"] for line in loop_test.lines(tmp_path / "one")]
  assert len(one) == 20
  assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(one, rel=1e-3)
