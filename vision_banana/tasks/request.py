"""What inference and evaluation ask: a prompt and how to read the answer."""

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vision_banana.codecs import colors
from vision_banana.codecs import depth as depth_codec
from vision_banana.errors import UserError
from vision_banana.tasks import legend
from vision_banana.tasks import phrasings
from vision_banana.tasks import prompts
from vision_banana.tasks.legend import BLACK, RGB, WHITE, Paint
from vision_banana.tasks.sample import MAX_LABELS, TASKS, check_choice


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
  """A prompt and how its answer is decoded.

  Attributes:
    task: one of `TASKS`.
    prompt: what to ask the generator.
    codec: one of `codecs.target.CODECS`: how the answer is painted.
    colormap: of a depth answer, one of `codecs.depth.COLORMAPS`.
    palette: uint8 [k, 3], the colour of each label, background first; None when
      the answer is no segmentation, or when the model picks the colours (instance).
    names: of the palette's rows, the first is 'background'; or None.
    background: RGB of the background of any kind of segmentation, else None.
  """
  task: str
  prompt: str
  codec: str
  colormap: str = "cube"
  palette: np.ndarray | None = None
  names: tuple[str, ...] | None = None
  background: RGB | None = None


def request(task: str, *, rng: np.random.Generator | None = None,
            **arguments) -> Request:
  """Words a request.

  Args:
    task: one of `TASKS`.
    rng: draws phrasing and the colours not given; None asks canonically.
    **arguments: of the task. depth: colormap='cube'. normals: none.
      semantic: classes (names, or {name: colour}), background. instance: name,
      background. referring: phrase, color, background. edges: color and
      background, both or none. modality: source, target; to depth colormap, to
      segmentation classes and background, to photo caption; from depth
      source_colormap. text_to_image and editing: prompt. A background of None is
      black and unsaid.

  Raises:
    UserError: for an unknown task, argument, colour, colour map or modality.
  """
  check_choice("task", task, TASKS)
  build = _BUILDERS[task]
  parameters = list(inspect.signature(build).parameters.values())[1:]
  for name in arguments:
    known = [p.name for p in parameters]
    if not known:
      raise UserError(f"task '{task}' takes no arguments; remove '{name}'.")
    check_choice(f"argument of task '{task}'", name, known)
  for p in parameters:
    if p.default is p.empty and p.name not in arguments:
      raise UserError(f"task '{task}' needs '{p.name}'; give {p.name}=...")
  return dataclasses.replace(build(rng, **arguments), task=task)


def _depth(rng, colormap: str = "cube") -> Request:
  colormap = _colormap(colormap)
  said = "" if colormap == "cube" else colormap
  return Request("", prompts.depth(rng, said), "depth", colormap)


def _normals(rng) -> Request:
  return Request("", prompts.normals(rng), "normals")


def _semantic(rng, classes: Sequence[str] | Mapping[str, str],
              background: str | None = None) -> Request:
  names, paints, ground = _legend(rng, classes, background)
  pairs = [(name, paint.text) for name, paint in zip(names, paints)]
  return _painted(prompts.semantic(rng, pairs, ground.text), names, paints, ground)


def _instance(rng, name: str, background: str | None = None) -> Request:
  ground = _ground(background)
  return Request("", prompts.instance(rng, _text("name", name), ground.text),
                 "segmentation", background=ground.rgb)


def _referring(rng, phrase: str, color: str | None = None,
               background: str | None = None) -> Request:
  ground = _ground(background)
  if color is None and rng is None and colors.apart(WHITE, [ground.rgb]):
    color = "white"
  paints = _colors(rng, [color], ground)
  parts = [(_text("phrase", phrase), paints[0].text)]
  return _painted(prompts.referring(rng, parts, ground.text), [phrase], paints, ground)


def _edges(rng, color: str | None = None, background: str | None = None) -> Request:
  if (color is None) != (background is None):
    raise UserError("task 'edges': give both color and background, or none.")
  ground = _ground(background)
  line = Paint(WHITE, "") if color is None else _colors(rng, [color], ground)[0]
  return _painted(prompts.edges(rng, line.text, ground.text), ["edge"], [line], ground)


# What is read of the words for a target; of a depth source also its colour map.
_MODALITY_READS = {"depth": ("colormap",), "segmentation": ("classes", "background"),
                   "photo": ("caption",)}


def _modality(rng, source: str, target: str, colormap: str | None = None,
              source_colormap: str | None = None,
              classes: Sequence[str] | Mapping[str, str] | None = None,
              background: str | None = None, caption: str | None = None) -> Request:
  check_choice("modality", source, list(phrasings.MODALITY_NAMES))
  check_choice("modality", target, list(phrasings.MODALITY_NAMES))
  if source == target:
    raise UserError(f"task 'modality': source and target are both '{source}'; "
                    "choose two different ones.")
  words = {"colormap": colormap, "source_colormap": source_colormap,
           "classes": classes, "background": background, "caption": caption}
  read = [*_MODALITY_READS.get(target, ()), *["source_colormap"] * (source == "depth")]
  for name, given in words.items():
    if given is not None and name not in read:
      raise UserError(f"task 'modality' from {source} to {target} does not read "
                      f"'{name}'; remove it.")
  said = {}
  if source_colormap and _colormap(source_colormap) != "cube":
    said["source_colormap"] = _colormap(source_colormap)
  if target == "depth":
    colormap = _colormap(colormap or "cube")
    said["target_colormap"] = "" if colormap == "cube" else colormap
    return Request("", prompts.modality(rng, source, target, **said), "depth", colormap)
  if target == "segmentation":
    names, paints, ground = _legend(rng, () if classes is None else classes, background)
    said["legend"] = [(name, paint.text) for name, paint in zip(names, paints)]
    said["background"] = ground.text
    return _painted(prompts.modality(rng, source, target, **said), names, paints,
                    ground)
  prompt = prompts.modality(rng, source, target, caption=caption or "", **said)
  if target == "edges":
    return _painted(prompt, ["edge"], [Paint(WHITE, "")], _ground(None))
  return Request("", prompt, "image" if target == "photo" else "normals")


def _text_to_image(rng, prompt: str) -> Request:
  return Request("", prompts.text_to_image(rng, _text("prompt", prompt)), "image")


def _editing(rng, prompt: str) -> Request:
  return Request("", prompts.editing(rng, _text("prompt", prompt)), "image")


_BUILDERS = {
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


def _painted(prompt: str, names: Sequence[str], paints: Sequence[Paint],
             ground: Paint) -> Request:
  palette = np.array([ground.rgb, *(p.rgb for p in paints)], np.uint8)
  return Request("", prompt, "segmentation", palette=palette,
                 names=("background", *names), background=ground.rgb)


def _ground(color: str | None) -> Paint:
  return Paint(BLACK, "") if color is None else legend.parse(color)


def _legend(rng, classes: Sequence[str] | Mapping[str, str],
            background: str | None) -> tuple[list[str], list[Paint], Paint]:
  """Names, their colours and the background's, with all colours different."""
  if isinstance(classes, str):
    classes = [name.strip() for name in classes.split(",")]
  if not isinstance(classes, Iterable):
    raise UserError(f"classes: {classes!r} given; give names, or {{name: colour}}.")
  names = [_text("classes", name) for name in classes]
  if not 0 < len(names) < MAX_LABELS:
    raise UserError(f"classes: {len(names)} given; give 1 to {MAX_LABELS - 1} names.")
  if len(set(names)) < len(names) or "background" in names:
    raise UserError("classes: names must differ, and 'background' has its own "
                    "argument; give each class once.")
  given = classes if isinstance(classes, Mapping) else dict.fromkeys(names)
  ground = _ground(background)
  return names, _colors(rng, list(given.values()), ground), ground


def _colors(rng, given: Sequence[str | None], ground: Paint) -> list[Paint]:
  """Parses the given colours and picks others for those that are None."""
  paints = [None if text is None else legend.parse(text) for text in given]
  taken = [ground.rgb, *(p.rgb for p in paints if p is not None)]
  missing = sum(p is None for p in paints)
  free = iter(legend.standard(missing, taken) if rng is None
              else legend.draw(rng, missing, taken))
  paints = [next(free) if p is None else p for p in paints]
  rgbs = [ground.rgb, *(p.rgb for p in paints)]
  if len(set(rgbs)) < len(rgbs):
    raise UserError("two classes, or a class and the background, share a colour; "
                    "give each its own.")
  return paints


def _colormap(name: str) -> str:
  name = str(name).lower()
  check_choice("depth colour map", name, depth_codec.COLORMAPS)
  return name


def _text(argument: str, text: str) -> str:
  if not isinstance(text, str) or not text.strip():
    raise UserError(f"{argument}: empty; give some words.")
  return text.strip()
