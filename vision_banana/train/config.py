"""What an experiment is, and how a config file with overrides becomes one."""

import ast
import dataclasses
import difflib
import importlib.util
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from vision_banana import settings
from vision_banana.data.pipeline import DataConfig
from vision_banana.errors import UserError
from vision_banana.generators.flow import FlowConfig
from vision_banana.models.flux2 import REMAT
from vision_banana.models.lora import LoraConfig
from vision_banana.train.auxiliary import AuxiliaryConfig
from vision_banana.train.optim import OptimConfig
from vision_banana.train.partitioning import MeshConfig


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Keys of `config.model`.

  Attributes:
    name: a model of the zoo: 'nano', 'debug', …
    overrides: nested changes of its sizes, such as {'flux2': {'num_single': 6}}.
    tokenizer: a tokenizer.json; '' reads bytes, or the tokenizer of `init_from`.
  """
  name: str = "nano"
  tokenizer: str = ""
  overrides: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """Keys of `config.train`.

  Attributes:
    steps: the run ends after this many steps.
    minutes: or after this much wall-clock time, counted from the end of the
      first step of this process; 0 means no limit. The schedule follows steps.
    dtype: what the transformer computes in, and the text encoder and autoencoder
      where they are not trained, which are held in it too: 'float32' or
      'bfloat16'. Trained weights are kept in float32, and norms, softmax and the
      loss computed in it, whatever this says.
    grad_dtype: what matrices are gathered in, and their gradients made and summed
      over devices: 'float32', or with dtype bfloat16 'bfloat16', half the bytes.
      Of adapters it means those themselves.
    remat: what training keeps of each block of the transformer: 'none' computes
      nothing twice, 'dots' keeps what the weight matrices put out, 'full' nothing.
    accumulate: pieces that a batch is taken in, one after the other; the memory of
      one, the gradient of all.
    ema: averaged weights: 'float32', 'bfloat16' (half the bytes; rounded at
      random, so that nothing is lost on the whole) or 'off' (none; the run's
      samples and its model are of the weights as they are).
    ema_decay: decay of the averaged weights per step.
    log_every: steps between lines of the log and of `metrics.jsonl`.
    checkpoint_every: steps between checkpoints.
    keep: newest checkpoints that stay on disk.
    sample_every: steps between sample grids; 0 draws none.
    sample_split: split of every source that grids are drawn from.
    sample_steps: sampler steps of a grid.
  """
  steps: int
  minutes: float = 0.0
  dtype: str = "float32"
  grad_dtype: str = "float32"
  remat: str = "none"
  accumulate: int = 1
  ema: str = "float32"
  ema_decay: float = 0.999
  log_every: int = 50
  checkpoint_every: int = 1000
  keep: int = 2
  sample_every: int = 1000
  sample_split: str = "test"
  sample_steps: int = 4

  def __post_init__(self):
    settings.check_at_least(self, 1, "steps", "log_every", "checkpoint_every", "keep",
                            "sample_steps", "accumulate")
    settings.check_at_least(self, 0, "minutes", "sample_every")
    if not 0 <= self.ema_decay <= 1:
      raise ValueError(f"ema_decay must be in 0..1, got {self.ema_decay}.")
    floats = ("float32", "bfloat16")
    for name, known in (("dtype", floats), ("grad_dtype", floats),
                        ("ema", ("off", *floats)), ("remat", tuple(REMAT))):
      if getattr(self, name) not in known:
        raise ValueError(
            f"{name} '{getattr(self, name)}': use one of {', '.join(known)}.")
    if (self.dtype, self.grad_dtype) == ("float32", "bfloat16"):
      raise ValueError("grad_dtype bfloat16 needs dtype bfloat16: it would round "
                       "the weights of a float32 computation.")


@dataclasses.dataclass(frozen=True)
class Experiment:
  """A whole config.

  Attributes:
    train: length, logging and checkpoints.
    data: the mixture, batch size and image size.
    model: which network.
    flow: the objective and how to sample.
    auxiliary: weights of codec metrics in the loss, none by default.
    optim: optimiser and schedule.
    lora: trains adapters of the transformer in place of its weights.
    mesh: devices along each axis.
    seed: of the weights and the noise; the data has its own.
    init_from: saved model folder whose weights the run starts from, or ''. A
      checkpoint in the workdir goes before it.
    random_start: what is trained starts at random all the same, to compare with;
      tokenizer, sizes and what is not trained still come from `init_from`.
    notes: free text, kept with the run.
  """
  train: TrainConfig
  data: DataConfig
  model: ModelConfig = ModelConfig()
  flow: FlowConfig = FlowConfig()
  auxiliary: AuxiliaryConfig = AuxiliaryConfig()
  optim: OptimConfig = OptimConfig()
  lora: LoraConfig = LoraConfig()
  mesh: MeshConfig = MeshConfig()
  seed: int = 0
  init_from: str = ""
  random_start: bool = False
  notes: str = ""


def load(spec: str, overrides: Sequence[str] = ()) -> Experiment:
  """Reads `configs/nano.py:key=val,key2=val2` and applies `--config.x.y=z`.

  Args:
    spec: a config file, and after a colon the argument of its `get_config`. A
      path that does not exist is looked up beside and inside the package as well.
    overrides: 'config.x.y=z', with or without leading dashes.

  Raises:
    UserError: no such file, an argument or key that nothing reads, or a value
      of another type than the one it replaces.
  """
  config = read(spec).to_dict()
  _complete(Experiment, config, "config")
  for override in overrides:
    _apply(config, override)
  return settings.build(Experiment, config, "config")


def read(spec: str) -> ml_collections.ConfigDict:
  """What the `get_config` of `configs/nano.py:key=val,key2=val2` returns.

  Raises:
    UserError: no such file, or it defines no `get_config`.
  """
  name, _, arg = spec.partition(":")
  path = pathlib.Path(name)
  if not path.is_file():
    # Beside the package in a clone, inside it where a wheel was installed.
    package = pathlib.Path(__file__).resolve().parents[1]
    beside = next(
        (p for p in (package.parent / name, package / name) if p.is_file()), None)
    if beside is None:
      known = sorted(p.stem for p in path.parent.glob("*.py"))
      raise UserError(f"{name}: no such config file; {path.parent} has "
                      f"{', '.join(known) or 'none'}.")
    path = beside
  if path.suffix != ".py":
    raise UserError(f"{name}: is no config; give a .py file that defines "
                    "get_config(arg).")
  module_spec = importlib.util.spec_from_file_location(f"_config_{path.stem}", path)
  module = importlib.util.module_from_spec(module_spec)
  try:
    module_spec.loader.exec_module(module)
  except SyntaxError as e:
    raise UserError(f"{name}:{e.lineno}: SyntaxError: {e.msg}.") from e
  if not hasattr(module, "get_config"):
    raise UserError(f"{name}: is no config; it must define get_config(arg).")
  config = module.get_config(arg or None)
  if not isinstance(config, Mapping | ml_collections.ConfigDict):
    raise UserError(f"{name}: get_config must return a ConfigDict or a dict.")
  return ml_collections.ConfigDict(config)


def parse_arg(arg: str | None, **defaults: Any) -> ml_collections.ConfigDict:
  """The argument of a `get_config`: 'key=val,key2=val2' over typed defaults.

  A key alone, of a bool, means True.

  Raises:
    UserError: a key that is not among `defaults`, or a value of another type.
  """
  values = ml_collections.ConfigDict(defaults)
  for part in filter(None, (arg or "").split(",")):
    key, equals, text = part.partition("=")
    if key not in defaults:
      raise UserError(f"config argument '{key}': nothing reads it; "
                      f"{_hint(key, defaults)}")
    if not equals and not isinstance(defaults[key], bool):
      raise UserError(f"config argument '{key}': write {key}=VALUE.")
    text = text if equals else "true"
    values[key] = _typed(text, defaults[key], f"config argument '{key}'")
  return values


def _complete(cls: type, section: dict[str, Any], path: str) -> None:
  """Fills in what the dataclass has defaults for, so that it can be overridden."""
  for field in dataclasses.fields(cls):
    if dataclasses.is_dataclass(field.type):
      if field.default is not dataclasses.MISSING:
        section.setdefault(field.name, {})
      if field.name in section:
        inner, where = section[field.name], f"{path}.{field.name}"
        if not isinstance(inner, dict):
          raise UserError(f"{where}={inner!r}: expected a section of keys.")
        _complete(field.type, inner, where)
    elif field.default_factory is not dataclasses.MISSING:
      section.setdefault(field.name, field.default_factory())
    elif field.default is not dataclasses.MISSING:
      section.setdefault(field.name, field.default)


def _apply(config: dict[str, Any], override: str) -> None:
  """Sets one 'config.x.y=z' in a completed config."""
  key, equals, text = override.lstrip("-").partition("=")
  root, *names = key.split(".")
  if not equals or root != "config" or not names:
    raise UserError(f"'{override}': overrides look like --config.optim.lr=1e-3.")
  section, cls, where = config, Experiment, root
  for depth, name in enumerate(names):
    last = depth == len(names) - 1
    if name not in section and cls:
      raise UserError(f"{where}.{name}: nothing reads this key; "
                      f"{_hint(name, section)}")
    if last:
      # New keys are welcome in a free mapping, such as a mixture's weights.
      section[name] = (_typed(text, section[name], key) if name in section
                       else _literal(text))
      return
    if not cls:  # Sizes of a model may be changed part by part.
      section.setdefault(name, {})
    kind = {f.name: f.type for f in dataclasses.fields(cls)}[name] if cls else None
    section, cls = section[name], kind if dataclasses.is_dataclass(kind) else None
    where = f"{where}.{name}"
    if not isinstance(section, dict):
      raise UserError(f"{where} is a value, not a section; drop "
                      f"'.{'.'.join(names[depth + 1:])}'.")


def _typed(text: str, current: Any, name: str) -> Any:
  """`text` as a value of the type of `current`."""
  if isinstance(current, str):
    return text
  if isinstance(current, dict):
    raise UserError(f"{name}={text}: expected a section of keys; set {name}.KEY.")
  value = _literal(text)
  if isinstance(current, bool):
    fits = isinstance(value, bool)
  elif isinstance(current, int):
    if isinstance(value, float) and value.is_integer():  # 1e4 steps
      value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool)
  elif isinstance(current, float):
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    value = float(value) if fits else value
  elif isinstance(current, tuple | list):
    fits = isinstance(value, tuple | list)
    value = tuple(value) if fits else value
  else:
    fits = True
  if not fits:
    raise UserError(f"{name}={text}: expected {type(current).__name__}, "
                    f"such as {current!r}.")
  return value


def _literal(text: str) -> Any:
  if text.lower() in ("true", "false"):
    return text.lower() == "true"
  try:
    return ast.literal_eval(text)
  except (ValueError, SyntaxError):
    return text


def _hint(key: str, known: Any) -> str:
  names = [str(k) for k in known]
  close = difflib.get_close_matches(key, names, n=1)
  if close:
    return f"did you mean '{close[0]}'?"
  return f"known keys: {', '.join(sorted(names)) or 'none'}."
