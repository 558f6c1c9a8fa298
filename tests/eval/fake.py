"""A made-up room, a painter that knows every answer, and a model that knows none."""

import dataclasses
import hashlib
import pathlib

import jax
import numpy as np

from vision_banana.eval import benchmarks, decoding, figures, questions, records
from vision_banana.generators import flow
from vision_banana.models import zoo

NAMES = ("floor", "wall", "ceiling", "table", "mug", "mug")


def scene(seed: int, size: int = 32) -> dict:
  """A scene with all fields: three surfaces, a table and two mugs."""
  rng = np.random.default_rng(seed)
  s = size // 8
  ids = np.full((size, size), 2, np.int32)
  ids[:2 * s], ids[5 * s:] = 3, 1
  ids[4 * s:6 * s, s:7 * s] = 4
  ids[3 * s:5 * s, 2 * s:3 * s + seed % 2], ids[3 * s:5 * s, 5 * s:6 * s] = 5, 6
  depth = rng.uniform(1, 6, 7)[ids].astype(np.float32)
  depth[0, 0] = np.nan
  normals = rng.normal(size=(7, 3))
  normals[:, 2] = np.abs(normals[:, 2])
  normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
  image = rng.integers(0, 256, (7, 3), dtype=np.uint8)[ids]
  edited = image.copy()
  edited[ids == 5] = 255 - edited[ids == 5] // 2
  return {
      "image": image, "depth": depth, "instances": ids,
      "normals": normals.astype(np.float32)[ids], "categories": list(NAMES),
      "phrases": [("the left mug", (5,)), ("the right mug", (6,)), ("a sofa", ())],
      "caption": f"room {seed}", "edits": [("change the left mug", edited)]}


def scenes(n: int, first: int = 0, size: int = 32) -> list[dict]:
  return [scene(first + i, size) for i in range(n)]


def benchmark(n: int = 3) -> records.Benchmark:
  """The protocols of 'rooms' on made-up scenes."""
  made = scenes(n)
  return dataclasses.replace(
      benchmarks.ROOMS, name="made-up", about="Not a benchmark.", size=n,
      read=benchmarks.from_scenes(lambda: made), sha256=benchmarks.split_hash(made))


def _key(request, picture) -> str:
  shown = b"" if picture is None else np.ascontiguousarray(picture).tobytes()
  return hashlib.sha256(request.prompt.encode() + shown).hexdigest()


class Oracle:
  """Paints the truth of every question about `scenes`; counts its calls."""
  name, fingerprint, guidance, batch = "oracle", "0" * 16, 1.0, 32

  def __init__(self, scenes, seed: int = 0):
    self.calls = []
    self._truths = {}
    for protocol in benchmarks.ROOMS.protocols:
      for item in questions.ask(protocol.task, scenes, seed):
        self._truths[_key(item.request, item.picture)] = figures.painted_truth(
            item.request, item.truth)

  def default_steps(self, codec):
    return 4 if codec == "image" else 1

  def refuses(self, prompt):
    return ""

  def predict_batch(self, requests, pictures, *, steps, guidance, seed):
    self.calls.append(len(requests))
    return [decoding.decode(r, self._truths[_key(r, p)].astype(np.float32) / 255)
            for r, p in zip(requests, pictures, strict=True)]


def save_model(folder: pathlib.Path, tuned_from: str = "dust") -> pathlib.Path:
  """Writes a tiny model of large random weights, which answers at random."""
  generator = flow.build("debug", {"text": {"max_length": 256}},
                         {"steps": 2, "perception_steps": 2})
  # Made without running `init`, which takes a while to compile; and a fresh network
  # paints grey whatever it sees, this one does not.
  rng = np.random.default_rng(1)
  params = jax.tree.map(
      lambda x: rng.normal(0, 2 / x.shape[-2:][0] ** 0.5, x.shape).astype(np.float32),
      jax.eval_shape(generator.init, jax.random.key(0)))
  zoo.save_model(str(folder), zoo.SavedModel(
      "debug", generator.config, dataclasses.asdict(generator.flow), params,
      generator.tokenizer, {"tuned_from": tuned_from}))
  return folder
