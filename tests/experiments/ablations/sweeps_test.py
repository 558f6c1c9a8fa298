"""The sweeps: what differs between variants is what they say, at every scale."""

import json
import pathlib

import pytest

from experiments.ablations import run, sweep
from vision_banana.errors import UserError
from vision_banana.train import config as train_config
from vision_banana.train import launch

OUT = pathlib.Path("out")


def base(scale: str = "nano", **more) -> sweep.Base:
  return sweep.base(*sweep.SCALES[scale], model="m", **more)


def shares(config) -> dict[str, float]:
  total = sum(config.data.mixture.values())
  made: dict[str, float] = {}
  for key, weight in config.data.mixture.items():
    task = key.partition("@")[0]
    group = "generation" if task in sweep.GENERATION else "vision"
    for name in (task, group):
      made[name] = made.get(name, 0) + weight / total
  return made


def configs(letter: str, scale: str = "nano") -> dict[str, train_config.Experiment]:
  start = base(scale)
  made = sweep.runs(letter, start, sweep.load(letter, start), [7], OUT)
  return {a["variant"]: train_config.load(a["config"], a["overrides"])
          for a in made.values() if "config" in a}


@pytest.mark.parametrize("scale", sweep.SCALES)
@pytest.mark.parametrize("letter", sweep.SWEEPS)
def test_every_variant_is_a_config_that_loads(letter, scale):
  if (letter, scale) == ("h", "klein"):
    with pytest.raises(UserError, match="nano's sizes"):
      configs(letter, scale)
    return
  loaded = configs(letter, scale)
  assert loaded or letter == "e"
  for config in loaded.values():
    assert config.seed == config.data.seed == 7
  # No two variants of a sweep are the same experiment.
  assert len({repr(c) for c in loaded.values()}) == len(loaded)


def test_panels_name_metrics_that_are_measured():
  for letter in sweep.SWEEPS:
    asked = sweep.load(letter, base())
    for plot in asked.plots:
      task, _, metric = plot.metric.partition("/")
      every = [v.evaluation or asked.evaluation for v in asked.variants]
      measured = {t for e in every for t in e.tasks} | {
          f"semantic_{p}" for e in every for p in e.palettes}
      if task == "train":
        assert metric == "gflop"
      elif task == "loss":
        assert metric in every[0].losses
      else:
        assert task in measured


def test_a_changes_the_share_of_vision_alone():
  first = configs("a")["10 %"]
  for name, config in configs("a").items():
    assert shares(config)["vision"] == pytest.approx(int(name[:-2]) / 100, abs=1e-4)
    if name != "100 %":  # Proportions within generation and vision stay.
      parts = lambda c: (shares(c)["editing"] / shares(c)["generation"],
                         shares(c)["depth"] / shares(c)["vision"])
      assert parts(config) == pytest.approx(parts(first), abs=1e-3)


def test_b_starts_differ_and_nothing_else():
  tuned, random = configs("b").values()
  assert not tuned.random_start and random.random_start
  assert tuned.init_from == random.init_from and tuned.data == random.data
  assert tuned.optim.schedule == "constant"


def test_b_measures_what_the_mixture_has():
  asked = lambda *zeros: sweep.load("b", sweep.base(
      "configs/nano_tune.py", 9, tuple(f"config.data.mixture.{t}=0" for t in zeros)))
  assert asked().evaluation.tasks == ("depth", "normals", "semantic")
  alone = asked("depth", "normals", "semantic@shapes")
  assert alone.evaluation.tasks == ("semantic",)
  assert [plot.metric for plot in alone.plots] == ["semantic/miou"]
  with pytest.raises(UserError, match="none of depth, normals, semantic"):
    asked("depth", "normals", "semantic@shapes", "semantic")


def test_g_keeps_the_share_of_what_is_left():
  found = {name: shares(c) for name, c in configs("g").items()}
  for task in ("depth", "normals", "semantic"):
    alone = found[f"{task} alone"]
    assert alone[task] == pytest.approx(found["all"][task], abs=1e-4)
    assert alone["vision"] == pytest.approx(alone[task], abs=1e-4)
  assert found["no any-to-any"]["modality"] == 0
  assert found["no any-to-any"]["depth"] == pytest.approx(
      found["all"]["depth"], abs=1e-4)


def test_e_counts_runs_of_the_network():
  by_name = {v.name: v for v in sweep.load("e", base()).variants}
  assert by_name["28 steps"].x == 28
  assert by_name["4 steps, guidance 2.5"].x == 8
  assert by_name["8 votes, 2 steps"].x == 16
  assert all(v.model == "m" for v in by_name.values())
  with pytest.raises(UserError, match="--model"):
    sweep.load("e", sweep.base(*sweep.SCALES["nano"]))


def test_what_is_not_in_the_mixture_cannot_be_mixed():
  start = sweep.base("configs/debug.py", 4)
  with pytest.raises(UserError, match="no semantic"):
    start.mixed(semantic=0.5)


def test_overrides_and_seeds_reach_every_run():
  start = base(overrides=("config.optim.lr=0.5",), limit=3)
  runs = sweep.runs("f", start, sweep.load("f", start), [0, 1], OUT)
  assert len(runs) == 4
  for folder, about in runs.items():
    config = train_config.load(about["config"], about["overrides"])
    assert config.optim.lr == 0.5 and config.seed == about["seed"]
    assert json.loads(json.dumps(about)) == about  # As a run finds it again.
    assert about["evaluation"]["limit"] == 3 and folder.parts[:2] == ("out", "f")


def test_print_gives_commands_that_train_understands(capsys):
  assert run.main(["f", "--out", "o", "--seeds", "3", "--steps", "9", "--print",
                   "--config.mesh.fsdp=4"]) == 0
  lines = capsys.readouterr().out.splitlines()
  assert len(lines) == 2 and all(
      part in line for line in lines for part in (
          "vision-banana train --config=configs/nano_tune.py", "--config.seed=3",
          "--config.train.steps=9", "--config.mesh.fsdp=4", "/seed3/train"))
  with pytest.raises(UserError, match="along the way"):
    run.main(["b", "--out", "o", "--print"])


def test_recipes_of_other_batches_see_as_many_samples():
  start = base()
  words = launch.open_generator(train_config.load(start.config))[0].tokenizer
  for about in sweep.runs("h", start, sweep.load("h", start), [7], OUT).values():
    config = train_config.load(about["config"], about["overrides"])
    generator, params = launch.open_generator(config)  # Sizes fit together.
    assert params is None
    assert generator.tokenizer.core.to_str() == words.core.to_str()
    assert about["steps"] * config.data.batch_size == start.steps * 32
    assert shares(config)["depth"] == pytest.approx(0.5)
