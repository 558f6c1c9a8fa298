import numpy as np
import pytest

from vision_banana.codecs import colors
from vision_banana.errors import UserError
from vision_banana.tasks import sample
from vision_banana.tasks import tasks

ARGUMENTS = {
    "depth": {"colormap": "plasma"},
    "normals": {},
    "semantic": {"classes": ["floor", "wall"]},
    "instance": {"name": "mug"},
    "referring": {"phrase": "the red mug"},
    "edges": {},
    "modality": {"source": "depth", "target": "normals"},
    "text_to_image": {"prompt": "A room."},
    "editing": {"prompt": "Remove the mug."},
}


@pytest.mark.parametrize("task", sample.TASKS)
def test_canonical_without_rng_and_varied_with(task):
  request = tasks.request(task, **ARGUMENTS[task])
  assert request.task == task
  assert request.prompt == tasks.request(task, **ARGUMENTS[task]).prompt
  rng = np.random.default_rng(0)
  varied = {tasks.request(task, rng=rng, **ARGUMENTS[task]).prompt for _ in range(60)}
  assert len(varied) >= 6


def test_canonical_prompts_are_the_papers_kind():
  assert (tasks.request("depth").prompt
          == "Generate a metric depth map for the image.")
  assert tasks.request("depth", colormap="Viridis").prompt == (
      "Generate a metric depth map for the image. Use the Viridis color map.")
  assert (tasks.request("normals").prompt
          == "Predict the surface normals for the input image.")
  request = tasks.request("semantic", classes={"cat": "red", "exit sign": "#80C000"},
                          background="<1, 2, 3>")
  assert request.prompt == (
      "Generate a semantic segmentation visualization image, using this color "
      'mapping: {"cat": "red", "exit sign": "#80C000", "background": "<1, 2, 3>"}.')
  assert request.names == ("background", "cat", "exit sign")
  assert request.palette.tolist() == [[1, 2, 3], [255, 0, 0], [128, 192, 0]]
  assert request.background == (1, 2, 3)
  assert tasks.request("text_to_image", prompt=" A room. ").prompt == "A room."


def test_colors_not_given_are_chosen_and_said():
  request = tasks.request("semantic", classes={"floor": None, "wall": "red"})
  assert "red" in request.prompt and "green" in request.prompt
  assert len(np.unique(request.palette, axis=0)) == 3
  assert request.background == (0, 0, 0)
  assert "background" not in request.prompt
  many = tasks.request("semantic", classes=[f"class {i}" for i in range(31)])
  assert len(np.unique(many.palette, axis=0)) == 32


@pytest.mark.parametrize("task, arguments", [
    ("semantic", {"classes": {"floor": "#FE0000", "wall": None}}),
    ("semantic", {"classes": ["floor", "wall"], "background": "#0000C0"}),
    ("referring", {"phrase": "the mug", "background": "snow"})])
def test_colors_not_given_are_well_apart_from_those_given(task, arguments):
  palette = tasks.request(task, **arguments).palette.astype(int)
  for i, color in enumerate(palette):
    assert colors.apart(color, np.delete(palette, i, 0))


def test_classes_may_be_one_text():
  assert tasks.request("semantic", classes="floor, desk lamp").names == (
      "background", "floor", "desk lamp")


def test_instance_leaves_the_colors_to_the_model():
  request = tasks.request("instance", name="mug", background="navy")
  assert request.palette is None and request.background == (0, 0, 128)
  assert "mug" in request.prompt and "navy" in request.prompt


def test_referring_is_white_on_black_unless_told():
  request = tasks.request("referring", phrase="the mug")
  assert request.palette.tolist() == [[0, 0, 0], [255, 255, 255]]
  assert "white" in request.prompt
  request = tasks.request("referring", phrase="the mug", background="white")
  assert request.palette[0].tolist() == [255] * 3 != request.palette[1].tolist()


def test_edges_colors():
  assert tasks.request("edges").palette.tolist() == [[0, 0, 0], [255, 255, 255]]
  request = tasks.request("edges", color="red", background="white")
  assert "red" in request.prompt and request.background == (255, 255, 255)


def test_modality_targets():
  ask = lambda target, **more: tasks.request("modality", source="photo", target=target,
                                             **more)
  assert ask("depth", colormap="inferno").colormap == "inferno"
  assert ask("normals").codec == "normals"
  assert ask("edges").names == ("background", "edge")
  assert ask("segmentation", classes=["floor"]).names == ("background", "floor")
  back = tasks.request("modality", source="depth", target="photo",
                       source_colormap="plasma", caption="A red room.")
  assert back.codec == "image"
  assert "Plasma" in back.prompt and back.prompt.endswith("A red room.")


@pytest.mark.parametrize("task, arguments, message", [
    ("dept", {}, "unknown task 'dept'; did you mean 'depth'"),
    ("depth", {"colourmap": "x"}, "did you mean 'colormap'"),
    ("depth", {"colormap": "plasmaa"}, "did you mean 'plasma'"),
    ("normals", {"size": 3}, "takes no arguments; remove 'size'"),
    ("semantic", {}, "needs 'classes'"),
    ("semantic", {"classes": []}, "0 given"),
    ("semantic", {"classes": ["a"] * 2}, "each class once"),
    ("semantic", {"classes": [str(i) for i in range(32)]}, "32 given"),
    ("semantic", {"classes": {"a": "redd"}}, "unknown colour 'redd'"),
    ("semantic", {"classes": {"a": "red", "b": "#FF0000"}}, "share a colour"),
    ("semantic", {"classes": {"a": "black"}}, "share a colour"),
    ("semantic", {"classes": ["background"]}, "own argument"),
    ("instance", {"name": " "}, "name: empty"),
    ("referring", {"phrase": ""}, "phrase: empty"),
    ("edges", {"color": "red"}, "both color and background"),
    ("edges", {"color": "red", "background": "red"}, "share a colour"),
    ("modality", {"source": "depth", "target": "depth"}, "both 'depth'"),
    ("modality", {"source": "depht", "target": "photo"}, "did you mean 'depth'"),
    ("modality", {"source": "photo", "target": "segmentation"}, "0 given"),
    ("text_to_image", {"prompt": ""}, "prompt: empty"),
    ("semantic", {"classes": {"floor": (255, 0, 0)}},
     r"colour \(255, 0, 0\) is no text; write a name"),
    ("semantic", {"classes": ["floor"], "background": (255, 0, 0)}, "is no text"),
    ("semantic", {"classes": 3}, "classes: 3 given; give names"),
    ("modality", {"source": "photo", "target": "edges", "background": "red"},
     "from photo to edges does not read 'background'; remove it"),
    ("modality", {"source": "photo", "target": "normals", "colormap": "nonsense"},
     "does not read 'colormap'"),
    ("modality", {"source": "photo", "target": "normals", "classes": "a,b"},
     "does not read 'classes'"),
    ("modality", {"source": "photo", "target": "depth", "caption": "hi"},
     "does not read 'caption'"),
    ("modality", {"source": "photo", "target": "depth", "source_colormap": "cube"},
     "does not read 'source_colormap'"),
    ("modality", {"source": "depth", "target": "photo", "source_colormap": "x"},
     "unknown depth colour map 'x'"),
])
def test_bad_requests_are_one_line_that_names_the_fix(task, arguments, message):
  with pytest.raises(UserError, match=message) as caught:
    tasks.request(task, **arguments)
  assert "\n" not in str(caught.value)
