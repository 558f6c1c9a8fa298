"""Ahead-of-time reports without libtpu: what is lowered, searched for, and refused."""

import dataclasses
import importlib.util

import jax
import numpy as np
import pytest

from tests.data import fake
from vision_banana import main
from vision_banana.data import pipeline
from vision_banana.errors import UserError
from vision_banana.models.flux2 import REMAT
from vision_banana.train import aot, config, flops, partitioning, topology

CPU = topology.Chip(1e12, 2**30, 2)


def debug(*overrides: str) -> config.Experiment:
  return config.load("configs/debug.py", ["--config.optim.name=adamw", *overrides])


def test_the_batch_is_the_pipelines():
  experiment = debug()
  generator, _ = aot._model(experiment)
  data = pipeline.train_iterator(
      experiment.data, generator.tokenize,
      sources={"rooms": [fake.scene(i, 16) for i in range(8)]})
  real = next(data)
  data.close()
  real.pop("prompt")
  batch = aot._batch(experiment, generator, partitioning.make_mesh(experiment.mesh))
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
      k: (np.shape(v), np.asarray(v).dtype) for k, v in real.items()}


@pytest.mark.parametrize("rank", [0, 4])
def test_step_and_sampler_are_measured(rank):
  experiment = debug(f"--config.lora.rank={rank}")
  mesh = partitioning.make_mesh(partitioning.MeshConfig(), jax.devices()[:1])
  results = [aot.measure(lower, experiment, mesh, CPU)
             for lower in (aot.lower_step, aot.lower_sampler)]
  params = jax.eval_shape(aot._model(experiment)[0].init, jax.random.key(0))
  size = sum(x.size * 4 for x in jax.tree.leaves(params))
  step, sampler = (r["memory"] for r in results)
  # Parameters, two moments and the average; or all as they are, and small adapters.
  assert (1 if rank else 4) * size < step["arguments"]
  batch = 2**16
  assert step["arguments"] < (3 if rank else 4) * size + batch
  assert size < sampler["arguments"] < size + batch
  for result in results:
    assert result["verdict"] == "fits" and result["collectives"] == {}
    assert 0 < result["memory"]["temporary"] < result["memory"]["peak"] < 2**30


def test_what_does_not_fit_says_by_how_much():
  mesh = partitioning.make_mesh(partitioning.MeshConfig(), jax.devices()[:1])
  small = dataclasses.replace(CPU, hbm=2**20)
  result = aot.measure(aot.lower_step, debug(), mesh, small)
  over = (result["memory"]["peak"] - 2**20) / 2**30
  assert not result["fits"] and result["verdict"] == (
      f"does not fit, by {over:.2f} GiB")


@pytest.mark.parametrize("message,needed", [
    ("RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO "
     "temporaries (29.24G) exceeds available HBM (15.75G).", 29.24 * 2**30),
    ("Ran out of memory in memory space hbm. Used 17.30G of 15.75G hbm. Exceeded hbm "
     "capacity by 1.55G.", 17.3 * 2**30),
    ("INVALID_ARGUMENT: something else", None),
])
def test_the_compilers_words(message, needed):
  assert aot.too_large(message) == (needed and int(needed))


def searched(monkeypatch, needs, **batch):
  """Searches where `needs(mesh, remat)` is the share of memory a step takes."""
  def report(tried, name, *, what, mfu):
    del name, what, mfu
    peak = needs(tried.mesh, tried.train.remat)
    mesh = dataclasses.asdict(tried.mesh)
    return {"mesh": mesh, "step": aot._verdict({"peak": peak, "hbm": 100})}
  monkeypatch.setattr(aot, "report", report)
  monkeypatch.setattr(topology, "devices", lambda name: [None] * 8)
  tuned = config.load("configs/klein_tune.py:batch_size=16")
  return aot.search(
      dataclasses.replace(tuned, data=dataclasses.replace(tuned.data, **batch)),
      "v5e:2x4")


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
    searched(monkeypatch, lambda mesh, remat: 1, batch_size=1 + 2 * 7)


def test_search_says_what_is_closest_when_nothing_fits(monkeypatch):
  with pytest.raises(UserError, match="nothing fits.*'tensor': 1.*full.*does not fit"):
    searched(monkeypatch, lambda mesh, remat: 200 + mesh.tensor + len(remat[4:]) - (
        remat == "full"))


def test_every_remat_policy_is_counted():
  assert flops.RECOMPUTED.keys() == REMAT.keys()


def run(capsys, *arguments: str) -> str:
  code = main.main(["compile", "--config", "configs/debug.py", *arguments])
  printed = capsys.readouterr()
  assert code == 2 and not printed.out
  assert len(printed.err.splitlines()) == 1
  return printed.err


@pytest.mark.parametrize("arguments,words", [
    (["--topology", "v9:2x2"], "v5e, v5p, v6e"),
    (["--topology", "v5e:4x4x4"], "write CHIP:SHAPE such as v5e:4x4"),
    (["--topology", "v5e"], "write CHIP:SHAPE"),
    (["--topology", "v5e:4x4", "--mesh", "data=1,model=4"], "'model=4' is no axis"),
    (["--topology", "v5e:4x4", "--mfu", "1.5"], "--mfu 1.5"),
])
def test_mistakes_are_one_line(capsys, arguments, words):
  assert words in run(capsys, *arguments)


def test_without_libtpu_it_says_what_to_install(capsys, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert "pip install 'vision-banana[tpu]'" in run(capsys, "--topology", "v5e:4x4")
