"""Readers of TartanAir, ADE20K and Open Images, each in its official layout."""

import shutil

import numpy as np
import pytest

from tests.data.builders import layouts
from vision_banana.data.builders import ade20k, open_images, tartanair
from vision_banana.errors import UserError

MODULES = {"tartanair": tartanair, "ade20k": ade20k, "open_images": open_images}


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory):
  """Name of a dataset → its folder and what is in it."""
  top = tmp_path_factory.mktemp("data")
  return {name: (top / name, getattr(layouts, name)(top / name)) for name in MODULES}


def _read_all(name, made, split):
  module = MODULES[name]
  return [(r.key, module.read(r)) for r in module.records(made[name][0], split)]


def _same_segments(ids, names, other_ids, other_names):
  """Whether two maps show the same things, numbered in any way; 0 is nothing."""
  pairs = set(zip(ids.ravel().tolist(), other_ids.ravel().tolist()))
  assert len(pairs) == len(np.unique(ids)) == len(np.unique(other_ids))
  for a, b in pairs:
    assert (["", *names][a]) == (["", *other_names][b])


def test_tartanair(made):
  scenes = dict(_read_all("tartanair", made, "train"))
  truth = made["tartanair"][1]
  assert scenes.keys() == truth.keys() and len(truth) == 4
  for key, scene in scenes.items():
    np.testing.assert_array_equal(scene["image"], truth[key]["image"])
    np.testing.assert_array_equal(scene["depth"], truth[key]["depth"])
    assert scene["depth"].dtype == np.float32
    assert np.isinf(scene["depth"][:5]).all() and np.isfinite(scene["depth"][5:]).all()


def test_ade20k(made):
  truth = made["ade20k"][1]
  scenes = (_read_all("ade20k", made, "training")
            + _read_all("ade20k", made, "validation"))
  assert [key for key, _ in scenes] == list(truth)
  for key, scene in scenes:
    want = truth[key]
    assert scene["image"].shape == want["image"].shape
    assert np.abs(scene["image"].astype(int) - want["image"]).mean() < 2
    seen = np.unique(want["instances"])
    assert len(scene["categories"]) == (seen > 0).sum()
    _same_segments(scene["instances"], scene["categories"], want["instances"],
                   want["categories"])


def test_ade20k_pixels_of_a_class_without_a_name_are_nothing(made, tmp_path):
  shutil.copytree(made["ade20k"][0], tmp_path / "ade")
  photo = ade20k.records(tmp_path / "ade", "training")[0]
  about = photo.image.with_suffix(".json")
  before = ade20k.read(photo)
  about.write_text(about.read_text().replace('"name_ndx": 976', '"name_ndx": 975'))
  after = ade20k.read(photo)
  floor = np.array(["", *before["categories"]])[before["instances"]] == "floor"
  assert floor.any() and not after["instances"][floor].any()
  assert "floor" not in after["categories"]
  _same_segments(after["instances"], after["categories"],
                 np.where(floor, 0, before["instances"]), before["categories"])


def test_open_images(made):
  truth = made["open_images"][1]
  scenes = _read_all("open_images", made, "train")
  assert [key for key, _ in scenes] == sorted(truth)
  for key, scene in scenes:
    want = truth[key]
    assert np.abs(scene["image"].astype(int) - want["image"]).mean() < 2
    assert sorted(scene["categories"]) == sorted(name for name, _ in want["masks"])
    assert scene["absent"] == want["absent"]
    found = {(scene["categories"][i - 1], (scene["instances"] == i).tobytes())
             for i in range(1, len(scene["categories"]) + 1)}
    assert found == {(name, mask.tobytes()) for name, mask in want["masks"]}


def test_open_images_small_things_are_in_front(tmp_path):
  layouts.open_images(tmp_path)
  photo = open_images.records(tmp_path, "train")[0]
  names = sorted(path.name for path in (tmp_path / "train-masks").iterdir())
  sizes = [12, 4, 20][:len(names)] + [2] * (len(names) - 3)
  for name, size in zip(names, sizes):
    mask = np.zeros((20, 20), bool)
    mask[:size, :size] = True
    layouts.Image.fromarray(mask).save(tmp_path / "train-masks" / name)
  scene = open_images.read(photo)
  areas = np.bincount(scene["instances"].ravel(), minlength=1 + len(names))[1:]
  shown = [4 * (a**2 - b**2) for a, b in zip(
      sorted(sizes)[::-1], [*sorted(sizes)[::-1][1:], 0])]
  assert areas.tolist() == shown


def test_open_images_without_labels_knows_of_nothing_absent(made, tmp_path):
  shutil.copytree(made["open_images"][0], tmp_path / "oi")
  next((tmp_path / "oi").glob("*imagelabels-boxable.csv")).unlink()
  assert [r.absent for r in open_images.records(tmp_path / "oi", "train")] == [()] * 3


def test_open_images_reads_descriptions_without_a_head(made, tmp_path):
  shutil.copytree(made["open_images"][0], tmp_path / "oi")
  table = tmp_path / "oi" / "oidv7-class-descriptions-boxable.csv"
  table.write_text(table.read_text().split("\n", 1)[1])
  want = list(open_images.records(made["open_images"][0], "train"))
  got = list(open_images.records(tmp_path / "oi", "train"))
  assert [r.masks for r in got] == [r.masks for r in want]
  table.write_text("/m/025dyy,Box\n")
  with pytest.raises(UserError, match="has no class '/m/"):
    list(open_images.records(tmp_path / "oi", "train"))


@pytest.mark.parametrize("name,damage", [
    ("*object-segmentation.csv", lambda text: text.rsplit(b",", 8)[0] + b"\n"),
    ("*object-segmentation.csv", lambda text: text.replace(b"/m/", b"/\xff/")),
    ("*imagelabels-boxable.csv", lambda text: text.replace(b",0\n", b",\n")),
    ("*imagelabels-boxable.csv", lambda text: text.rsplit(b",", 1)[0]),
    ("*descriptions-boxable.csv", lambda text: text.replace(b"Tree", b"Tr\xffe"))])
def test_a_damaged_table_of_open_images_is_named(made, tmp_path, name, damage):
  shutil.copytree(made["open_images"][0], tmp_path / "oi")
  table, = (tmp_path / "oi").glob(name)
  whole = table.read_bytes()
  table.write_bytes(damage(whole))
  assert table.read_bytes() != whole
  with pytest.raises(UserError, match=f"{table}: is no whole table of .* fetch") as error:
    list(open_images.records(tmp_path / "oi", "train"))
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("name,pattern,split", [
    ("tartanair", "*_left.png", "train"), ("tartanair", "*_depth.npy", "train"),
    ("ade20k", "ADE_*1.jpg", "training"), ("ade20k", "*_seg.png", "training"),
    ("ade20k", "*.json", "training"), ("open_images", "*.jpg", "train"),
    ("open_images", "*_*.png", "train")])
def test_a_damaged_or_missing_file_is_named(made, tmp_path, name, pattern, split):
  module, folder = MODULES[name], tmp_path / name
  shutil.copytree(made[name][0], folder)
  records = list(module.records(folder, split))
  path = sorted(folder.rglob(pattern))[0]
  content = path.read_bytes()
  for damage in (content[:len(content) // 2], b"", b"nothing", None):
    path.unlink()
    if damage is not None:
      path.write_bytes(damage)
    errors = []
    for record in records:
      try:
        module.read(record)
      except UserError as e:
        errors.append(str(e))
    assert len(errors) == 1 and str(path) in errors[0] and "\n" not in errors[0]
    path.touch()


def test_pictures_of_different_sizes_are_named(made, tmp_path):
  shutil.copytree(made["tartanair"][0], tmp_path / "t")
  frame = tartanair.records(tmp_path / "t", "train")[0]
  np.save(frame.depth, np.ones((3, 4), np.float32))
  with pytest.raises(UserError, match=r"_depth.npy: is \[3, 4\], but .*left.png is"):
    tartanair.read(frame)


def test_a_folder_without_the_dataset(tmp_path):
  for name, message in (("tartanair", "image_left; unpack TartanAir"),
                        ("ade20k", "images/ADE/training; unpack ADE20K"),
                        ("open_images", "has no class-descriptions-boxable.csv")):
    split = MODULES[name].SPLITS[0]
    with pytest.raises(UserError, match=message):
      MODULES[name].records(tmp_path, split)
  table = "train-annotations-object-segmentation.csv"
  layouts.open_images(tmp_path)
  (tmp_path / table).write_text("MaskPath,LabelName\na,b\n")
  with pytest.raises(UserError, match=f"{table}: is no whole table"):
    open_images.records(tmp_path, "train")
