import numpy as np
import pytest

from vision_banana.tasks import sample
from vision_banana.tasks import scenes

SCENE = {
    "image": np.zeros((2, 4, 3), np.uint8),
    "instances": np.array([[1, 1, 3, 0], [1, 4, 4, 0]], np.int32),
    "categories": ["mug", "box", "mug", "lamp"],
}


def test_areas_add_up_and_leave_out_what_is_not_in_view():
  assert scenes.areas(SCENE) == {"mug": 4, "lamp": 2}


def test_visible_instances_largest_first():
  assert scenes.visible(SCENE, "mug") == [1, 3]
  assert scenes.visible(SCENE, "box") == []


def test_class_map():
  labels = scenes.class_map(SCENE, ["lamp", "mug", "dog"])
  assert labels.tolist() == [[2, 2, 2, 0], [2, 1, 1, 0]]
  assert labels.dtype == np.int32


def test_relabel_by_instance():
  assert scenes.relabel(SCENE, [(3,), (4, 2)]).tolist() == [[0, 0, 1, 0], [0, 2, 2, 0]]


def test_without_leaves_no_trace_of_a_category():
  scene = {**SCENE, "absent": ["dog", "mugs", "mug"], "phrases": [
      ("the left one", (1,)), ("the lamp", (4,)), ("a thing near the Mugs", (4,)),
      ("the smuggler", ())]}
  shown = scenes.without(scene, ["mug"])
  assert scenes.areas(shown) == {"lamp": 2}
  assert scenes.class_map(shown, ["mug", "lamp"]).tolist() == [
      [0, 0, 0, 0], [0, 2, 2, 0]]
  # For edges they are still there.
  np.testing.assert_array_equal(shown["instances"], scene["instances"])
  assert [text for text, _ in shown["phrases"]] == ["the lamp", "the smuggler"]
  assert shown["absent"] == ["dog", "mugs"]
  assert scenes.areas(scene) == {"mug": 4, "lamp": 2}  # The scene is as it was.
  assert scenes.without({"image": 0}, ["mug"]) == {"image": 0}


def test_without_knows_plurals():
  names = ("shelf", "knife", "cherry", "box")
  phrases = ("the two shelves", "knives", "some Cherries", "boxes", "shelves' edge",
             "the shelving", "a boxer")
  scene = {**SCENE, "phrases": [(text, ()) for text in phrases]}
  assert [text for text, _ in scenes.without(scene, names)["phrases"]] == [
      "the shelving", "a boxer"]


def test_modalities():
  assert scenes.modalities(SCENE) == ["photo", "segmentation"]
  empty = {**SCENE, "instances": np.zeros((2, 4), np.int32)}
  assert scenes.modalities(empty) == ["photo"]


@pytest.mark.parametrize("task", sample.TASKS)
def test_lacks_names_a_missing_field(task):
  lack = scenes.lacks(task, {"image": SCENE["image"]})
  expected = "only a photo" if task == "modality" else (
      f"no field '{scenes.NEEDS[task][0]}'")
  assert lack == expected


def test_lacks_names_what_is_empty():
  empty = {**SCENE, "instances": np.zeros((2, 4), np.int32), "edits": [],
           "caption": "", "phrases": []}
  assert scenes.lacks("semantic", empty) == "no named instance in view"
  assert scenes.lacks("referring", empty) == "no named instance in view"
  assert scenes.lacks("editing", empty) == "empty 'edits'"
  assert scenes.lacks("text_to_image", empty) == "empty 'caption'"
  assert not scenes.lacks("referring", {**SCENE, "phrases": []})
