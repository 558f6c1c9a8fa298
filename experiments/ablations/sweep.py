"""What an ablation is: variants of one experiment, and how each is measured.

A sweep is a file of this folder with `get_sweep(base) -> Sweep`. It says what differs
from a base config and nothing else, so the same sweep runs at any scale.
"""

import dataclasses
import importlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.train import config as train_config

# Letter → file.
SWEEPS = {
    "a": "a_vision_ratio", "b": "b_pretraining", "c": "c_depth_codec",
    "d": "d_auxiliary", "e": "e_sampling", "f": "f_palettes", "g": "g_tasks",
    "h": "h_recipe", "i": "i_absent", "j": "j_negatives"}
# What a run starts from, and how long it is unless told otherwise: (config, steps).
SCALES = {"nano": ("configs/nano_tune.py", 1000),
          "klein": ("configs/klein_tune.py", 2000)}
GENERATION = ("text_to_image", "editing")


@dataclasses.dataclass(frozen=True)
class Base:
  """What all variants share.

  Attributes:
    config: a config file with its argument, as `vision-banana train` takes it.
    steps: of training.
    mixture: the config's, shares that sum to one.
    init: the model that training starts from; '' is a random start.
    model: one that is tuned already, for what needs no training.
    limit: rooms to measure on, or None for all.
    overrides: of the config, for all variants.
  """
  config: str
  steps: int
  mixture: Mapping[str, float]
  init: str = ""
  model: str = ""
  limit: int | None = None
  overrides: tuple[str, ...] = ()

  def mixed(self, **shares: float) -> tuple[str, ...]:
    """Overrides that give groups of the mixture these shares of all samples.

    A group is 'generation', 'vision' or a task, whose keys (`task@source`) keep their
    proportions. What is not named keeps its own shares, scaled to the rest.

    Raises:
      UserError: a group of which the base's mixture has nothing.
    """
    group = {}
    for key in self.mixture:
      task = key.partition("@")[0]
      kind = "generation" if task in GENERATION else "vision"
      group[key] = task if task in shares else kind if kind in shares else ""
    for name, share in shares.items():
      if share and not any(g == name and self.mixture[k] for k, g in group.items()):
        raise UserError(f"{self.config}: its mixture has no {name}; add it.")
    left = 1 - sum(shares.values())
    made = {}
    for key, weight in self.mixture.items():
      total = sum(self.mixture[k] for k, g in group.items() if g == group[key])
      made[key] = weight / total * shares.get(group[key], left) if total else 0.0
    return tuple(f"config.data.mixture.{k}={w:.6g}" for k, w in made.items())


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """How a model is measured on the held-out rooms.

  Attributes:
    tasks: of the benchmark 'rooms'.
    losses: tasks whose validation loss is measured (`eval.validation`).
    steps, guidance, samples: of the sampler, as for `vision-banana eval`.
    colormap: that depth is asked for; '' is canonical.
    palettes: of semantic maps, 'random' and 'fixed' (`tasks.legend`); each is asked.
    limit: only so many rooms; None = the base's.
  """
  tasks: tuple[str, ...] = ("depth", "normals", "semantic")
  losses: tuple[str, ...] = ()
  steps: int | None = None
  guidance: float | None = None
  samples: int = 1
  colormap: str = ""
  palettes: tuple[str, ...] = ("random",)
  limit: int | None = None


@dataclasses.dataclass(frozen=True)
class Variant:
  """One setting.

  Attributes:
    name: unique in its sweep.
    overrides: of the base config, 'config.x.y=z'.
    x: its place on the horizontal axis, where there is one.
    line: the line of the plot it belongs to.
    model: measured as it is, nothing is trained; '' trains.
    evaluation: in place of the sweep's.
    steps: of training, over the base's.
  """
  name: str
  overrides: tuple[str, ...] = ()
  x: float | None = None
  line: str = ""
  model: str = ""
  evaluation: Evaluation | None = None
  steps: float = 1.0


@dataclasses.dataclass(frozen=True)
class Plot:
  """A panel: a metric of the rows ('depth/delta1') and what to write beside it."""
  metric: str
  label: str


@dataclasses.dataclass(frozen=True)
class Sweep:
  """An ablation.

  Attributes:
    title: of its plot.
    variants: what is compared.
    evaluation: how.
    plots: the panels.
    x_label: of the horizontal axis; '' compares variants side by side.
    log_x: whether that axis is logarithmic.
    milestones: shares of the steps at which a run is measured, the last is 1. More
      than one needs a schedule that does not know the end.
  """
  title: str
  variants: tuple[Variant, ...]
  evaluation: Evaluation
  plots: tuple[Plot, ...]
  x_label: str = ""
  log_x: bool = False
  milestones: tuple[float, ...] = (1.0,)


def base(config: str, steps: int, overrides: tuple[str, ...] = (), **more: Any) -> Base:
  """Reads a base config; `more` are the other attributes of `Base`.

  Raises:
    UserError: it cannot be read.
  """
  read = train_config.load(config, overrides)
  total = sum(read.data.mixture.values())
  return Base(config, steps, {k: w / total for k, w in read.data.mixture.items()},
              read.init_from, overrides=overrides, **more)


def load(letter: str, start: Base) -> Sweep:
  """The sweep of that letter.

  Raises:
    UserError: there is none, or it does not fit the base.
  """
  if letter not in SWEEPS:
    raise UserError(f"no ablation '{letter}'; there are {', '.join(SWEEPS)}.")
  module = importlib.import_module(f"experiments.ablations.{SWEEPS[letter]}")
  return module.get_sweep(start)


def runs(letter: str, start: Base, sweep: Sweep, seeds: Sequence[int],
         out: pathlib.Path) -> dict[pathlib.Path, dict[str, Any]]:
  """Folder → all that decides a run and its rows, as plain JSON."""
  made = {}
  for variant in sweep.variants:
    evaluation = dataclasses.asdict(variant.evaluation or sweep.evaluation)
    evaluation["limit"] = evaluation["limit"] or start.limit
    for seed in seeds:
      about = {"sweep": letter, "variant": variant.name, "seed": seed, "x": variant.x,
               "line": variant.line, "evaluation": evaluation,
               "question_seed": 0}
      if variant.model:
        # Nothing else could differ between the seeds.
        about |= {"model": variant.model, "question_seed": seed}
      else:
        about |= {"config": start.config,
                  "steps": max(1, round(start.steps * variant.steps)),
                  "milestones": list(sweep.milestones), "overrides": [
                      *start.overrides, *variant.overrides, f"config.seed={seed}",
                      f"config.data.seed={seed}"]}
      slug = "".join(c if c.isalnum() or c in ".-" else "_" for c in variant.name)
      made[out / letter / slug / f"seed{seed}"] = json.loads(json.dumps(about))
  if len(made) < len(sweep.variants) * len(seeds):
    raise UserError(f"ablation {letter}: two variants share a folder; rename one.")
  return made
