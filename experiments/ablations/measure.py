"""Measures a model for an ablation: numbers named 'task/metric'."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana import api
from vision_banana.data import sources
from vision_banana.eval import benchmarks, evaluator, questions, records, validation
from vision_banana.eval.metrics import attributes
from vision_banana.tasks import legend, tasks

ROOMS = "rooms"


def measure(model: api.Model, evaluation: Mapping[str, Any], out: pathlib.Path,
            seed: int, data: str | None = None, published: Sequence[str] = ()
            ) -> dict[str, float]:
  """All numbers of an evaluation; what could not be measured is left out.

  Args:
    model: painted with.
    evaluation: the fields of `sweep.Evaluation`.
    out: folder that keeps the predictions.
    seed: of rooms (with a limit), questions and noise.
    data: folder of published benchmarks.
    published: their names, measured as well.
  """
  e, found = evaluation, {}
  asked = [t for t in e["tasks"] if t != "semantic"]
  settings = {"limit": e["limit"], "seed": seed, "steps": e["steps"],
              "guidance": e["guidance"], "samples": e["samples"], "num_examples": 0}
  if asked:
    found |= _numbers(evaluator.evaluate(
        [model], _asking(e["colormap"], "random"), out, tasks=asked, **settings))
  for palette in e["palettes"] if "semantic" in e["tasks"] else ():
    prefix = "semantic" if palette == "random" else f"semantic_{palette}"
    found |= _numbers(evaluator.evaluate(
        [model], _asking(e["colormap"], palette), out, tasks=["semantic"], **settings),
        {"semantic": prefix})
  if "text_to_image" in e["tasks"]:
    found |= _attributes(model, out, settings)
  for name in published:
    benchmark = benchmarks.get(name)
    found |= _numbers(
        evaluator.evaluate([model], benchmark, out, data=data, **settings),
        {p.task: name for p in benchmark.protocols})
  if e["losses"]:
    for task, loss in validation.losses(
        model.generator, model.params, sources.open_source(ROOMS, "test"),
        model.size[0], e["losses"], limit=e["limit"], seed=seed, batch=model.batch,
        num_references=model.generator.config.num_references).items():
      found[f"loss/{task}"] = loss["loss"]
  return found


def _numbers(evaluation: evaluator.Evaluation, names: Mapping[str, str] = {}
             ) -> dict[str, float]:
  """{'depth/delta1': …} of an evaluation of one model."""
  return {f"{names.get(task['task'], task['task'])}/{row['metric']}": value
          for task in evaluation.results["tasks"] for row in task["rows"]
          for value in row["values"].values() if value is not None}


def _asking(colormap: str, palette: str) -> records.Benchmark:
  """The rooms, asked for depth in a colour map and labels by a kind of palette."""

  def other(item: questions.Item) -> questions.Item:
    request = item.request
    if item.request.task == "depth" and colormap:
      request = tasks.request("depth", colormap=colormap)
    elif item.request.task == "semantic" and palette == "fixed":
      names = questions.CLASSES[1:]
      request = tasks.request("semantic", classes=dict(zip(
          names, (p.text for p in legend.fixed(names)), strict=True)))
    return dataclasses.replace(item, request=request)

  def read(data: pathlib.Path | None) -> records.Split:
    split = benchmarks.ROOMS.read(data)
    return dataclasses.replace(split, ask=lambda task, keep, seed: [
        other(item) for item in split.ask(task, keep, seed)])
  return dataclasses.replace(benchmarks.ROOMS, read=read)


@functools.cache
def _judge() -> attributes.Judge:
  rooms = sources.open_source(ROOMS, "train")
  return attributes.fit([rooms[i] for i in range(len(rooms))])


def _attributes(model: api.Model, out: pathlib.Path, settings: Mapping[str, Any]
                ) -> dict[str, float]:
  """Named colours of floor and walls that are right, and what the judge can do.

  `attributes` is the model's share, `attributes_true` that of the true pictures,
  `attributes_mean` that of one picture, the mean of the training rooms.
  """
  protocol = records.Protocol(
      "text_to_image", "Colours of floor and walls that the caption names; see "
      "eval/metrics/attributes.py.",
      (records.Metric("accuracy", "named colours right", True),),
      lambda: attributes.SurfaceColors(_judge()),
      lambda answer, item: (answer.value, item.request.prompt))
  # Painted already for the other numbers of this task: it is only scored.
  scored = evaluator.evaluate(
      [model], dataclasses.replace(benchmarks.ROOMS, protocols=(protocol,)), out,
      **settings)
  found = {"text_to_image/attributes": v
           for v in _numbers(scored).values()}
  split = benchmarks.ROOMS.open()
  items = split.ask("text_to_image", records.pick(
      split, settings["limit"], settings["seed"]), settings["seed"])
  rooms = sources.open_source(ROOMS, "train")
  mean = np.mean([rooms[i]["image"] for i in range(0, len(rooms), 8)], 0)
  mean = mean.astype(np.uint8)
  for name, pictures in (("true", [item.truth for item in items]),
                         ("mean", [mean] * len(items))):
    total = attributes.SurfaceColors(_judge())
    for picture, item in zip(pictures, items, strict=True):
      total.add(picture, item.request.prompt)
    found[f"text_to_image/attributes_{name}"] = total.result()["accuracy"]
  return {k: v for k, v in found.items() if np.isfinite(v)}
