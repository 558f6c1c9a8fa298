import collections
import re

import numpy as np
import pytest

from tests.data import fake
from vision_banana.codecs import colors
from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import edges as edges_codec
from vision_banana.codecs import target as target_codec
from vision_banana.errors import UserError
from vision_banana.tasks import legend
from vision_banana.tasks import phrasings
from vision_banana.tasks import prompts
from vision_banana.tasks import scenes
from vision_banana.tasks import tasks

SIZE = 16
SCENES = [{**fake.scene(i, SIZE), "absent": ["mirror", "clock"]} for i in range(8)]

NAMES = ("floor", "wall", "ceiling", *fake.NOUNS)


def _draws(task, n=200, **options):
  rng = np.random.default_rng(0)
  for i in range(n):
    scene = SCENES[i % len(SCENES)]
    yield scene, tasks.make(task, scene, rng, **options)


def _rgb(sample, place=0):
  """The palette's colour of each pixel as 0..255."""
  palette = np.rint(sample["palette"][place] * 255).astype(int)
  return palette[sample["labels"][place]]


def _colors_in(prompt):
  """(position, rgb) of each colour that is written in numbers."""
  found = re.finditer(r"#[0-9A-F]{6}|(?:RGB)?[(<]\d+, \d+, \d+[)>]", prompt)
  return {m.start(): colors.parse(m[0]) for m in found}


@pytest.mark.parametrize("task", tasks.TASKS)
def test_same_rng_same_sample_and_the_scene_is_not_touched(task):
  scene = fake.scene(1, SIZE)
  before = {k: np.copy(v) for k, v in scene.items() if isinstance(v, np.ndarray)}
  a, b = (tasks.make(task, scene, np.random.default_rng(5)) for _ in range(2))
  for key in a:
    np.testing.assert_array_equal(a[key], b[key])
  for key, value in before.items():
    np.testing.assert_array_equal(scene[key], value)
  assert tasks.TASKS[a["task"]] == task


@pytest.mark.parametrize("task", tasks.TASKS)
def test_prompts_are_short_varied_and_reference_the_photo(task):
  drawn = list(_draws(task))
  assert all(prompts.fits(s["prompt"]) for _, s in drawn)
  assert len({s["prompt"] for _, s in drawn}) >= 10
  for scene, sample in drawn:
    assert sample["present"].tolist() == [True, task != "text_to_image"]
    if task not in ("text_to_image", "modality"):
      assert target_codec.CODECS[sample["codec"][1]] == "image"
      np.testing.assert_allclose(sample["values"][1] * 255, scene["image"], atol=1e-4)


def test_depth_keeps_metres_and_names_the_colormap():
  seen = set()
  for scene, sample in _draws("depth"):
    np.testing.assert_array_equal(sample["values"][0, ..., 0], scene["depth"])
    name = depth_codec.COLORMAPS[sample["colormap"][0]]
    seen.add(name)
    said = [key for key, text in phrasings.COLORMAP_NAMES.items()
            if text in sample["prompt"]]
    assert said == [name] or (name == "cube" and not said)
  assert seen == set(depth_codec.COLORMAPS) - {"turbo"}  # Only when it is asked for.


@pytest.mark.parametrize("name", ["cube", "turbo"])
def test_a_fixed_colormap_is_that_of_all_depth_pictures(name):
  index = depth_codec.COLORMAPS.index(name)
  said = phrasings.COLORMAP_NAMES[name]
  for _, sample in _draws("depth", 40, colormap=name):
    assert sample["colormap"][0] == index
    assert (said in sample["prompt"]) == (name != "cube")
  maps = {int(m) for _, sample in _draws("modality", 100, colormap=name)
          for m, c in zip(sample["colormap"], sample["codec"]) if c == 1}
  assert maps == {index}


def test_normals_are_the_scenes():
  for scene, sample in _draws("normals", 4):
    np.testing.assert_array_equal(sample["values"][0], scene["normals"])


def test_semantic_paints_each_named_class_and_the_rest_as_background():
  counts, large, unsaid, absent = [], 0, 0, 0
  for scene, sample in _draws("semantic", 400, max_classes=4):
    rgb = _rgb(sample)
    named = set()
    for name in {*scene["categories"], "mirror", "clock"}:
      at = re.search(rf"\b{name}\b", sample["prompt"])
      if not at:
        continue
      named.add(name)
      mask = scenes.class_map(scene, [name]) > 0
      for place, color in _colors_in(sample["prompt"]).items():
        gap = sample["prompt"][at.end():place]
        if gap and not re.search("[;,.]| and ", gap):
          assert (rgb[mask] == color).all(), sample["prompt"]
    rest = scenes.class_map(scene, sorted(named)) == 0
    assert (sample["labels"][0] == 0)[rest].all()
    assert (sample["labels"][0] > 0)[~rest].all()
    said = re.search(r"(?i)background|else|rest", sample["prompt"])
    if not said:
      assert not sample["palette"][0, 0].any()
      others = sample["palette"][0, 1:len(named) + 1]
      assert np.linalg.norm(others * 255, axis=-1).min() > 59  # None is near black.
      unsaid += 1
    counts.append(len(named))
    large += bool(named & {"floor", "wall"})
    absent += bool(named & {"mirror", "clock"})
  assert set(counts) == {1, 2, 3, 4}
  assert large > 200 and 100 < unsaid < 300 and 10 < absent < 100


def test_any_number_of_classes_may_be_absent_and_the_common_ones_are_more_often():
  scene = {**SCENES[0], "absent": ["mirror", "clock", "piano", "globe"]}
  counts, first = collections.Counter(), collections.Counter()
  for i in range(400):
    sample = tasks.make("semantic", scene, np.random.default_rng(i), max_classes=3,
                        p_negative=1)
    there = [name for name in scene["absent"]
             if re.search(rf"\b{name}\b", sample["prompt"])]
    counts[len(there)] += 1
    first.update(there)
  assert set(counts) == {1, 2, 3}
  assert first["mirror"] > 1.3 * first["clock"] > first["globe"]
  assert first["globe"] > 40


def test_semantic_favours_what_is_large():
  scene = {"image": np.zeros((8, 8, 3), np.uint8), "categories": list("abcdefgh"),
           "instances": np.minimum(np.arange(64), 8).reshape(8, 8).astype(np.int32)}
  rng = np.random.default_rng(0)
  drawn = [tasks.make("semantic", scene, rng, max_classes=1) for _ in range(200)]
  assert np.mean([(s["labels"][0] > 0).sum() > 1 for s in drawn]) > 0.25


def test_instance_gives_each_thing_of_one_class_a_color_of_its_own():
  negatives, palettes = 0, set()
  for scene, sample in _draws("instance", p_negative=0.3):
    known = {*scene["categories"], "mirror", "clock"}
    name, = (n for n in known if re.search(rf"\b{n}\b", sample["prompt"]))
    ids = scenes.visible(scene, name)
    labels = sample["labels"][0]
    of_class = np.isin(scene["instances"], ids)
    np.testing.assert_array_equal(labels > 0, of_class)
    negatives += not ids
    pairs = set(zip(labels[of_class].tolist(), scene["instances"][of_class].tolist()))
    assert len(pairs) == len(ids)
    palette = [tuple(c) for c in sample["palette"][0, :len(ids) + 1].tolist()]
    assert len(set(palette)) == len(ids) + 1
    palettes.add(tuple(palette[1:]))
    said = _colors_in(sample["prompt"])
    if said:
      assert np.allclose(np.array(list(said.values())) / 255, palette[0])
  assert 30 < negatives < 100 and len(palettes) > 100


def test_more_instances_than_colors_leaves_the_smallest_out_of_the_loss():
  ids = np.zeros((8, 8), np.int32)
  ids.flat[:40] = np.arange(1, 41)
  ids.flat[40:] = np.arange(1, 25)
  scene = {"image": np.zeros((8, 8, 3), np.uint8), "instances": ids,
           "categories": ["bead"] * 40}
  sample = tasks.make("instance", scene, np.random.default_rng(0))
  assert sample["labels"][0].max() == 31
  assert (sample["valid"] == (sample["labels"][0] > 0)).all()
  assert sample["valid"].sum() == 24 * 2 + 7


def test_referring_paints_the_phrases_things_and_nothing_for_a_wrong_phrase():
  kinds = {"one": 0, "two": 0, "negative": 0, "plain": 0}
  for scene, sample in _draws("referring", p_negative=0.3):
    said = {text: ids for text, ids in scene["phrases"] if text in sample["prompt"]}
    expected = np.isin(scene["instances"], sum(said.values(), ()))
    np.testing.assert_array_equal(sample["labels"][0] > 0, expected)
    if len(said) == 2:
      assert sample["labels"][0].max() == 2 or "elephant" in sample["prompt"]
    kinds["two" if len(said) == 2 else "one"] += 1
    kinds["negative"] += "elephant" in sample["prompt"]
    if np.allclose(sample["palette"][0, 1], 1) and "white" not in sample["prompt"]:
      kinds["plain"] += not sample["palette"][0, 0].any()
    for at, rgb in _colors_in(sample["prompt"]).items():
      assert (np.abs(sample["palette"][0] * 255 - rgb).max(-1) < 0.5).any()
  assert kinds["two"] > 10 and 30 < kinds["negative"] < 100 and kinds["plain"] > 5


def test_referring_asks_only_for_what_is_in_view_and_never_overlaps():
  ids = scenes.visible(SCENES[0], SCENES[0]["categories"][3])[:1]
  scene = {**SCENES[0], "phrases": [
      ("the first", (ids[0],)), ("the pair", (ids[0], 1)), ("the hidden", (4444,))]}
  rng = np.random.default_rng(0)
  for _ in range(50):
    sample = tasks.make("referring", scene, rng)
    assert "hidden" not in sample["prompt"]
    assert ("first" in sample["prompt"]) != ("pair" in sample["prompt"])


def test_referring_without_phrases_names_classes():
  scene = {**SCENES[0], "phrases": []}
  sample = tasks.make("referring", scene, np.random.default_rng(0))
  assert any(f"the {n}" in sample["prompt"] for n in scene["categories"])
  assert sample["labels"].any()


def test_edges_are_the_codecs_and_colors_are_said_unless_white_on_black():
  said = 0
  for scene, sample in _draws("edges", 40):
    truth = edges_codec.detect(scene["depth"], scene["normals"], scene["instances"])
    np.testing.assert_array_equal(sample["labels"][0], truth)
    if prompts.edges(None) == sample["prompt"]:
      assert sample["palette"][0, :2].tolist() == [[0, 0, 0], [1, 1, 1]]
    for rgb in _colors_in(sample["prompt"]).values():
      assert (np.abs(sample["palette"][0, :2] * 255 - rgb).max(-1) < 0.5).any()
      said += 1
  assert said > 5


def test_modality_goes_from_anything_to_anything_else():
  codecs = {"photo": "image", "depth": "depth", "normals": "normals",
            "segmentation": "segmentation", "edges": "segmentation"}
  words = [(name, text) for name, texts in phrasings.MODALITY_NAMES.items()
           for text in texts]
  seen = set()
  for scene, sample in _draws("modality", 400):
    # Longest names first: 'depth map' is also a part of 'metric depth map'.
    text, places = sample["prompt"], {}
    for name, word in sorted(words, key=lambda w: -len(w[1])):
      if name not in places and word in text:
        places[name] = text.index(word)
        text = text.replace(word, "_" * len(word), 1)
    assert len(places) == 2, sample["prompt"]
    got = [target_codec.CODECS[c] for c in sample["codec"]]
    assert sorted(codecs[name] for name in places) == sorted(got)
    seen.add(frozenset(places))
    maps = {phrasings.COLORMAP_NAMES[name]: name for name in depth_codec.COLORMAPS}
    said = {maps[text] for text in maps if text in sample["prompt"]} - {"cube"}
    used = {depth_codec.COLORMAPS[m] for m in sample["colormap"]} - {"cube"}
    assert said == used, sample["prompt"]
    asked = re.match("Convert this (.+?) to a (.+?)[.]", sample["prompt"])
    if asked:
      names = [next(n for n, w in words if w == text) for text in asked.groups()]
      assert [codecs[n] for n in names] == got[::-1]
    for place, codec in enumerate(got):
      if codec == "image":
        np.testing.assert_allclose(sample["values"][place] * 255, scene["image"],
                                   atol=1e-4)
      elif codec == "depth":
        np.testing.assert_array_equal(sample["values"][place, ..., 0], scene["depth"])
  assert len(seen) == 10


def test_modality_leaves_out_a_caption_that_is_too_long():
  scene = {**SCENES[0], "caption": "Many words. " * 30}
  rng = np.random.default_rng(0)
  for _ in range(60):
    assert prompts.fits(tasks.make("modality", scene, rng)["prompt"])


def test_text_to_image_and_editing():
  for scene, sample in _draws("text_to_image", 20):
    assert scene["caption"] in sample["prompt"]
    np.testing.assert_allclose(sample["values"][0] * 255, scene["image"], atol=1e-4)
  for scene, sample in _draws("editing", 20):
    instruction, image = scene["edits"][0]
    assert instruction in sample["prompt"]
    np.testing.assert_allclose(sample["values"][0] * 255, image, atol=1e-4)
    np.testing.assert_allclose(sample["values"][1] * 255, scene["image"], atol=1e-4)


def test_needs_and_errors_name_the_fix():
  assert tasks.needs("depth") == ("image", "depth")
  with pytest.raises(UserError, match="did you mean 'normals'"):
    tasks.make("normal", SCENES[0], np.random.default_rng(0))
  with pytest.raises(UserError, match="no field 'depth'"):
    tasks.make("depth", {"image": SCENES[0]["image"]}, np.random.default_rng(0))


def test_with_a_fixed_palette_a_class_has_one_colour_in_all_samples():
  colors_of = {}
  for scene, sample in _draws("semantic", 150, palette="fixed"):
    shown, rgb = scene["instances"], _rgb(sample)
    for i, name in enumerate(scene["categories"], 1):
      painted = rgb[(shown == i) & (sample["labels"][0] > 0)]
      colors_of.setdefault(name, set()).update(map(tuple, painted))
    assert tuple(_rgb(sample)[sample["labels"][0] == 0].reshape(-1, 3)[:1].ravel()) in (
        (), (0, 0, 0))
  named = {name: found for name, found in colors_of.items() if found}
  assert len(named) >= 6 and all(len(found) == 1 for found in named.values())
  assert len(set.union(*named.values())) == len(named)


@pytest.mark.parametrize("task", ["semantic", "instance", "referring", "edges",
                                  "modality"])
def test_a_fixed_palette_paints_the_same_scene_the_same_way(task):
  known = {(0, 0, 0), (255, 255, 255)}
  for name in (*NAMES, "first phrase", "second phrase"):
    known.add(legend.fixed([name])[0].rgb)
  known |= {p.rgb for p in legend.standard(12, [(0, 0, 0)])}
  for _, sample in _draws(task, 60, palette="fixed"):
    for place in (0, 1):
      if target_codec.CODECS[sample["codec"][place]] == "segmentation":
        assert set(map(tuple, _rgb(sample, place).reshape(-1, 3))) <= known


def test_an_unknown_palette_or_colormap_is_refused():
  rng = np.random.default_rng(0)
  for options in ({"palette": "fix"}, {"colormap": "jet"}):
    with pytest.raises(UserError, match="fixed|use one of|did you mean"):
      tasks.make("depth", SCENES[0], rng, **options)
