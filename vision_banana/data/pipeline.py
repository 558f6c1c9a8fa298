"""The input pipeline: scenes to batches, in a fixed order that can be resumed."""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grain
import numpy as np

from vision_banana import settings
from vision_banana.data import augment
from vision_banana.data import mixture as mixtures
from vision_banana.data import sources as sources_lib
from vision_banana.data import stream
from vision_banana.data.rooms import vocabulary
from vision_banana.data.sources import Source
from vision_banana.data.stream import Batch
from vision_banana.errors import UserError
from vision_banana.tasks import tasks

# Prompts to int32 [B, T] token ids and bool [B, T], True where there is a token.
Tokenize = Callable[[list[str]], tuple[np.ndarray, np.ndarray]]

# Scenes looked at to learn a source's category names and whether a task can use it.
_PROBE = 256
_alike = functools.cache(vocabulary.alike)


@dataclasses.dataclass(frozen=True)
class SourceConfig:
  """Where a source's scenes are; see `sources.open_source`."""
  path: str
  split: str = "train"


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """What to train on.

  Attributes:
    mixture: {"task@source": weight}; see `mixture.parse`.
    sources: name → a section of `SourceConfig`.
    size: edge of the square pictures in pixels; scenes are cropped and resized.
    batch_size: samples of a batch over all processes.
    num_references: R, places for reference pictures in every sample.
    max_classes: most classes a semantic prompt names.
    p_negative: chance to ask for something that is not there.
    p_drop_prompt: chance of an empty prompt, for guidance.
    flip: mirror half of the samples.
    cache: keep decoded scenes in memory.
    num_threads: threads that read, decode and make samples ahead, for large
      pictures; 0 leaves it to the one thread that makes batches. The order of
      the samples does not depend on it.
    seed: of order, phrasing, colours and everything else that is drawn.
  """
  mixture: Mapping[str, float]
  sources: Mapping[str, Any] = dataclasses.field(
      default_factory=lambda: {"rooms": {"path": "rooms"}})
  size: int = 64
  batch_size: int = 32
  num_references: int = 1
  max_classes: int = 5
  p_negative: float = 0.1
  p_drop_prompt: float = 0.1
  flip: bool = True
  cache: bool = False
  num_threads: int = 0
  seed: int = 0

  def __post_init__(self):
    for name in ("size", "batch_size", "max_classes"):
      if getattr(self, name) < 1:
        raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
    for name in ("p_negative", "p_drop_prompt"):
      if not 0 <= getattr(self, name) <= 1:
        raise ValueError(f"{name} is {getattr(self, name)}; it must be in 0..1.")


class Scenes:
  """A source resized to one size, its scenes kept in memory if asked to.

  Each scene gets `absent`: names of categories that other scenes of the source
  have and this one does not, for negatives.
  """

  def __init__(self, source: Source, size: int, cache: bool, absent: bool):
    if not len(source):
      raise UserError("a source has no scenes; render or build some.")
    self._source = source
    self._size = size
    self._kept: dict[int, dict[str, Any]] | None = {} if cache else None
    self._names: set[str] = set()
    if absent:
      self._names = {name for i in self.probe() for name in
                          source[i].get("categories", ())}

  def probe(self) -> list[int]:
    """Indices of up to `_PROBE` scenes, evenly spread."""
    count = min(len(self), _PROBE)
    return [i * len(self) // count for i in range(count)]

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> dict[str, Any]:
    if self._kept is not None and index in self._kept:
      return self._kept[index]
    scene = dict(augment.resize(self._source[index], self._size))
    scene["absent"] = _absent(scene, self._names)
    if self._kept is not None:
      self._kept[index] = scene
    return scene


def train_iterator(config: DataConfig, tokenize: Tokenize, *,
                   sources: Mapping[str, Source] | None = None,
                   rows: Sequence[int] | None = None) -> stream.Stream:
  """Opens an endless stream of batches.

  What a batch holds is a function of the config, the data and its number alone, not
  of how many processes make it. `get_state()` and `set_state(state)` of the stream
  continue it exactly; the state is the number of samples seen.

  Args:
    config: what to train on.
    tokenize: of the generator.
    sources: open sources to use in place of those that `config.sources` names.
    rows: which rows of each batch this process makes, see
      `train.partitioning.rows`; None makes all.

  Returns:
    An iterator of batches: the arrays of `sample.pack` with a leading [len(rows)],
    'tokens' int32 [len(rows), T], 'text_mask' bool [len(rows), T], and 'prompt',
    str [len(rows)], for people.

  Raises:
    UserError: for a bad mixture or source, or a task none of whose source's scenes
      can be used.
  """
  if sources is None:
    sources = _open(config)
  components = mixtures.parse(config.mixture, list(sources))
  used = dict.fromkeys(c.source for c in components)
  scenes = {name: Scenes(sources[name], config.size, config.cache,
                         config.p_negative > 0) for name in used}
  datasets = []
  # By name: how a config orders its mixture shall not matter.
  components.sort(key=lambda c: c.key)
  for c in components:
    _check_usable(c, scenes[c.source])
    # A seed of its own keeps a component's stream when others come or go.
    seed = zlib.crc32(f"{config.seed}/{c.key}".encode())
    epochs = grain.MapDataset.source(scenes[c.source]).shuffle(seed=seed).repeat()
    datasets.append(
        stream.Usable(epochs, len(scenes[c.source]), functools.partial(_usable, c.task))
        .random_map(functools.partial(_sample, c.task, config), seed=seed))
  return stream.Stream(
      grain.MapDataset.mix(datasets, [c.weight for c in components]),
      config.batch_size, range(config.batch_size) if rows is None else rows,
      config.num_threads, functools.partial(_add_tokens, tokenize))


def _open(config: DataConfig) -> dict[str, Source]:
  opened = {}
  for name, section in config.sources.items():
    place = settings.build(SourceConfig, section, f"config.data.sources.{name}")
    opened[name] = sources_lib.open_source(place.path, place.split)
  return opened


def _absent(scene: Mapping[str, Any], names: set[str]) -> list[str]:
  """The names that nobody would call anything in the scene by."""
  present = set(scene.get("categories", ()))
  return sorted(a for a in names if not any(_alike(a, b) for b in present))


def _usable(task: str, scene: Mapping[str, Any]) -> bool:
  return not tasks.lacks(task, scene)


def _check_usable(component: mixtures.Component, scenes: Scenes) -> None:
  """An endless stream that yields nothing would hang: say so first."""
  for i in scenes.probe():
    lack = tasks.lacks(component.task, scenes[i])
    if not lack:
      return
  raise UserError(f"mixture '{component.key}': no scene can be used ({lack}); take "
                  "the task out or add the field.")


def _sample(task: str, config: DataConfig, scene: dict[str, Any],
            rng: np.random.Generator) -> tasks.Sample:
  if config.flip and rng.random() < 0.5:
    scene = augment.flip(scene)
  sample = tasks.make(task, scene, rng, num_references=config.num_references,
                      max_classes=config.max_classes, p_negative=config.p_negative)
  if rng.random() < config.p_drop_prompt:
    sample["prompt"] = ""
  return sample


def _add_tokens(tokenize: Tokenize, batch: Batch) -> Batch:
  tokens, mask = tokenize(batch["prompt"].tolist())
  return {**batch, "tokens": tokens, "text_mask": mask}
