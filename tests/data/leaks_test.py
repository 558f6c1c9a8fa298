"""The leak guard: what is refused, why, and what is not."""

import json

import numpy as np
import pytest

from tests.data import fake
from vision_banana.data import fingerprints, leaks, pipeline
from vision_banana.data.builders import rooms
from vision_banana.errors import UserError

SIZE = 32
VERSION = str(rooms.Rooms.VERSION)


def tokenize(prompts):
  return np.ones((len(prompts), 4), np.int32), np.ones((len(prompts), 4), bool)


def write_list(path, benchmark, images):
  names = tuple(f"{i}.png" for i in range(len(images)))
  path.write_bytes(fingerprints.dump(fingerprints.HashList(
      benchmark, names, np.array([fingerprints.views(image) for image in images]))))
  return str(path)


@pytest.fixture(scope="module", name="dataset")
def _dataset(tmp_path_factory):
  """A TFDS directory of six scenes."""
  top = tmp_path_factory.mktemp("mine")
  examples = [(str(i), rooms.encode(fake.scene(i, SIZE))) for i in range(6)]
  rooms.Rooms(size=SIZE, split="train", examples=examples,
              data_dir=top).download_and_prepare()
  return top


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
  monkeypatch.setenv("VISION_BANANA_HASHES", str(tmp_path / "hashes"))


@pytest.mark.parametrize("text,benchmark", [
    ("cityscapes", "Cityscapes"), ("/data/Cityscapes/leftImg8bit/train", "Cityscapes"),
    ("refcoco+", "RefCOCOg"), ("RefCOCO-g_umd", "RefCOCOg"), ("coco/train2017", "COCO"),
    ("MS-COCO", "COCO"), ("LVIS", "COCO"), ("Visual Genome", "COCO"),
    ("SA-1B", "SA-Co"), ("segment_anything/1.0.0", "SA-Co"),
    ("nyu_depth_v2", "NYUv2"), ("KITTI", "KITTI"),
    ("virtual_kitti_2", "Virtual KITTI"), ("vkitti2", "Virtual KITTI"),
    ("ScanNet/scans", "ScanNet"), ("i-bims-1", "iBims-1"), ("ReasonSeg", "ReasonSeg"),
    ("img_edit", "ImgEdit"), ("GenAI-Bench", "GenAI-Bench"), ("eth3d", "ETH3D"),
    ("DIODE", "DIODE"), ("nuScenes", "nuScenes"),
])
def test_names_of_benchmarks_in_any_spelling(text, benchmark):
  assert leaks.named(text).name == benchmark


@pytest.mark.parametrize("text", [
    "rooms", "hypersim", "tartanair", "ade20k", "open_images", "coconut", "my/photos",
    "kittiwakes", "diodes", "/home/nyu/data", ""])
def test_other_names_are_fine(text):
  assert leaks.named(text) is None


def test_a_mixture_that_names_a_benchmark_is_refused_before_it_is_opened():
  config = pipeline.DataConfig(
      mixture={"semantic@streets": 1}, size=SIZE,
      sources={"streets": {"path": "/nowhere/cityscapes/train"}})
  with pytest.raises(UserError, match="'streets' .* is Cityscapes, which must not be "
                     "trained on: semantic segmentation is evaluated on it"):
    pipeline.train_iterator(config, tokenize)


def test_a_source_that_is_not_in_the_mixture_is_not_judged(dataset):
  config = pipeline.DataConfig(
      mixture={"depth@rooms": 1, "depth@kitti": 0}, size=SIZE, batch_size=2,
      sources={"rooms": {"path": str(dataset)}, "kitti": {"path": str(dataset)}})
  assert next(pipeline.train_iterator(config, tokenize))["values"].any()


@pytest.mark.parametrize("path", ["swatches", "shapes"])
def test_sources_drawn_from_nothing_are_not_judged_by_where_training_runs(
    tmp_path, monkeypatch, path):
  (tmp_path / "kitti").mkdir()
  monkeypatch.chdir(tmp_path / "kitti")
  config = pipeline.DataConfig(
      mixture={f"{'editing' if path == 'shapes' else 'text_to_image'}@drawn": 1},
      size=SIZE, batch_size=2, sources={"drawn": {"path": path}}, leak_lists=(
          write_list(tmp_path / "a.txt", "diode", [fake.scene(0, SIZE)["image"]]),))
  monkeypatch.setattr(fingerprints, "hash_all", None)  # A million pictures.
  next(pipeline.train_iterator(config, tokenize))


def test_a_source_in_memory_is_judged_by_its_name_alone(tmp_path, monkeypatch):
  (tmp_path / "kitti").mkdir()
  monkeypatch.chdir(tmp_path / "kitti")
  leaks.check_names({"mine": ""})
  with pytest.raises(UserError, match="'streets_of_kitti'.* is KITTI"):
    leaks.check_names({"streets_of_kitti": ""})


def test_what_a_source_states_decides(tmp_path):
  folder = tmp_path / "kitti_the_cat"
  folder.mkdir()
  with pytest.raises(UserError, match=r"only sounds so.*metadata.json"):
    leaks.check_names({"mine": str(folder)})
  (folder / "metadata.json").write_text('{"origin": "photos of my cat"}')
  leaks.check_names({"mine": str(folder)})
  (folder / "metadata.json").write_text('{"origin": ["my cat", "COCO 2017"]}')
  with pytest.raises(UserError, match="'COCO 2017'.*is COCO.*RefCOCOg's pictures"):
    leaks.check_names({"mine": str(folder)})
  for nothing in ("", " ", [], [0, 0, 0], 5, {}):  # Other programs' files.
    (folder / "metadata.json").write_text(json.dumps({"origin": nothing}))
    with pytest.raises(UserError, match="only sounds so"):
      leaks.check_names({"mine": str(folder)})
  (folder / "metadata.json").write_text("{origin")
  with pytest.raises(UserError, match="metadata.json: cannot be read"):
    leaks.check_names({"mine": str(folder)})


def test_a_single_file_states_its_origin_beside_it(tmp_path):
  (tmp_path / "all.jsonl").touch()
  (tmp_path / "metadata.json").write_text('{"origin": "ScanNet v2"}')
  with pytest.raises(UserError, match="ScanNet"):
    leaks.check_names({"mine": str(tmp_path / "all.jsonl")})


def test_builders_state_their_origin_and_a_relabelled_one_is_found(dataset, tmp_path):
  version = dataset / "rooms" / VERSION
  assert json.loads((version / "metadata.json").read_text())["origin"] == "rooms"
  leaks.check_names({"mine": str(dataset)})
  part = tmp_path / "parts" / "b" / "1.0.0"
  part.mkdir(parents=True)
  (part / "dataset_info.json").write_text('{"name": "segment_anything"}')
  (tmp_path / "parts" / "metadata.json").write_text('{"origin": "mine"}')
  with pytest.raises(UserError, match="SA-Co"):
    leaks.check_names({"mine": str(tmp_path / "parts")})


def test_open_images_needs_the_list_of_reasonseg(tmp_path):
  folder = tmp_path / "data"
  folder.mkdir()
  statement = folder / "metadata.json"
  statement.write_text('{"origin": "open_images"}')
  with pytest.raises(UserError, match="reasonseg took its pictures from this set"):
    leaks.check_names({"oi": str(folder)})
  file = write_list(tmp_path / "r.txt", "ReasonSeg", [fake.scene(1, SIZE)["image"]])
  leaks.check_names({"oi": str(folder)}, [file])
  statement.write_text('{"origin": "open_images", "checked_against": ["ReasonSeg"]}')
  leaks.check_names({"oi": str(folder)})


def test_a_picture_of_a_benchmark_is_refused_in_training(dataset, tmp_path):
  config = {"mixture": {"depth@mine": 1}, "size": SIZE, "batch_size": 2,
            "sources": {"mine": {"path": str(dataset)}}}
  other = write_list(tmp_path / "b.txt", "ibims", [fake.scene(9, SIZE)["image"]])
  known = write_list(tmp_path / "a.txt", "diode", [
      fake.scene(i, SIZE)["image"] for i in (20, 3, 21)])
  fine = pipeline.DataConfig(leak_lists=(other,), **config)
  next(pipeline.train_iterator(fine, tokenize))
  with pytest.raises(UserError, match=(
      r"source 'mine': a picture of record \d is '1.png' of diode \(0 of 64")):
    pipeline.train_iterator(
        pipeline.DataConfig(leak_lists=(other, known), **config), tokenize)
