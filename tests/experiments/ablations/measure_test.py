"""What is asked of a model: its own colours, unseen ones, and the numbers' names."""

import dataclasses

import numpy as np
import pytest

from experiments.ablations import measure, sweep
from tests.eval import fake
from tests.eval.metrics import attributes_test
from vision_banana.codecs import segmentation
from vision_banana.data import sources
from vision_banana.eval import benchmarks, decoding, figures, questions
from vision_banana.tasks import legend

SCENES = fake.scenes(2)


class Knowing:
  """Answers every question rightly, in the colours it is asked for."""
  name, fingerprint, guidance, batch = "knowing", "0" * 16, 1.0, 32

  def __init__(self):
    self.prompts = []

  def default_steps(self, codec):
    return 1

  def refuses(self, prompt):
    return ""

  def predict_batch(self, requests, pictures, *, steps, guidance, seed):
    made = []
    for request, picture in zip(requests, pictures, strict=True):
      self.prompts.append(request.prompt)
      # A batch of unequal length is filled up with its first question.
      scene = next(s for s in SCENES if picture is None or (
          s["image"] == picture).all())
      if request.task == "text_to_image":
        rgb = next(s["image"] for s in SCENES if s["caption"] == request.prompt)
      elif request.task == "semantic":
        truth = questions.ask("semantic", [scene], 0)[0].truth
        rgb = np.asarray(segmentation.encode(truth, request.palette / 255.0) * 255)
      else:
        rgb = figures.painted_truth(request, scene["depth"])
      made.append(decoding.decode(request, rgb.astype(np.float32) / 255))
    return made


@pytest.fixture
def model(monkeypatch):
  monkeypatch.setattr(benchmarks, "ROOMS", fake.benchmark(2))
  return Knowing()


def ask(model, tmp_path, **evaluation):
  return measure.measure(
      model, dataclasses.asdict(sweep.Evaluation(**evaluation)), tmp_path, 0)


def test_semantic_is_asked_in_each_kind_of_palette(model, tmp_path):
  found = ask(model, tmp_path, tasks=("semantic",), palettes=("random", "fixed"))
  assert found["semantic/miou"] == found["semantic_fixed/miou"] == 1
  fixed = [p.text for p in legend.fixed(questions.CLASSES[1:])]
  as_fixed = [all(text in p for text in fixed) for p in model.prompts]
  assert 0 < sum(as_fixed) < len(as_fixed)


@pytest.mark.parametrize("colormap, said", [("turbo", "Turbo"), ("", "")])
def test_depth_is_asked_and_read_in_its_colour_map(model, tmp_path, colormap, said):
  found = ask(model, tmp_path, tasks=("depth",), colormap=colormap)
  assert found["depth/delta1"] == 1 and found["depth/abs_rel"] < 0.02
  assert all(said in p and ("Turbo" in p) == bool(said) for p in model.prompts)


def test_pictures_are_judged_beside_the_true_and_the_mean_one(
    model, tmp_path, monkeypatch):
  rooms = attributes_test.TRAIN
  monkeypatch.setattr(sources, "open_source", lambda name, split: rooms)
  for scene, room in zip(SCENES, rooms):
    monkeypatch.setitem(scene, "image", room["image"].repeat(2, 0).repeat(2, 1))
    monkeypatch.setitem(scene, "caption", room["caption"])
  record = fake.benchmark(2)
  monkeypatch.setattr(benchmarks, "ROOMS", dataclasses.replace(
      record, sha256=benchmarks.split_hash(SCENES),
      read=benchmarks.from_scenes(lambda: SCENES)))
  measure._judge.cache_clear()
  found = ask(model, tmp_path, tasks=("text_to_image",))
  measure._judge.cache_clear()
  assert found["text_to_image/attributes"] == 1
  assert found["text_to_image/attributes_true"] == 1
  assert found["text_to_image/attributes_mean"] < 1
  assert "text_to_image/histogram_distance" in found
