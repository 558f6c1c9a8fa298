"""What tasks read out of a scene: names in view, label maps, what it can serve."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Scene = Mapping[str, Any]

NEEDS = {
    "depth": ("depth",),
    "normals": ("normals",),
    "semantic": ("instances", "categories"),
    "instance": ("instances", "categories"),
    "referring": ("instances", "categories", "phrases"),
    "edges": ("depth", "normals", "instances"),
    "modality": (),
    "text_to_image": ("caption",),
    "editing": ("edits",),
}
_MODALITY_NEEDS = {
    "photo": (),
    "depth": ("depth",),
    "normals": ("normals",),
    "segmentation": ("instances", "categories"),
    "edges": ("depth", "normals", "instances"),
}


def areas(scene: Scene) -> dict[str, int]:
  """Pixels in view of each named category that has any."""
  counts = np.bincount(scene["instances"].ravel(),
                       minlength=len(scene["categories"]) + 1)
  total: dict[str, int] = {}
  for name, count in zip(scene["categories"], counts[1:]):
    if name and count:
      total[name] = total.get(name, 0) + int(count)
  return total


def visible(scene: Scene, name: str) -> list[int]:
  """Instance ids of a category that are in view, largest first."""
  counts = np.bincount(scene["instances"].ravel(),
                       minlength=len(scene["categories"]) + 1)
  ids = [i + 1 for i, n in enumerate(scene["categories"]) if n == name]
  return sorted((i for i in ids if counts[i]), key=lambda i: -counts[i])


def relabel(scene: Scene, groups: Sequence[Sequence[int]]) -> np.ndarray:
  """Labels, int32 [H, W]: 1 + the index of the group that holds the instance id."""
  table = np.zeros(len(scene["categories"]) + 1, np.int32)
  for label, ids in enumerate(groups, 1):
    table[list(ids)] = label
  return table[scene["instances"]]


def class_map(scene: Scene, names: Sequence[str]) -> np.ndarray:
  """Labels, int32 [H, W]: 1 + the index of the pixel's category in `names`."""
  return relabel(scene, [[i + 1 for i, n in enumerate(scene["categories"])
                          if n == name] for name in names])


def without(scene: Scene, names: Sequence[str]) -> Scene:
  """The scene as if nobody had ever named these categories.

  Their instances stay, as things of the name '', which has no area and is asked for by
  no task; phrases that mean or mention them go, and so do their names from `absent`.
  Fields it lacks it still lacks.
  """
  made = dict(scene)
  known = scene.get("categories", ())
  gone = {i for i, n in enumerate(known, 1) if n in names}
  if gone:
    made["categories"] = ["" if n in names else n for n in known]
  if "phrases" in scene:
    words = [_word(n) for n in names]
    made["phrases"] = [
        (text, ids) for text, ids in scene["phrases"]
        if not set(ids) & gone and not any(w.search(text) for w in words)]
  if "absent" in scene:
    made["absent"] = [n for n in scene["absent"] if n not in names]
  return made


def _word(name: str) -> re.Pattern[str]:
  """A name in a text, also in its plural: mugs, boxes, shelves, cherries."""
  forms = [f"{re.escape(name)}(s|es)?"]
  forms += [f"{re.escape(name.removesuffix(end))}{plural}"
            for end, plural in (("f", "ves"), ("fe", "ves"), ("y", "ies"))
            if name.endswith(end)]
  return re.compile(rf"\b({'|'.join(forms)})\b", re.IGNORECASE)


def modalities(scene: Scene) -> list[str]:
  """Which pictures of itself a scene can give."""
  return [name for name, fields in _MODALITY_NEEDS.items()
          if all(field in scene for field in fields)
          and (name != "segmentation" or areas(scene))]


def lacks(task: str, scene: Scene) -> str:
  """What the scene lacks for a known task, in words; '' when nothing."""
  missing = [field for field in ("image", *NEEDS[task]) if field not in scene]
  if missing:
    return f"no field '{missing[0]}'"
  if task in ("semantic", "instance", "referring") and not areas(scene):
    return "no named instance in view"
  if task == "modality" and len(modalities(scene)) < 2:
    return "only a photo"
  for kind, field in (("editing", "edits"), ("text_to_image", "caption")):
    if task == kind and not scene[field]:
      return f"empty '{field}'"
  return ""
