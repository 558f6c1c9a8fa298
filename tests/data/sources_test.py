import shutil

import numpy as np
import pytest

from tests.data import fake
from vision_banana.data import sources
from vision_banana.data.builders import rooms
from vision_banana.errors import UserError

SIZE = 8
VERSION = str(rooms.Rooms.VERSION)


def _write(directory, split, indices):
  examples = [(str(i), rooms.encode(fake.scene(i, SIZE))) for i in indices]
  rooms.Rooms(size=SIZE, split=split, examples=examples,
              data_dir=directory).download_and_prepare()
  return directory / "rooms" / VERSION


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
  """Two parts: a (train 0, 1, 2), b (train 3, 4), c (test 5)."""
  top = tmp_path_factory.mktemp("data")
  _write(top / "a", "train", [0, 1, 2])
  _write(top / "b", "train", [3, 4])
  _write(top / "c", "test", [5])
  return top


def _ids(source):
  """Which fake scenes these are."""
  known = [fake.scene(i, SIZE)["image"] for i in range(6)]
  return [next(k for k, image in enumerate(known)
               if np.array_equal(image, source[i]["image"]))
          for i in range(len(source))]


def test_one_version_directory(dataset):
  source = sources.open_source(str(dataset / "a" / "rooms" / VERSION), "train")
  assert sorted(_ids(source)) == [0, 1, 2]
  truth = fake.scene(_ids(source)[0], SIZE)
  scene = source[0]
  assert scene["caption"] == truth["caption"]
  assert scene["phrases"] == truth["phrases"]
  assert scene["categories"] == truth["categories"]
  np.testing.assert_array_equal(scene["instances"], truth["instances"])
  np.testing.assert_allclose(scene["depth"], truth["depth"], rtol=1e-3)


def test_parts_are_concatenated_in_order(dataset):
  source = sources.open_source(str(dataset), "train")
  ids = _ids(source)
  assert sorted(ids[:3]) == [0, 1, 2] and sorted(ids[3:]) == [3, 4]
  with pytest.raises(IndexError):
    source[5]


def test_a_split_comes_from_the_parts_that_have_it(dataset):
  assert _ids(sources.open_source(str(dataset), "test")) == [5]
  assert len(sources.open_source(str(dataset), "train[:1]")) == 2


def test_the_latest_version_counts(dataset, tmp_path):
  shutil.copytree(dataset / "a" / "rooms", tmp_path / "rooms")
  (tmp_path / "rooms" / VERSION).rename(tmp_path / "rooms" / "1.9.0")
  shutil.copytree(dataset / "b" / "rooms" / VERSION, tmp_path / "rooms" / "1.10.0")
  assert len(sources.open_source(str(tmp_path), "train")) == 2


def test_an_embedded_dataset_goes_by_its_name(dataset, tmp_path, monkeypatch):
  monkeypatch.setattr(sources, "_EMBEDDED", tmp_path)
  with pytest.raises(UserError, match="no dataset at 'rooms'"):
    sources.open_source("rooms", "train")
  shutil.copytree(dataset, tmp_path / "rooms")
  assert len(sources.open_source("rooms", "train")) == 5


def test_dots_and_nothing_are_no_embedded_dataset(dataset, tmp_path, monkeypatch):
  (tmp_path / "below").mkdir()
  monkeypatch.chdir(tmp_path / "below")
  for name in (".", ".."):
    with pytest.raises(UserError, match=f"no dataset at '{name}'"):
      sources.open_source(name, "train")
  with pytest.raises(UserError, match="empty path"):
    sources.open_source("", "train")


def test_missing_empty_and_foreign_datasets(dataset, tmp_path):
  with pytest.raises(UserError, match="no dataset at '/nowhere'"):
    sources.open_source("/nowhere", "train")
  with pytest.raises(UserError, match="no split 'val'; it has test, train"):
    sources.open_source(str(dataset), "val")
  with pytest.raises(UserError, match="is empty"):
    sources.open_source(str(dataset / "a"), "train[:0]")
  broken = tmp_path / "rooms" / VERSION
  broken.mkdir(parents=True)
  (broken / "dataset_info.json").write_text("{")
  with pytest.raises(UserError, match="cannot read "):
    sources.open_source(str(tmp_path), "train")


def test_lost_files_are_one_clear_line(dataset, tmp_path):
  shutil.copytree(dataset / "a", tmp_path / "a")
  record, = tmp_path.rglob("*.array_record*")
  content = record.read_bytes()
  for damaged in (content[:len(content) // 2], b"", None):
    record.unlink()
    if damaged is not None:
      record.write_bytes(damaged)
    with pytest.raises(UserError, match="cannot read ") as caught:
      sources.open_source(str(tmp_path), "train")[0]
    assert "\n" not in str(caught.value)
    record.touch()


def test_a_dataset_without_a_builder_module(dataset, tmp_path):
  path = tmp_path / "1.0.0"
  shutil.copytree(dataset / "a" / "rooms" / VERSION, path)
  info = path / "dataset_info.json"
  info.write_text(info.read_text().replace('"rooms"', '"chambers"'))
  for file in path.glob("rooms-*"):
    file.rename(path / file.name.replace("rooms", "chambers", 1))
  with pytest.raises(UserError, match="'chambers', which has no module"):
    sources.open_source(str(path), "train")
