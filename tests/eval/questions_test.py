"""Questions are fixed by the seed, fair, and have the right answers."""

import numpy as np
import pytest

from tests.eval import fake
from vision_banana.codecs import normals as normals_codec
from vision_banana.eval import benchmarks, motorcycle, questions
from vision_banana.tasks import prompts

SCENES = fake.scenes(4)
TASKS = [p.task for p in benchmarks.ROOMS.protocols]


@pytest.mark.parametrize("task", TASKS)
def test_a_scene_is_asked_the_same_whatever_else_there_is(task):
  alone = questions.ask(task, SCENES[:1], 0)
  together = questions.ask(task, SCENES, 0)
  assert [i.request.prompt for i in alone] == [
      i.request.prompt for i in together[:len(alone)]]
  assert len({i.name for i in together}) == len(together)
  assert all(prompts.fits(i.request.prompt) for i in together)


def test_legends_differ_from_picture_to_picture():
  items = questions.ask("semantic", SCENES, 0)
  assert len({i.request.palette.tobytes() for i in items}) == len(items)
  assert items[0].request.names == questions.CLASSES
  ids = SCENES[0]["instances"]
  np.testing.assert_array_equal(items[0].truth == questions.CLASSES.index("table"),
                                ids == 4)
  np.testing.assert_array_equal(items[0].truth == 0, (ids == 3) | (ids >= 5))


def test_instances_of_the_most_frequent_movable_thing():
  item = questions.ask("instance", SCENES[:1], 0)[0]
  assert "mug" in item.request.prompt
  assert set(np.unique(item.truth)) == {0, 5, 6}
  bare = {**SCENES[0], "categories": ["floor", "wall", "ceiling"],
          "instances": np.minimum(SCENES[0]["instances"], 3)}
  assert not questions.ask("instance", [bare], 0)


def test_each_room_is_asked_for_something_there_and_something_absent():
  there, absent = questions.ask("referring", SCENES[:1], 0)
  assert there.truth.any() and "mug" in there.request.prompt
  assert not absent.truth.any() and "a sofa" in absent.request.prompt


def test_modality_shows_depth_and_not_the_photo():
  item = questions.ask("modality", SCENES[:1], 0)[0]
  assert not (item.picture == SCENES[0]["image"]).all()
  assert item.request.codec == "normals"
  np.testing.assert_array_equal(item.truth, SCENES[0]["normals"])
  # (0, 0) has no depth: black.
  assert not item.picture[0, 0].any() and normals_codec.encode(item.truth).any()


def test_motorcycle_is_the_photograph_with_its_metres():
  scene = motorcycle.read()[0]
  assert scene["image"].shape == (500, 741, 3) and scene["image"].dtype == np.uint8
  known = np.isfinite(scene["depth"])
  assert 0.9 < known.mean() < 0.95
  assert scene["depth"][known].min() == pytest.approx(2.1104, abs=1e-3)
  assert scene["depth"][known].max() == pytest.approx(5.0169, abs=1e-3)
  assert len(motorcycle.read()) == 1
