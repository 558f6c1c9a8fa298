"""Scenes to samples: what each task asks and what it should be answered.

A scene is a mapping of numpy arrays and text: image, depth, normals, instances,
categories, phrases, caption, edits, and `absent`, names of categories known not to
be in it, the most common first. A task reads the fields it needs.
"""

import numpy as np

from vision_banana.codecs import depth as depth_codec
from vision_banana.errors import UserError
from vision_banana.tasks import makers
from vision_banana.tasks import scenes
from vision_banana.tasks.request import Request, request
from vision_banana.tasks.sample import MAX_LABELS, TASKS, Sample, check_choice, pack
from vision_banana.tasks.scenes import Scene

__all__ = ("MAX_LABELS", "PALETTES", "TASKS", "Request", "Sample", "Scene", "lacks",
           "make", "needs", "request")

PALETTES = ("random", "fixed")


def needs(task: str) -> tuple[str, ...]:
  """The fields of a scene that a task reads; `image` always.

  Raises:
    UserError: for an unknown task.
  """
  check_choice("task", task, TASKS)
  return ("image", *scenes.NEEDS[task])


def lacks(task: str, scene: Scene) -> str:
  """What the scene lacks for a task, in words; '' when nothing.

  Raises:
    UserError: for an unknown task.
  """
  check_choice("task", task, TASKS)
  return scenes.lacks(task, scene)


def make(task: str, scene: Scene, rng: np.random.Generator, *,
         num_references: int = 1, max_classes: int = 5,
         p_negative: float = 0.1, palette: str = "random",
         colormap: str = "") -> Sample:
  """Makes one sample of a task.

  Args:
    task: one of `TASKS`.
    scene: never written to.
    rng: draws phrasing, colours, classes; the same state gives the same sample.
    num_references: R, places for reference pictures in the sample.
    max_classes: most classes a semantic legend names.
    p_negative: chance to ask for something that is not there, when the scene
      knows such a name; its target is background.
    palette: one of `PALETTES`: 'random' legends, drawn anew for each sample, or the
      'fixed' colour of each name.
    colormap: of every depth picture, or '' to draw it.

  Returns:
    The arrays of `sample.pack`.

  Raises:
    UserError: for an unknown task, palette or colour map, or a scene that lacks what
      the task needs.
  """
  check_choice("palette", palette, PALETTES)
  if colormap:
    check_choice("depth colour map", colormap, depth_codec.COLORMAPS)
  lack = lacks(task, scene)
  if lack:
    raise UserError(f"task '{task}' cannot use this scene: {lack}; take the task out "
                    "of this source's mixture or add the field.")
  options = makers.Options(max_classes, p_negative, palette, colormap)
  prompt, target, references = makers.MAKERS[task](scene, rng, options)
  return pack(task, prompt, target, references, num_references)
