"""The search for a mesh and a remat policy, over made-up memory."""

import dataclasses

import pytest

from vision_banana.errors import UserError
from vision_banana.models.flux2 import REMAT
from vision_banana.train import aot, config, flops, partitioning, search, topology


def searched(monkeypatch, needs, *, chips=8, batch_size=16):
  """Searches where `needs(mesh, remat)` is the per cent of memory a step takes."""
  def report(tried, name, *, what, mfu):
    del name, what, mfu
    peak = needs(tried.mesh, tried.train.remat)
    mesh = dataclasses.asdict(tried.mesh)
    return {"mesh": mesh, "step": aot._verdict({"peak": peak, "hbm": 100})}
  monkeypatch.setattr(aot, "report", report)
  monkeypatch.setattr(topology, "devices", lambda name: [None] * chips)
  return search.search(
      config.load(f"configs/klein_tune.py:batch_size={batch_size}"), "v5e:2x4")


def test_search_prefers_few_operations_then_little_memory(monkeypatch, capsys):
  memory = {"none": 300, "dots": 90, "full": 50}
  best, result = searched(
      monkeypatch, lambda mesh, remat: memory[remat] - mesh.tensor)
  assert best.train.remat == "dots"
  assert best.mesh == partitioning.MeshConfig(1, 1, 8)
  assert [t["remat"] for t in result["tries"]] == ["none"] * 4 + ["dots"] * 4
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 8 and lines[0].startswith("data=1 fsdp=8 tensor=1 remat=none: "
                                                 "does not fit")


def test_search_takes_only_meshes_that_the_batch_divides_over(monkeypatch):
  best, _ = searched(monkeypatch, lambda mesh, remat: mesh.tensor, batch_size=4)
  assert best.mesh == partitioning.MeshConfig(1, 4, 2)
  with pytest.raises(UserError, match="nothing fits v5e:2x4: .*divides over no mesh"):
    searched(monkeypatch, lambda mesh, remat: 1, chips=16, batch_size=15)


def test_search_says_what_is_closest_when_nothing_fits(monkeypatch):
  with pytest.raises(UserError, match="nothing fits.*'tensor': 1.*full.*does not fit"):
    searched(monkeypatch, lambda mesh, remat: 200 + mesh.tensor - (remat == "full"))


def test_every_remat_policy_is_counted():
  assert flops.RECOMPUTED.keys() == REMAT.keys()
