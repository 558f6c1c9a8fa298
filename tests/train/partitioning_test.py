"""The mesh, the rules, and a run over eight devices."""

import dataclasses
import json
import math
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.sharding import AbstractMesh, PartitionSpec

from tests.train import loop_test
from vision_banana.errors import UserError
from vision_banana.models import lora, zoo
from vision_banana.train import optim, partitioning
from vision_banana.train import step as step_lib
from vision_banana.train.partitioning import MeshConfig

MESH = AbstractMesh((1, 4, 2), partitioning.AXES)


def test_a_mesh_even_on_one_device():
  mesh = partitioning.make_mesh(MeshConfig())
  assert dict(mesh.shape) == {"data": 1, "fsdp": jax.device_count(), "tensor": 1}


@pytest.mark.parametrize("sizes", [(3, 5, 7), (-1, -1, 1), (0, 1, 1), (1, -1, 5)])
def test_axes_that_do_not_fit_are_one_line(sizes):
  with pytest.raises(UserError, match=r"does not fit \d+ devices"):
    partitioning.make_mesh(MeshConfig(*sizes))


@dataclasses.dataclass(frozen=True)
class Chip:
  """A stand-in for a chip of a TPU slice of 2x4."""
  slice_index: int
  coords: tuple[int, int, int]
  core_on_chip: int = 0
  platform: str = "tpu"
  device_kind: str = "TPU v5 lite"

  @property
  def id(self) -> int:
    return 8 * self.slice_index + 4 * self.coords[0] + self.coords[1]


SLICES = [Chip(s, (x, y, 0)) for y in range(4) for s in range(2) for x in range(2)]


@pytest.mark.parametrize("sizes", [(2, -1, 1), (4, 2, 2), (-1, 4, 1)])
def test_a_slice_holds_whole_replicas(monkeypatch, sizes):
  monkeypatch.setattr(  # jax's own takes no stand-ins.
      partitioning, "Mesh", lambda grid, *_, **__: grid)
  grid = partitioning.make_mesh(MeshConfig(*sizes), SLICES)
  assert len(set(grid.flat)) == 16
  for replica in grid:
    assert len({chip.slice_index for chip in replica.flat}) == 1
  found = [replica.flat[0].slice_index for replica in grid]
  assert found == sorted(found) and set(found) == {0, 1}


def test_slices_that_share_a_replica_are_one_line():
  with pytest.raises(UserError, match=r"mesh.data is 1; these are 2 slices") as error:
    partitioning.make_mesh(MeshConfig(), SLICES)
  assert "set config.mesh.data to 2" in str(error.value)


@pytest.mark.parametrize("path,shape,expected", [
    # Matrices side by side: the axis they share is split, by fsdp and tensor.
    ("params/flux2/single/fused_in/kernel", (4, 512, 1024),
     (None, ("fsdp", "tensor"), None)),
    ("ema/flux2/single/fused_out/kernel", (4, 512, 1024),
     (None, None, ("fsdp", "tensor"))),
    ("text/blocks/mlp_out/kernel", (4, 512, 1024), (None, "tensor", "fsdp")),
    ("text/embedding/embedding", (1000, 512), (None, ("fsdp", "tensor"))),
    ("autoencoder/encoder/conv_in/kernel", (3, 3, 512, 512),
     (None, None, None, ("fsdp", "tensor"))),
    ("transformer_blocks.0.attn.to_q/a", (64, 3072), (None, ("fsdp", "tensor"))),
    ("opt_state/1/muon/mu/flux2/double/image/out/kernel", (2, 512, 512),
     (None, "tensor", "fsdp")),
    # An axis the mesh does not divide stays whole.
    ("params/flux2/image_in/kernel", (511, 1024), (None, "tensor")),
    ("params/flux2/double/image/qkv/kernel", (2, 516, 511), (None, "fsdp", None)),
    # What no rule splits: the longest axis.
    ("params/flux2/single/fused_in/kernel", (8192, 9, 11),
     (("fsdp", "tensor"), None, None)),
    # Small ones and scalars are replicated.
    ("params/flux2/single/norm/query/scale", (4, 48), ()),
    ("step", (), ()),
])
def test_one_rule_for_parameters_moments_and_averages(path, shape, expected):
  assert partitioning.spec(path, shape, MESH) == PartitionSpec(*expected)


@pytest.fixture(scope="module")
def klein():
  """Shapes of klein 4B's parameters."""
  network = zoo.abstract_network(zoo.model_config("klein"))
  return nnx.to_pure_dict(nnx.state(network))


def split(tree, mesh, least: float) -> None:
  """Every leaf of a million elements, and all of the tree, is in about 16 parts."""
  total = held = 0
  places = jax.tree.leaves(partitioning.shardings(tree, mesh))
  for (path, x), place in zip(
      jax.tree_util.tree_leaves_with_path(tree), places, strict=True):
    part = math.prod(place.shard_shape(x.shape))
    total, held = total + x.size, held + part
    if x.size >= 2**20:
      assert part * 16 == x.size, (optim.path_of(path), x.shape, place.spec)
  assert total > least and held < 1.01 * total / 16


@pytest.mark.parametrize("sizes", [(1, 16, 1), (1, 4, 4), (1, 8, 2)])
@pytest.mark.parametrize("name,least", [
    ("adamw", 15.4e9), ("muon", 11.6e9), ("adafactor", 11.6e9)])
def test_nothing_large_of_klein_is_whole_on_a_device(klein, sizes, name, least):
  mesh = AbstractMesh(sizes, partitioning.AXES)
  tx = optim.make(optim.OptimConfig(name=name), 100)
  state = jax.eval_shape(
      lambda p: step_lib.init_state(p, tx), {"flux2": klein["flux2"]})
  split(state, mesh, least)
  frozen = {k: v for k, v in klein.items() if k != "flux2"}
  assert frozen.keys() == {"text", "autoencoder"}
  split(frozen, mesh, 3e9)


def test_adapters_and_their_moments_are_split(klein):
  mesh = AbstractMesh((1, 4, 4), partitioning.AXES)
  config = zoo.model_config("klein").flux2
  tx = optim.make(optim.OptimConfig(name="adamw"), 100)
  state = jax.eval_shape(lambda key: step_lib.init_state(
      lora.init(config, lora.LoraConfig(rank=64), key), tx), jax.random.key(0))
  split(state, mesh, 4 * 8e7)


def test_factored_moments_lie_where_their_parameter_does(monkeypatch):
  mesh = AbstractMesh((1, 4, 2), partitioning.AXES)
  shapes = {"double": {
      "out": {"kernel": (5, 4096, 4096)}, "qkv": {"kernel": (5, 4096, 12288)},
      "norm": {"scale": (5, 128)}}}
  params = jax.tree.map(
      lambda s: jax.ShapeDtypeStruct(s, jnp.float32), shapes,
      is_leaf=lambda s: isinstance(s, tuple))
  tx = optim.make(optim.OptimConfig(name="adafactor", b1=0.0), 100)
  state = jax.eval_shape(lambda p: step_lib.init_state(p, tx, "off"), params)
  monkeypatch.setattr(partitioning, "SMALL", 256)
  found = {
      optim.path_of(path).partition("inner_state/0/")[2]: tuple(x.spec)
      for path, x in jax.tree_util.tree_leaves_with_path(
          partitioning.shardings(state, mesh))}
  # [layers, tensor, fsdp]: the axis of the means is gone.
  assert found["v_row/double/out/kernel"] == (None, "tensor")
  assert found["v_col/double/out/kernel"] == (None, "fsdp")
  assert found["v_row/double/qkv/kernel"] == (None, ("fsdp", "tensor"))
  # The split axis is gone; the other is split instead.
  assert found["v_col/double/qkv/kernel"] == (None, ("fsdp", "tensor"))


@pytest.mark.parametrize("size,accumulate,need", [(12, 1, 8), (24, 2, 16)])
def test_a_batch_that_does_not_divide_is_one_line(size, accumulate, need):
  mesh = AbstractMesh((2, 4, 2), partitioning.AXES)
  partitioning.check_batch(need * 3, accumulate, mesh)
  with pytest.raises(UserError, match=f"batch_size is {size};.*multiple of {need}"):
    partitioning.check_batch(size, accumulate, mesh)


def test_eight_devices_train_like_one_and_restore_in_place(tmp_path):
  done = subprocess.run(
      [sys.executable, str(pathlib.Path(__file__).parent / "mesh_run.py"),
       str(tmp_path / "eight")], text=True, capture_output=True, check=False)
  assert done.returncode == 0, done.stderr
  loop_test.fit(tmp_path / "one", optimizer="muon", log_every=1)
  one = [line["loss"] for line in loop_test.lines(tmp_path / "one")]
  assert len(one) == 20
  assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(one, rel=1e-3)
