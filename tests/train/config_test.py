"""Config files, their arguments, overrides, and every way to get them wrong."""

import pathlib

import pytest

from vision_banana.errors import UserError
from vision_banana.train import config

NANO = "configs/nano.py"


def test_defaults_of_nano():
  nano = config.load(NANO)
  assert nano.flow.level_floor == 0.4 and nano.train.ema_decay == 0.99
  assert nano.data.sources["rooms"] == {"path": "rooms"}
  assert sum(nano.data.mixture.values()) == pytest.approx(1)


def test_argument_and_overrides_are_typed():
  nano = config.load(NANO + ":steps=7,source=my/rooms", [
      "--config.optim.lr=1e-4", "config.optim.name=adamw", "--config.seed=3",
      "--config.train.minutes=2", "--config.data.flip=false",
      "--config.data.mixture.editing=0", "--config.data.mixture.depth@rooms=0.5",
      "--config.model.overrides.flux2={'num_single': 2}",
      "--config.model.overrides.flux2.num_double=1",
      "--config.model.overrides.text.vocab_size=300",
      "--config.optim.adam_paths=('a', 'b')", "--config.notes=1",
      "--config.train.log_every=1e1"])
  assert nano.train.steps == 7 and nano.data.sources["rooms"]["path"] == "my/rooms"
  assert nano.optim.lr == 1e-4 and nano.optim.name == "adamw" and nano.seed == 3
  assert nano.train.minutes == 2.0 and isinstance(nano.train.minutes, float)
  assert nano.data.flip is False
  assert nano.data.mixture == config.load(NANO).data.mixture | {
      "editing": 0, "depth@rooms": 0.5}
  assert nano.model.overrides == {
      "flux2": {"num_single": 2, "num_double": 1}, "text": {"vocab_size": 300}}
  assert nano.optim.adam_paths == ("a", "b") and nano.notes == "1"
  assert nano.train.log_every == 10 and isinstance(nano.train.log_every, int)


def test_nested_overrides_of_free_sections():
  nano = config.load(NANO, ["--config.data.sources.rooms.path=x"])
  assert nano.data.sources == config.load(NANO).data.sources | {"rooms": {"path": "x"}}


@pytest.mark.parametrize("override,message", [
    ("--config.optim.lrr=1", r"config.optim.lrr: nothing reads this key; .*'lr'"),
    ("--config.optimm.lr=1", r"config.optimm: nothing reads this key; .*'optim'"),
    ("--config.optim.lr", "overrides look like"),
    ("--lr=1", "overrides look like"),
    ("--config.optim.lr=fast", "expected float, such as 0.002"),
    ("--config.train.steps=2.5", "expected int"),
    ("--config.train.steps=true", "expected int"),
    ("--config.data.flip=3", "expected bool"),
    ("--config.optim=3", "expected a section"),
    ("--config.optim.lr.x=3", "is a value, not a section"),
    ("--config.optim.name=sgd", "use 'adamw', 'muon' or 'adafactor'"),
    ("--config.train.dtype=float16", "use one of float32, bfloat16"),
    ("--config.train.ema=none", "use one of off, float32, bfloat16"),
    ("--config.train.remat=all", "use one of none, dots, full"),
    ("--config.train.accumulate=0", "at least 1"),
    ("--config.train.grad_dtype=bfloat16", "needs dtype bfloat16"),
    ("--config.train.log_every=0", "at least 1"),
    ("--config.train.minutes=-1", "minutes must be at least 0"),
    ("--config.train.sample_every=-1", "sample_every must be at least 0"),
    ("--config.train.ema_decay=-1", "ema_decay must be in 0..1"),
    ("--config.flow.perception_steps=0", "perception_steps must be at least 1"),
])
def test_wrong_overrides_are_one_line(override, message):
  with pytest.raises(UserError, match=message) as error:
    config.load(NANO, [override])
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("spec,message", [
    (NANO + ":stepps=7", "'stepps': nothing reads it; did you mean 'steps'"),
    (NANO + ":steps=many", "expected int"),
    (NANO + ":steps", "write steps=VALUE"),
    ("configs/none.py", "no such config file.*debug"),
    ("setup.cfg", "no such config file"),
])
def test_wrong_files_and_arguments_are_one_line(spec, message):
  with pytest.raises(UserError, match=message) as error:
    config.load(spec)
  assert "\n" not in str(error.value)


def config_file(folder: pathlib.Path, body: str) -> str:
  path = folder / "mine.py"
  path.write_text(f"def get_config(arg=None):\n  return {body}\n")
  return str(path)


@pytest.mark.parametrize("place", [".", "vision_banana"])
def test_a_config_is_found_beside_a_clone_and_inside_a_wheel(
    tmp_path, monkeypatch, place):
  (tmp_path / place / "configs").mkdir(parents=True)
  config_file(tmp_path / place / "configs", "{'notes': 'found'}")
  monkeypatch.setattr(config, "__file__", str(tmp_path / "vision_banana/train/config.py"))
  assert config.read("configs/mine.py").notes == "found"


@pytest.mark.parametrize("body,message", [
    ("{'data': {'mixture': {'depth': 1}}}", "config: missing train"),
    ("{'train': {'steps': 1}}", "config: missing data"),
    ("{'train': {'steps': 1, 'stesp': 2}, 'data': {'mixture': {}}}",
     r"config.train.stesp: nothing reads this key; did you mean 'steps'"),
    ("{'train': 3, 'data': {'mixture': {}}}", "config.train=3: expected a section"),
    ("3", "get_config"),
])
def test_wrong_configs_are_one_line(tmp_path, body, message):
  with pytest.raises(UserError, match=message) as error:
    config.load(config_file(tmp_path, body))
  assert "\n" not in str(error.value)


def test_a_file_that_is_no_config(tmp_path):
  (tmp_path / "x.py").write_text("y = 1\n")
  with pytest.raises(UserError, match="must define get_config"):
    config.load(str(tmp_path / "x.py"))
  (tmp_path / "config.json").write_text("{}")
  with pytest.raises(UserError, match="config.json: is no config; give a .py file"):
    config.load(str(tmp_path / "config.json"))
  (tmp_path / "x.py").write_text("y = = 1\n")
  with pytest.raises(UserError, match="SyntaxError"):
    config.load(str(tmp_path / "x.py"))


def test_a_bare_bool_argument_is_true():
  assert config.parse_arg("fast", fast=False).fast is True
  assert config.parse_arg(None, fast=False).fast is False
