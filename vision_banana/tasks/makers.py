"""One function a task: scene and rng to prompt, target and references."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from vision_banana.codecs import edges as edges_codec
from vision_banana.tasks import legend
from vision_banana.tasks import prompts
from vision_banana.tasks import sample as samples
from vision_banana.tasks import scenes
from vision_banana.tasks.legend import BLACK, RGB, WHITE, Paint
from vision_banana.tasks.sample import MAX_LABELS, Picture
from vision_banana.tasks.scenes import Scene

_P_BACKGROUND = 0.5  # The prompt names the background's colour.
_P_CUBE = 0.6  # Depth in the paper's own curve; the other maps share the rest.
_P_CUBE_SAID = 0.2
_OTHER_MAPS = ("plasma", "inferno", "viridis", "grayscale")
_P_TWO_PHRASES = 0.25
_P_PLAIN = 0.15  # The prompt leaves the mask's colour unsaid: white.
_P_EDGE_COLORS = 0.5
_P_LARGE = 0.5  # Classes drawn by area, so that floor and walls come often.
_P_CAPTION = 0.5

Made = tuple[str, Picture, list[Picture]]  # prompt, target, references
_Ask = Callable[..., str]  # (legend=..., background=...) -> prompt


@dataclasses.dataclass(frozen=True)
class Options:
  """What a mixture sets for all tasks; see `tasks.make`."""
  max_classes: int
  p_negative: float
  palette: str = "random"
  colormap: str = ""


def _depth(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  colormap, said = _draw_colormap(rng, options)
  return (prompts.depth(rng, said), samples.depth(scene, colormap),
          [samples.photo(scene["image"])])


def _normals(scene: Scene, rng: np.random.Generator, _: Options) -> Made:
  return prompts.normals(rng), samples.normals(scene), [samples.photo(scene["image"])]


def _semantic(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  prompt, target = _legend_and_map(
      scene, rng, options, functools.partial(prompts.semantic, rng))
  return prompt, target, [samples.photo(scene["image"])]


def _instance(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  background, _ = _draw_paints(rng, options, ())
  if scene.get("absent") and rng.random() < options.p_negative:
    name, = _not_there(scene, rng, 1)
  else:
    # Classes with many instances come more often: they are what is to be learned.
    names = list(scenes.areas(scene))
    counts = np.array([len(scenes.visible(scene, name)) for name in names], float)
    name = names[rng.choice(len(names), p=counts / counts.sum())]
  ids = scenes.visible(scene, name)
  # When the palette has too few rows, the smallest instances are not valid.
  ids, rest = ids[:MAX_LABELS - 1], ids[MAX_LABELS - 1:]
  labels = scenes.relabel(scene, [(i,) for i in ids])
  valid = ~np.isin(scene["instances"], rest) if rest else None
  if options.palette == "fixed":
    colors = [paint.rgb for paint in legend.standard(len(ids), [background.rgb])]
  else:
    colors = legend.distinct(rng, len(ids), [background.rgb])
  palette = [background.rgb, *colors]
  return (prompts.instance(rng, name, background.text),
          samples.segmentation(labels, palette, valid),
          [samples.photo(scene["image"])])


def _referring(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  seen = set(np.unique(scene["instances"]).tolist())
  positives = [(text, ids) for text, ids in scene["phrases"] if seen & set(ids)]
  negatives = [(text, ()) for text, ids in scene["phrases"] if not ids]
  if not positives:
    positives = [(f"the {name}", tuple(scenes.visible(scene, name)))
                 for name in scenes.areas(scene)]
  pool = negatives if negatives and rng.random() < options.p_negative else positives
  picked = [pool[rng.integers(len(pool))]]
  if rng.random() < _P_TWO_PHRASES:
    picked += _second(rng, picked[0], positives)
  while True:
    # The first phrase has one fixed colour and the second another, whatever they say.
    background, paints = _draw_paints(
        rng, options, ("first phrase", "second phrase")[:len(picked)])
    if len(picked) == 1 and rng.random() < _P_PLAIN:
      background, paints = Paint(BLACK, ""), [Paint(WHITE, "")]
    parts = [(text, paint.text) for (text, _), paint in zip(picked, paints)]
    prompt = prompts.referring(rng, parts, background.text)
    if prompts.fits(prompt) or len(picked) == 1:
      break
    picked = picked[:1]
  labels = scenes.relabel(scene, [ids for _, ids in picked])
  palette = [background.rgb, *(paint.rgb for paint in paints)]
  return (prompt, samples.segmentation(labels, palette),
          [samples.photo(scene["image"])])


def _edges(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  color, background = Paint(WHITE, ""), Paint(BLACK, "")
  if options.palette == "random" and rng.random() < _P_EDGE_COLORS:
    color, background = legend.draw(rng, 2)
  prompt = prompts.edges(rng, color.text, background.text)
  return (prompt, _edge_picture(scene, color.rgb, background.rgb),
          [samples.photo(scene["image"])])


def _modality(scene: Scene, rng: np.random.Generator, options: Options) -> Made:
  pair = rng.choice(scenes.modalities(scene), 2, replace=False)
  source, target = (str(name) for name in pair)
  said = {}
  reference = samples.photo(scene["image"])
  if source == "depth":
    colormap, said["source_colormap"] = _draw_colormap(rng, options)
    reference = samples.depth(scene, colormap)
  elif source == "normals":
    reference = samples.normals(scene)
  elif source == "edges":
    reference = _edge_picture(scene, WHITE, BLACK)
  elif source == "segmentation":
    areas = scenes.areas(scene)
    names = sorted(areas, key=areas.get)[1 - MAX_LABELS:]
    if options.palette == "fixed":
      palette = [BLACK, *(paint.rgb for paint in legend.fixed(names))]
    else:
      palette = [BLACK, *legend.distinct(rng, len(names), [BLACK])]
    reference = samples.segmentation(scenes.class_map(scene, names), palette)
  ask = functools.partial(prompts.modality, rng, source, target, **said)
  if target == "segmentation":
    prompt, answer = _legend_and_map(scene, rng, options, ask)
  elif target == "depth":
    colormap, name = _draw_colormap(rng, options)
    prompt, answer = ask(target_colormap=name), samples.depth(scene, colormap)
  elif target == "normals":
    prompt, answer = ask(), samples.normals(scene)
  elif target == "edges":
    prompt, answer = ask(), _edge_picture(scene, WHITE, BLACK)
  else:
    caption = scene.get("caption", "") if rng.random() < _P_CAPTION else ""
    prompt, answer = ask(caption=caption), samples.photo(scene["image"])
    if not prompts.fits(prompt):
      prompt = ask()
  return prompt, answer, [reference]


def _text_to_image(scene: Scene, rng: np.random.Generator, _: Options) -> Made:
  prompt = prompts.text_to_image(rng, scene["caption"])
  return prompt, samples.photo(scene["image"]), []


def _editing(scene: Scene, rng: np.random.Generator, _: Options) -> Made:
  instruction, image = scene["edits"][rng.integers(len(scene["edits"]))]
  return (prompts.editing(rng, instruction), samples.photo(image),
          [samples.photo(scene["image"])])


MAKERS: dict[str, Callable[[Scene, np.random.Generator, Options], Made]] = {
    "depth": _depth,
    "normals": _normals,
    "semantic": _semantic,
    "instance": _instance,
    "referring": _referring,
    "edges": _edges,
    "modality": _modality,
    "text_to_image": _text_to_image,
    "editing": _editing,
}


def _legend_and_map(scene: Scene, rng: np.random.Generator, options: Options,
                    ask: _Ask) -> tuple[str, Picture]:
  """A random legend, its prompt, and the scene's classes painted by it."""
  names = _classes(scene, rng, options)
  background, paints = _draw_paints(rng, options, names)
  while True:
    pairs = [(name, paint.text) for name, paint in zip(names, paints)]
    prompt = ask(legend=pairs, background=background.text)
    if prompts.fits(prompt) or len(names) == 1:
      break
    names, paints = names[:-1], paints[:-1]
  palette = [background.rgb, *(paint.rgb for paint in paints)]
  return prompt, samples.segmentation(scenes.class_map(scene, names), palette)


def _classes(scene: Scene, rng: np.random.Generator, options: Options) -> list[str]:
  """A few categories in view, in random order; now and then some that are not.

  Benchmarks ask for all their classes of every picture, most of which are not in it.
  """
  areas = scenes.areas(scene)
  names = list(areas)
  weights = np.ones(len(names))
  if rng.random() < _P_LARGE:
    weights = np.sqrt([areas[name] for name in names])
  count = min(int(rng.integers(1, options.max_classes + 1)), len(names),
              MAX_LABELS - 1)
  chosen = rng.choice(len(names), count, replace=False, p=weights / weights.sum())
  picked = [names[i] for i in chosen]
  if scene.get("absent") and rng.random() < options.p_negative:
    names = _not_there(scene, rng, int(rng.integers(1, count + 1)))
    for place, name in zip(rng.permutation(count), names):
      picked[place] = name
  return picked


def _not_there(scene: Scene, rng: np.random.Generator, count: int) -> list[str]:
  """Different names of `absent`, at most `count`; common ones more often (Zipf's law).

  What is often in a picture is what a model learns to see where it is not.
  """
  weights = 1 / np.arange(1, len(scene["absent"]) + 1)
  chosen = rng.choice(len(weights), min(count, len(weights)), replace=False,
                      p=weights / weights.sum())
  return [scene["absent"][i] for i in chosen]


def _draw_paints(rng: np.random.Generator, options: Options, names: Sequence[str]
                 ) -> tuple[Paint, list[Paint]]:
  """The background's paint and one a name; a text of '' is a black left unsaid."""
  n = len(names)
  if options.palette == "fixed":
    return Paint(BLACK, ""), legend.fixed(names)
  if rng.random() < _P_BACKGROUND:
    background, *paints = legend.draw(rng, n + 1)
    return background, paints
  return Paint(BLACK, ""), legend.draw(rng, n, avoid=[BLACK])


def _draw_colormap(rng: np.random.Generator, options: Options) -> tuple[str, str]:
  """A depth colour map, and what the prompt says of it ('' for nothing)."""
  if options.colormap:
    return options.colormap, "" if options.colormap == "cube" else options.colormap
  if rng.random() < _P_CUBE:
    return "cube", "cube" if rng.random() < _P_CUBE_SAID else ""
  name = str(rng.choice(_OTHER_MAPS))
  return name, name


def _second(rng: np.random.Generator, first: tuple[str, Sequence[int]],
            positives: list) -> list[tuple[str, Sequence[int]]]:
  """A phrase about other things than the first's, or nothing."""
  others = [p for p in positives if not set(p[1]) & set(first[1])]
  return [others[rng.integers(len(others))]] if others else []


def _edge_picture(scene: Scene, color: RGB, background: RGB) -> Picture:
  found = edges_codec.detect(scene["depth"], scene["normals"], scene["instances"])
  return samples.segmentation(found.astype(np.int32), [background, color])
