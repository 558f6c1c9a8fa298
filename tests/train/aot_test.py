"""Ahead-of-time reports without libtpu: what is lowered, measured and refused."""

import dataclasses
import importlib.util

import jax
import numpy as np
import pytest

from tests.data import fake
from vision_banana import main
from vision_banana.data import pipeline
from vision_banana.train import aot, config, flops, partitioning, topology

CPU = topology.Chip(1e12, 2**30, 2)


def debug(*overrides: str) -> config.Experiment:
  return config.load("configs/debug.py", ["--config.optim.name=adamw", *overrides])


@pytest.mark.parametrize("overrides", [(), (
    "--config.data.aspects=(4.0,)", "--config.data.size=32",
    "--config.model.overrides.image_size=32")])
def test_the_batch_is_the_pipelines(overrides):
  experiment = debug(*overrides)
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


def test_what_is_compiled_is_the_shape_with_the_most_pixels():
  wide = debug("--config.data.aspects=(2.0, 4.0)",
               "--config.data.size=32", "--config.model.overrides.image_size=32")
  mesh = partitioning.make_mesh(partitioning.MeshConfig(), jax.devices()[:1])
  # 48 × 16 are fewer than 64 × 16, which are as many as a square of 32 has.
  assert aot.lower_sampler(wide, mesh).out_info.shape == (1, 16, 64, 3)
  square = dataclasses.replace(
      wide, data=dataclasses.replace(wide.data, aspects=(1.0,)))
  assert flops.step(wide) == flops.step(square)
  less = dataclasses.replace(wide, data=dataclasses.replace(wide.data, aspects=(2.0,)))
  assert flops.step(less)["model"] < flops.step(wide)["model"]
  assert flops.sampler(less, 1)["model"] < flops.sampler(wide, 1)["model"]


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
