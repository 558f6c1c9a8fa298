"""Questions of a benchmark: one picture, one request and its true answer each."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import edges as edges_codec
from vision_banana.eval import images
from vision_banana.tasks import legend, prompts, scenes, tasks

Scene = Mapping[str, Any]
# Frequent and large enough to be seen at 64²; everything else is background. Round and
# coffee tables are tables (`data/builders/rooms.py`), desks are not.
CLASSES = ("background", "floor", "wall", "rug", "table")


@dataclasses.dataclass(frozen=True, eq=False)
class Item:
  """One question.

  Attributes:
    name: file stem, unique within the task.
    request: the prompt and how the answer is painted.
    picture: uint8 [H,W,3] the model is shown, or None.
    truth: depth float32 [H,W] metres (NaN invalid); normals float32 [H,W,3];
      int32 [H,W] classes (row of `CLASSES`) or instance ids; bool [H,W] mask or
      edges; uint8 [H,W,3] picture; for a published benchmark what its reader says.
  """
  name: str
  request: tasks.Request
  picture: np.ndarray | None
  truth: Any

  def read(self) -> "Item":
    """Itself: it is read already."""
    return self


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
  """A question whose picture and truth stay on disk until they are needed.

  Attributes:
    name: file stem, unique within the benchmark.
    request: as in `Item`.
    load: () → (picture, truth); UserError when a file is missing or broken.
    text: what an outside model is asked about, in the benchmark's own words; '' where
      the paper asks none.
    kind: of an edit, for who judges it; else ''.
    image: path of the picture, where people will look at it; else ''.
  """
  name: str
  request: tasks.Request
  load: Callable[[], tuple[np.ndarray | None, Any]]
  text: str = ""
  image: str = ""
  kind: str = ""

  def read(self) -> Item:
    """Reads the files."""
    return Item(self.name, self.request, *self.load())


def _depth(scene: Scene, rng: np.random.Generator):
  return [("", tasks.request("depth"), scene["image"], scene["depth"])]


def _normals(scene: Scene, rng: np.random.Generator):
  return [("", tasks.request("normals"), scene["image"], scene["normals"])]


def _edges(scene: Scene, rng: np.random.Generator):
  truth = np.asarray(edges_codec.detect(
      scene["depth"], scene["normals"], scene["instances"])) > 0.5
  return [("", tasks.request("edges"), scene["image"], truth)]


def _semantic(scene: Scene, rng: np.random.Generator):
  # Colours drawn anew for every picture: a memorised legend does not help.
  while True:
    background, *colors = (p.text for p in legend.draw(rng, len(CLASSES)))
    request = tasks.request("semantic", background=background,
                            classes=dict(zip(CLASSES[1:], colors, strict=True)))
    if prompts.fits(request.prompt):
      break
  return [("", request, scene["image"], scenes.class_map(scene, CLASSES[1:]))]


def _instance(scene: Scene, rng: np.random.Generator):
  """The movable category with the most instances, the largest if several."""
  areas = scenes.areas(scene)
  names = [n for n in areas if n not in ("floor", "ground", "wall", "ceiling")]
  if not names:
    return []
  name = max(names, key=lambda n: (len(scenes.visible(scene, n)), areas[n], n))
  ids = scenes.visible(scene, name)
  truth = np.where(np.isin(scene["instances"], ids), scene["instances"], 0)
  return [("", tasks.request("instance", name=name), scene["image"],
           truth.astype(np.int32))]


def _referring(scene: Scene, rng: np.random.Generator):
  """One phrase that fits something and one that fits nothing, where there are."""
  made = []
  for suffix, wanted in (("-there", True), ("-absent", False)):
    phrases = [p for p in scene["phrases"] if bool(p[1]) == wanted]
    if phrases:
      text, ids = phrases[rng.integers(len(phrases))]
      made.append((suffix, tasks.request("referring", phrase=text), scene["image"],
                   np.isin(scene["instances"], ids)))
  return made


def _modality(scene: Scene, rng: np.random.Generator):
  picture = images.to_uint8(np.asarray(depth_codec.encode(scene["depth"])))
  request = tasks.request("modality", source="depth", target="normals")
  return [("", request, picture, scene["normals"])]


def _text_to_image(scene: Scene, rng: np.random.Generator):
  return [("", tasks.request("text_to_image", prompt=scene["caption"]), None,
           scene["image"])]


def _editing(scene: Scene, rng: np.random.Generator):
  if not scene["edits"]:
    return []
  instruction, target = scene["edits"][rng.integers(len(scene["edits"]))]
  return [("", tasks.request("editing", prompt=instruction), scene["image"],
           target)]


_MAKERS: dict[str, Callable[[Scene, np.random.Generator], list[tuple]]] = {
    "depth": _depth,
    "normals": _normals,
    "semantic": _semantic,
    "instance": _instance,
    "referring": _referring,
    "edges": _edges,
    "modality": _modality,
    "editing": _editing,
    "text_to_image": _text_to_image,
}


def ask(task: str, rooms: Sequence[Scene], seed: int,
        keep: Sequence[int] | None = None) -> list[Item]:
  """The questions of one task about scenes, in order.

  Args:
    task: one of `tasks.TASKS`.
    rooms: the scenes; one that has nothing to ask about is left out.
    seed: draws phrases, colours and edits; a scene's questions do not depend on
      how many scenes there are.
    keep: only the scenes at these places; None = all.
  """
  items = []
  for i in range(len(rooms)) if keep is None else keep:
    rng = np.random.default_rng([seed, i, tasks.TASKS.index(task)])
    items += [Item(f"{i:04d}{suffix}", *rest)
              for suffix, *rest in _MAKERS[task](rooms[i], rng)]
  return items
