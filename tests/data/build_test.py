"""From official files to samples: build, read back, paint every task, decode."""

import json
import pathlib
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tests.data.builders import layouts
from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import edges as edges_codec
from vision_banana.codecs import normals as normals_codec
from vision_banana.codecs import segmentation as segmentation_codec
from vision_banana.codecs import target as target_codec
from vision_banana.data import augment, build, fingerprints, pipeline, sources
from vision_banana.errors import UserError
from vision_banana.tasks import scenes as scenes_lib
from vision_banana.tasks import tasks

SERVED = {
    "hypersim": {"depth", "normals", "semantic", "instance", "edges", "modality"},
    "tartanair": {"depth", "modality"},
    "ade20k": {"semantic", "instance", "modality"},
    "open_images": {"semantic", "instance", "modality"},
}


@pytest.fixture(scope="module", name="official")
def _official(tmp_path_factory):
  """Name → folder of official files."""
  top = tmp_path_factory.mktemp("official")
  for name in build.DATASETS:
    getattr(layouts, name)(top / name)
  return {name: top / name for name in build.DATASETS}


@pytest.fixture(scope="module", name="built")
def _built(official, tmp_path_factory):
  """Name → the built dataset, with pictures of their own size."""
  top = tmp_path_factory.mktemp("built")
  for name, folder in official.items():
    counts = build.build(name, str(folder), str(top / name))
    assert counts == (len(_records(name, folder)), 0, 0)
  return {name: top / name for name in official}


def _records(name, folder, split=None):
  module = build._module(name)
  return list(module.records(pathlib.Path(folder), split or module.SPLITS[0]))


def _open(name, path):
  return sources.open_source(str(path), build._module(name).SPLITS[0])


def _same(stored, scene, lossless=True):
  assert stored["image"].shape == scene["image"].shape
  error = np.abs(stored["image"].astype(int) - scene["image"])
  assert error.max() == 0 if lossless else error.mean() < 2
  for field in ("instances", "categories", "absent"):
    if field in scene:
      assert np.array_equal(stored[field], scene[field])
  if "depth" in scene:
    np.testing.assert_allclose(stored["depth"], scene["depth"], rtol=1.6e-5)
  if "normals" in scene:
    valid = scene["normals"].any(-1)
    np.testing.assert_array_equal(stored["normals"].any(-1), valid)
    cosine = (stored["normals"] * scene["normals"]).sum(-1)[valid]
    assert cosine.min() > np.cos(np.radians(.45))


def _unlike(image, other):
  if image.shape != other.shape:
    return np.inf
  return np.abs(image.astype(int) - other).sum()


@pytest.mark.parametrize("name", build.DATASETS)
def test_what_is_built_is_what_is_read(official, built, name):
  module, source = build._module(name), _open(name, built[name])
  scenes = [module.read(r) for r in _records(name, official[name])]
  assert len(source) == len(scenes)
  left = list(range(len(source)))
  for scene in scenes:
    i = min(left, key=lambda i: _unlike(source[i]["image"], scene["image"]))
    left.remove(i)
    stored = source[i]
    assert stored.keys() == scene.keys()
    _same(stored, scene, lossless=name in ("hypersim", "tartanair"))


def _paint(sample, place):
  """What the device paints, in 8 bits."""
  rgb = target_codec.encode(*(sample[k][place] for k in (
      "values", "labels", "palette", "codec", "colormap")))
  return np.round(np.asarray(rgb) * 255).astype(np.float32) / 255


def _check_decoded(sample, place, scene):
  """Decodes a painted picture and compares it with what the scene says."""
  rgb = _paint(sample, place)
  kind = target_codec.CODECS[sample["codec"][place]]
  if kind == "image":
    np.testing.assert_allclose(rgb * 255, scene["image"], atol=1e-3)
  elif kind == "depth":
    known = np.isfinite(scene["depth"])
    colormap = depth_codec.COLORMAPS[sample["colormap"][place]]
    depth = np.asarray(depth_codec.decode(rgb, colormap=colormap))
    # Curves other than the cube's are short: 8 bits tell depths less well apart.
    bound = .02 if colormap == "cube" else .4
    assert np.abs(depth / scene["depth"] - 1)[known].max() < bound
  elif kind == "normals":
    known = scene["normals"].any(-1)
    normals = np.asarray(normals_codec.decode(rgb))
    assert (normals * scene["normals"]).sum(-1)[known].min() > np.cos(np.radians(1))
  else:
    labels = np.asarray(segmentation_codec.decode(rgb, sample["palette"][place]))
    colors = sample["palette"][place]
    # Labels of one colour are one label.
    np.testing.assert_array_equal(colors[labels], colors[sample["labels"][place]])
  return kind


@pytest.mark.parametrize("name", build.DATASETS)
def test_every_task_a_dataset_serves_is_painted_and_decoded(built, name):
  source = _open(name, built[name])
  scenes = [augment.resize(source[i], (24, 24)) for i in range(len(source))]
  served = {task for task in tasks.TASKS
            if any(not tasks.lacks(task, scene) for scene in scenes)}
  assert served == SERVED[name]
  rng = np.random.default_rng(0)
  seen = set()
  for task in sorted(served):
    for scene in scenes * 3:
      if tasks.lacks(task, scene):
        continue
      sample = tasks.make(task, scene, rng)
      for place in range(2):
        seen.add(_check_decoded(sample, place, scene))
      if task == "edges":
        found = edges_codec.detect(scene["depth"], scene["normals"], scene["instances"])
        rgb = jnp.asarray(_paint(sample, 0))
        background, color = sample["palette"][0][:2]
        np.testing.assert_array_equal(
            np.asarray(edges_codec.decode(rgb, background, color)), found)
        assert 0 < found.mean() < .6
  assert seen >= {"image"} | ({"segmentation"} if name != "tartanair" else {"depth"})


def test_any_picture_of_hypersim_to_any_other(built):
  source = _open("hypersim", built["hypersim"])
  scene = augment.resize(source[0], (24, 24))
  assert scenes_lib.modalities(scene) == [
      "photo", "depth", "normals", "segmentation", "edges"]
  rng = np.random.default_rng(0)
  pairs = {tuple(s["codec"]) for s in (
      tasks.make("modality", scene, rng) for _ in range(300))}
  # Ordered pairs of four codecs, and segmentation to edges, which share one.
  assert len(pairs) == 4 * 3 + 1


def test_training_reads_what_was_built(built):
  config = pipeline.DataConfig(
      mixture={"depth@hypersim": 1, "depth@tartanair": 1, "semantic@ade20k": 1},
      sources={name: {"path": str(built[name]), "split": split} for name, split in (
          ("hypersim", "train"), ("tartanair", "train"), ("ade20k", "training"))},
      size=16, batch_size=6)
  batch = next(pipeline.train_iterator(config, lambda prompts: (
      np.zeros((len(prompts), 2), np.int32), np.ones((len(prompts), 2), bool))))
  assert batch["values"].shape == (6, 2, 16, 16, 3)


def test_absent_names_of_a_source_that_is_not_exhaustive_are_its_own(built):
  scenes = pipeline.Scenes(_open("open_images", built["open_images"]), 16, False, True)
  assert {tuple(scenes[i]["absent"]) for i in range(3)} == {
      ("tree",), ("human hand", "tree")}


def test_size_workers_limit_and_split(official, tmp_path):
  counts = build.build("ade20k", str(official["ade20k"]), str(tmp_path / "a"),
                       size=16, workers=2, limit=2)
  assert counts.written == 2
  source = sources.open_source(str(tmp_path / "a"), "training")
  assert {source[i]["image"].shape for i in range(2)} == {(16, 16, 3)}
  records = _records("ade20k", official["ade20k"])
  expected = [augment.resize(build._module("ade20k").read(records[i]), (16, 16))["instances"]
              for i in (0, 1)]  # Of three, evenly spread: 0 * 3 // 2 and 1 * 3 // 2.
  stored = [source[i]["instances"] for i in range(2)]
  assert all(any(np.array_equal(e, s) for s in stored) for e in expected)
  build.build("ade20k", str(official["ade20k"]), str(tmp_path / "b"),
              split="validation")
  assert len(sources.open_source(str(tmp_path / "b"), "validation")) == 1


def test_what_cannot_be_read_is_told_counted_and_left_out(official, tmp_path, capsys):
  folder = tmp_path / "tartanair"
  shutil.copytree(official["tartanair"], folder)
  depths = sorted(folder.rglob("*_depth.npy"))
  depths[0].unlink()
  depths[2].write_bytes(depths[2].read_bytes()[:100])
  counts = build.build("tartanair", str(folder), str(tmp_path / "out"))
  assert counts == (2, 2, 0)
  printed = capsys.readouterr().out
  assert f"{depths[0]}: is missing" in printed and str(depths[2]) in printed
  assert "2 scenes written, 2 could not be read" in printed
  assert len(sources.open_source(str(tmp_path / "out"), "train")) == 2
  statement = json.loads((tmp_path / "out" / "metadata.json").read_text())
  assert statement["origin"] == "tartanair" and statement["skipped"] == 2


def test_pictures_of_a_benchmark_are_left_out(official, tmp_path, capsys):
  picture = sorted(official["tartanair"].rglob("*_left.png"))[1]
  (tmp_path / "bench").mkdir()
  photo = Image.open(picture).resize((47, 47))
  photo.save(tmp_path / "bench" / "query.jpg", quality=80)
  (tmp_path / "list").write_bytes(fingerprints.dump(
      fingerprints.make_list(str(tmp_path / "bench"), "reasonseg")))
  counts = build.build("tartanair", str(official["tartanair"]), str(tmp_path / "out"),
                       leak_lists=[str(tmp_path / "list")])
  assert counts == (3, 0, 1)
  assert "000001_left: is 'query.jpg' of reasonseg" in capsys.readouterr().out
  statement = json.loads((tmp_path / "out" / "metadata.json").read_text())
  assert statement["checked_against"] == ["reasonseg"] and statement["leaked"] == 1


def test_when_nothing_can_be_read_nothing_remains(official, tmp_path):
  folder = tmp_path / "tartanair"
  shutil.copytree(official["tartanair"], folder)
  for path in folder.rglob("*_depth.npy"):
    path.unlink()
  (tmp_path / "there").mkdir()
  with pytest.raises(UserError, match="no scene could be read") as caught:
    build.build("tartanair", str(folder), str(tmp_path / "there" / "out"))
  assert "\n" not in str(caught.value)
  assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("changes,message", [
    ({"dataset": "coco"}, "no builder for 'coco'; there are ade20k"),
    ({"split": "test"}, "tartanair has no split 'test'; use one of train"),
    ({"limit": 0}, "limit=0 is too small"), ({"size": 4}, "size=4 is too small"),
    ({"workers": 0}, "workers=0 is too small"),
    ({"data": "/nowhere"}, "no such folder"),
    ({"leak_lists": ["/no"]}, "/no: cannot be read"), ({"out": "/tmp"}, "/tmp: exists"),
])
def test_bad_arguments_are_one_line(official, tmp_path, changes, message):
  arguments = {"dataset": "tartanair", "data": str(official["tartanair"]),
               "out": str(tmp_path / "out"), **changes}
  with pytest.raises(UserError, match=message):
    build.build(**arguments)
  assert not (tmp_path / "out").exists()
