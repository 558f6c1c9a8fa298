"""Shapes: labels, phrases and edits agree with the pixels."""

import re

import numpy as np

from vision_banana.codecs import colors
from vision_banana.data import augment, pipeline, sources
from vision_banana.tasks import tasks


def _scenes(count=150):
  source = sources.open_source("shapes", "train")
  return [source[i] for i in range(count)]


def test_every_instance_is_one_colour_and_in_view():
  for scene in _scenes():
    assert set(np.unique(scene["instances"])) == set(
        range(len(scene["categories"]) + 1))
    for i in range(len(scene["categories"]) + 1):
      seen = scene["image"][scene["instances"] == i]
      assert len(np.unique(seen, axis=0)) == 1


def test_an_edit_paints_what_it_names_and_nothing_else():
  checked = 0
  for scene in _scenes():
    for text, after in scene["edits"]:
      _, listed, said = re.fullmatch(
          r"((?:new colors|repaint|recolor it by this list): )(.*)|(.*)", text).groups()
      named = re.findall(r"(\w+): ([^;]+)", listed) if listed else re.findall(
          r"(?:the|every) (\w+) (?:to )?(.+?)(?= and (?:the|every) |$)", said)
      assert named
      table = {part: colors.parse(value) for part, value in named}
      for i, name in enumerate(["background", *scene["categories"]]):
        where = scene["instances"] == i
        expected = table.get(name, scene["image"][where][0])
        assert (after[where] == expected).all(), text
        checked += name in table
  assert checked > 300


def test_phrases_hold_by_side_and_colour_and_some_fit_nothing():
  kinds = {"side": 0, "color": 0, "absent": 0}
  for scene in _scenes():
    for text, ids in scene["phrases"]:
      name = next(w for w in text.split() if w in (
          "circle", "square", "triangle", "diamond", "cross", "ring"))
      assert all(scene["categories"][i - 1] == name for i in ids)
      for i in ids:
        y, x = np.argwhere(scene["instances"] == i).mean(0)
        assert ("left" not in text or x < 32) and ("right" not in text or x > 32)
        assert ("at the top" not in text or y < 32) and (
            "at the bottom" not in text or y > 32)
        kinds["side"] += " on the " in text or " at the " in text
        word = re.fullmatch(rf"(?:the|every) (.+) {name}", text)
        if word:
          kinds["color"] += 1
          assert (scene["image"][scene["instances"] == i]
                  == colors.parse(word[1])).all()
      kinds["absent"] += not ids
      if not ids and name in scene["categories"]:
        assert text != f"the {name}"
  assert min(kinds.values()) > 50, kinds


def test_a_mirrored_scene_keeps_its_words_true():
  scene = augment.flip(_scenes(1)[0])
  for text, ids in scene["phrases"]:
    for i in ids:
      x = np.argwhere(scene["instances"] == i)[:, 1].mean()
      assert ("left" not in text or x < 32) and ("right" not in text or x > 32)


def test_a_number_gives_the_same_scene_and_all_its_tasks_are_served():
  a, b = _scenes(3)[2], _scenes(3)[2]
  assert a["edits"][0][0] == b["edits"][0][0]
  assert np.array_equal(a["image"], b["image"])
  for task in ("semantic", "instance", "referring", "editing"):
    assert not tasks.lacks(task, a)
    tasks.make(task, a, np.random.default_rng(0))


def test_scenes_that_are_drawn_are_not_kept():
  scenes = pipeline.Scenes(sources.open_source("shapes", "train"), 64, True, True)
  scene = scenes[0]
  assert scenes[0] is not scene
  assert set(scene["absent"]) and not set(scene["absent"]) & set(scene["categories"])
