"""The input pipeline: scenes to batches, in a fixed order that can be resumed."""

import collections
import dataclasses
import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grain
import numpy as np

from vision_banana import settings
from vision_banana.codecs import depth as depth_codec
from vision_banana.data import augment
from vision_banana.data import buckets
from vision_banana.data import leaks
from vision_banana.data import mixture as mixtures
from vision_banana.data import order
from vision_banana.data import sources as sources_lib
from vision_banana.data import stream
from vision_banana.data import usable
from vision_banana.data.own import source as own
from vision_banana.data.rooms import vocabulary
from vision_banana.data.sources import Source
from vision_banana.data.stream import Batch
from vision_banana.errors import UserError
from vision_banana.tasks import tasks

# Prompts to int32 [B, T] token ids and bool [B, T], True where there is a token.
Tokenize = Callable[[list[str]], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class SourceConfig(own.Options):
  """Where a source's scenes are, and how to read them; see `sources.open_source`."""
  path: str
  split: str = "train"


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """What to train on.

  Attributes:
    mixture: {"task@source": weight}; see `mixture.parse`.
    sources: name → a section of `SourceConfig`.
    size: edge of the square pictures in pixels; scenes are cropped and resized.
    aspects: width / height of the shapes that pictures are trained at, each with
      about size² pixels; a scene goes to the nearest, and a batch holds one shape
      (`buckets`). (1.0,) makes all of them square.
    batch_size: samples of a batch over all processes.
    num_references: R, places for reference pictures in every sample.
    max_classes: most classes a semantic prompt names.
    p_negative: chance to ask for something that is not there.
    palette: 'random' legends, drawn anew for each sample, or 'fixed', for comparison:
      a name has one colour in all samples.
    colormap: of all depth pictures; '' draws it for each.
    unasked: categories that no task ever asks for or paints, modality included, to
      see whether a model knows them from generation.
    p_drop_prompt: chance of an empty prompt, for guidance.
    flip: mirror half of the samples.
    cache: keep decoded scenes in memory.
    num_threads: threads that read, decode and make samples ahead, for large
      pictures; 0 leaves it to the one thread that makes batches. The order of
      the samples does not depend on it.
    leak_lists: files of `vision-banana hashes`; sources that show a picture of
      these benchmarks are refused. See `leaks`.
    seed: of order, phrasing, colours and everything else that is drawn.
  """
  mixture: Mapping[str, float]
  sources: Mapping[str, Any] = dataclasses.field(
      default_factory=lambda: {"rooms": {"path": "rooms"}})
  size: int = 64
  aspects: tuple[float, ...] = (1.0,)
  batch_size: int = 32
  num_references: int = 1
  max_classes: int = 5
  p_negative: float = 0.1
  palette: str = "random"
  colormap: str = ""
  unasked: tuple[str, ...] = ()
  p_drop_prompt: float = 0.1
  flip: bool = True
  cache: bool = False
  num_threads: int = 0
  leak_lists: tuple[str, ...] = ()
  seed: int = 0

  def __post_init__(self):
    for name, least in (("size", 1), ("batch_size", 1), ("max_classes", 1),
                        ("num_threads", 0)):
      if getattr(self, name) < least:
        raise ValueError(
            f"{name} is {getattr(self, name)}; it must be at least {least}.")
    for name in ("p_negative", "p_drop_prompt"):
      if not 0 <= getattr(self, name) <= 1:
        raise ValueError(f"{name} is {getattr(self, name)}; it must be in 0..1.")
    buckets.shapes(self.size, self.aspects)
    for name in ("leak_lists", "unasked"):
      if isinstance(getattr(self, name), str):
        raise ValueError(f"{name} is one text; write ('{getattr(self, name)}',).")
    if self.palette not in tasks.PALETTES:
      raise ValueError(f"palette '{self.palette}': use one of "
                       f"{', '.join(tasks.PALETTES)}.")
    if self.colormap and self.colormap not in depth_codec.COLORMAPS:
      raise ValueError(f"colormap '{self.colormap}': use one of "
                       f"{', '.join(depth_codec.COLORMAPS)}, or '' to draw it.")


class Scenes:
  """A source resized to a few shapes, its scenes kept in memory if asked to.

  Each scene gets `absent`: names of categories that other scenes of the source
  have and this one does not, for negatives, the most common first.
  """

  def __init__(self, source: Source, size: int, cache: bool, absent: bool,
               aspects: Sequence[float] = (1.0,)):
    if not len(source):
      raise UserError("a source has no scenes; render or build some.")
    self._source = source
    self._shapes = buckets.shapes(size, aspects)
    self._bucket = np.zeros(len(source), int)
    if len(self._shapes) > 1:
      self._bucket = buckets.assign(source, self._shapes)
    self.generated = getattr(source, "generated", False)
    self._kept: dict[int, dict[str, Any]] | None = (
        {} if cache and not self.generated else None)
    self._names: collections.Counter[str] = collections.Counter()
    if absent:
      for i in usable.order(len(source))[:usable.PROBE]:
        self._names.update(set(source[int(i)].get("categories", ())))

  def parts(self) -> dict[buckets.Shape, buckets.Part]:
    """The scenes of each shape that any scene has."""
    blocks = getattr(self._source, "blocks", ())
    return {shape: buckets.Part(self, np.flatnonzero(self._bucket == b), blocks)
            for b, shape in enumerate(self._shapes) if (self._bucket == b).any()}

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> dict[str, Any]:
    if self._kept is not None and index in self._kept:
      return self._kept[index]
    shape = self._shapes[self._bucket[index]]
    scene = dict(augment.resize(self._source[index], shape))
    # A source that is not exhaustively labelled says itself what is not there.
    names = scene["absent"] if "absent" in scene else vocabulary.unlike(
        self._names, set(scene.get("categories", ())))
    scene["absent"] = sorted(names, key=lambda name: (-self._names[name], name))
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
    An iterator of batches: the arrays of `sample.pack` with a leading [len(rows)], of
    one of the shapes of `config.aspects`, which may change from batch to batch;
    'tokens' int32 [len(rows), T], 'text_mask' bool [len(rows), T], and 'prompt',
    str [len(rows)], for people.

  Raises:
    UserError: for a bad mixture or source, a task none of whose source's scenes can
      be used, or a source that the leak guard refuses.
  """
  places = {} if sources is not None else _places(config)
  components = mixtures.parse(
      config.mixture, list(places if sources is None else sources))
  used = dict.fromkeys(c.source for c in components)
  # Who asks for names asks for those that are not there.
  named = {c.source for c in components if usable.asks_for_names(c.task)}
  # What is drawn from nothing holds no benchmark's data.
  paths = {name: str(sources_lib.locate(places[name].path)) if places else ""
           for name in used if not (
               sources_lib.generated(places[name].path) if places
               else getattr(sources[name], "generated", False))}
  leaks.check_names(paths, config.leak_lists)
  if sources is None:
    sources = _open(places)
  for name, path in paths.items():
    leaks.check_pictures(name, sources[name], path,
                         repr(places[name]) if places else "", config.leak_lists)
  scenes = {name: Scenes(sources[name], config.size, config.cache,
                         config.p_negative > 0 and name in named, config.aspects)
            for name in used}
  datasets: dict[buckets.Shape, tuple[list[grain.MapDataset], list[float]]] = {}
  # By name: how a config orders its mixture shall not matter.
  components.sort(key=lambda c: c.key)
  for c in components:
    opened = scenes[c.source]
    parts = usable.parts(c, opened.parts(), config.unasked, opened.generated)
    total = sum(map(len, parts.values()))
    for shape, part in parts.items():
      # A seed of its own keeps a component's stream when others come or go.
      name = c.key if shape == (config.size,) * 2 else f"{c.key}/{shape}"
      seed = zlib.crc32(f"{config.seed}/{name}".encode())
      epochs = grain.MapDataset.source(part)
      epochs = (order.BlockShuffle(epochs, blocks=part.blocks, seed=seed)
                if part.blocks else epochs.shuffle(seed=seed)).repeat()
      made, weights = datasets.setdefault(shape, ([], []))
      passes = functools.partial(usable.passes, c.task, config.unasked)
      made.append(stream.Usable(epochs, len(part), passes)
                  .random_map(functools.partial(_sample, c.task, config), seed=seed))
      weights.append(c.weight * len(part) / total)
  mixed, shares = [], []
  for _, (made, weights) in sorted(datasets.items()):
    mixed.append(grain.MapDataset.mix(made, weights))
    shares.append(sum(weights))
  # Which shape a batch has depends on its number alone: all processes agree on it.
  samples = mixed[0] if len(mixed) == 1 else grain.MapDataset.select_from_datasets(
      mixed, order.Turns(shares, config.batch_size))
  return stream.Stream(
      samples, config.batch_size, range(config.batch_size) if rows is None else rows,
      config.num_threads, functools.partial(_add_tokens, tokenize),
      turns=len(mixed) > 1)


def _places(config: DataConfig) -> dict[str, SourceConfig]:
  return {name: settings.build(SourceConfig, section, f"config.data.sources.{name}")
          for name, section in config.sources.items()}


def _open(places: Mapping[str, SourceConfig]) -> dict[str, Source]:
  return {name: sources_lib.open_source(place.path, place.split, place)
          for name, place in places.items()}


def _sample(task: str, config: DataConfig, scene: dict[str, Any],
            rng: np.random.Generator) -> tasks.Sample:
  if config.flip and rng.random() < 0.5:
    scene = augment.flip(scene)
  sample = tasks.make(task, usable.shown(task, scene, config.unasked), rng,
                      num_references=config.num_references,
                      max_classes=config.max_classes, p_negative=config.p_negative,
                      palette=config.palette, colormap=config.colormap)
  if rng.random() < config.p_drop_prompt:
    sample["prompt"] = ""
  return sample


def _add_tokens(tokenize: Tokenize, batch: Batch) -> Batch:
  tokens, mask = tokenize(batch["prompt"].tolist())
  return {**batch, "tokens": tokens, "text_mask": mask}
