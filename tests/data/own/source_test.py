"""A user's own data in every layout, and what is said of each way to get it wrong."""

import io
import json
import pathlib
import struct

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from tests.data.own import fake
from vision_banana import settings
from vision_banana.data import pipeline, sources
from vision_banana.data.own import source as own
from vision_banana.errors import UserError
from vision_banana.tasks import tasks

IMAGE = fake.picture(0)
DEPTH = np.linspace(0.5, 9, 48).reshape(6, 8)


def open_(path, split="train", **options):
  return sources.open_source(str(path), split, own.Options(**options))


def assert_scene(scene, expected):
  assert scene.keys() == expected.keys()
  for key, value in expected.items():
    if isinstance(value, np.ndarray):
      np.testing.assert_array_equal(scene[key], value, err_msg=key)
      assert scene[key].dtype == value.dtype, key
    elif key == "edits":
      assert [t for t, _ in scene[key]] == [t for t, _ in value]
      for (_, a), (_, b) in zip(scene[key], value):
        np.testing.assert_array_equal(a, b)
    else:
      assert scene[key] == value


def npz(array):
  buffer = io.BytesIO()
  np.savez(buffer, array, array)
  return buffer.getvalue()


def full():
  """A scene with every field, and the files it is stored in."""
  normals = np.zeros((6, 8, 3), np.float32)
  normals[..., 2] = 1
  normals[:, 4:] = (0.6, 0, 0.8)
  normals[0] = 0
  labels = np.arange(48).reshape(6, 8) % 3
  depth = np.round(DEPTH * 1000).astype(np.uint16)
  depth[0, 0] = 0
  metres = depth.astype(np.float32) * np.float32(0.001)
  metres[0, 0] = np.nan
  scene = {"image": IMAGE, "caption": "a heap", "depth": metres, "normals": normals,
           "instances": labels.astype(np.int32), "categories": ["box", "mug"],
           "phrases": [("the box", (1,)), ("a cat", ())],
           "edits": [("turn it", fake.picture(1))]}
  files = {"image": fake.png(IMAGE), "depth": fake.png(depth),
           "normals": fake.npy(normals), "instances": fake.png(labels.astype(np.uint8)),
           "edited": fake.png(fake.picture(1))}
  words = {"caption": "a heap", "instruction": "turn it", "categories": ["box", "mug"],
           "phrases": [{"text": "the box", "ids": [1]}, {"text": "a cat", "ids": []}]}
  return scene, files, words


def as_folder(root, files, words):
  words = dict(words)
  return fake.write(root, {
      "a.png": files["image"], "a.depth.png": files["depth"],
      "a.normals.npy": files["normals"], "a.instances.png": files["instances"],
      "a.edited.png": files["edited"], "a.txt": words.pop("caption") + "\n",
      "a.instruction.txt": words.pop("instruction"), "a.json": json.dumps(words)})


def as_jsonl(root, files, words):
  paths = {f: f"pictures/{f}.bin" for f in files}  # Content tells what a file is.
  paths["normals"] = "pictures/normals.npy"
  return fake.write(root, {**{paths[f]: c for f, c in files.items()},
                           "train.jsonl": fake.jsonl([{**paths, **words}])})


def as_parquet(root, files, words):
  table = pyarrow.Table.from_pylist([
      {**{f: {"bytes": c, "path": None} for f, c in files.items()}, **words}])
  root.mkdir(exist_ok=True)
  pyarrow.parquet.write_table(table, root / "train-00000-of-00001.parquet")
  return root


@pytest.mark.parametrize("write", [as_folder, as_jsonl, as_parquet])
def test_every_field_in_every_layout(tmp_path, write):
  scene, files, words = full()
  source = open_(write(tmp_path / "d", files, words), depth_scale=0.001)
  assert len(source) == 1
  assert_scene(source[0], scene)
  assert source.size(0) == (6, 8)
  # What it serves: all tasks.
  assert all(not tasks.lacks(task, source[0]) for task in tasks.TASKS)


def test_a_folder_is_in_the_order_of_its_names(tmp_path):
  root = fake.write(tmp_path, {
      f"{n}.png": fake.png(fake.picture(i))
      for i, n in enumerate(["b/2", "a", "b/10", "c"])} | {"c.txt": "see", "x.txt": ""})
  source = open_(root)
  order = [next(i for i in range(4) if np.array_equal(
      s["image"], fake.picture(i))) for s in (source[k] for k in range(4))]
  assert order == [1, 2, 0, 3]
  assert [("caption" in source[k]) for k in range(4)] == [False, False, False, True]
  with pytest.raises(IndexError):
    source[4]


def test_huggingface_imagefolder(tmp_path):
  """file_name and text beside the pictures, a folder a split."""
  for split, count in (("train", 3), ("test", 2)):
    fake.write(tmp_path / split, {
        **{f"{i}.png": fake.png(fake.picture(i)) for i in range(count)},
        "metadata.jsonl": fake.jsonl(
            {"file_name": f"{i}.png", "text": f"{split} {i}"} for i in range(count))})
  assert [open_(tmp_path)[i]["caption"] for i in range(3)] == [
      "train 0", "train 1", "train 2"]
  np.testing.assert_array_equal(open_(tmp_path, "test")[1]["image"], fake.picture(1))
  with pytest.raises(UserError, match="no split 'val'"):
    open_(tmp_path, "val")


def test_huggingface_parquet_in_several_files(tmp_path):
  (tmp_path / "data").mkdir()
  for f in range(2):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([
        {"original_image": {"bytes": fake.png(fake.picture(5 * f + i)), "path": "x"},
         "edit_prompt": str(5 * f + i),
         "edited_image": {"bytes": fake.png(fake.picture(i)), "path": "y"}}
        for i in range(5)]), tmp_path / "data" / f"train-0000{f}-of-00002.parquet",
                                row_group_size=2)
  source = open_(tmp_path)
  assert [source[i]["edits"][0][0] for i in range(10)] == [str(i) for i in range(10)]
  np.testing.assert_array_equal(source[7]["image"], fake.picture(7))
  assert source.blocks == [2, 2, 1, 2, 2, 1]
  part = open_(tmp_path, "train[30%:90%]")
  assert [part[i]["edits"][0][0] for i in range(len(part))] == list("345678")
  assert part.blocks == [1, 1, 2, 2]
  assert len(open_(tmp_path, "train[-2:]")) == 2


def test_parquet_of_paths_and_a_single_file(tmp_path):
  fake.write(tmp_path, {"p/a.png": fake.png(IMAGE)})
  pyarrow.parquet.write_table(
      pyarrow.table({"image": ["p/a.png"], "text": ["x"]}), tmp_path / "rows.parquet")
  source = open_(tmp_path / "rows.parquet")
  assert_scene(source[0], {"image": IMAGE, "caption": "x"})
  with pytest.raises(UserError, match="one file is one split"):
    open_(tmp_path / "rows.parquet", "test")


def test_a_row_group_is_read_once_for_its_rows(tmp_path, monkeypatch):
  pyarrow.parquet.write_table(pyarrow.Table.from_pylist(
      [{"image": fake.png(fake.picture(i)), "text": "x"} for i in range(6)]),
                              tmp_path / "a.parquet", row_group_size=3)
  reads = []
  read = pyarrow.parquet.ParquetFile.read_row_group
  monkeypatch.setattr(pyarrow.parquet.ParquetFile, "read_row_group",
                      lambda self, i, **k: reads.append(i) or read(self, i, **k))
  source = open_(tmp_path)
  assert not reads
  for i in (0, 5, 1, 4, 2, 3):
    source[i]
  assert reads == [0, 1]


@pytest.mark.parametrize("tag, shown", [
    (1, IMAGE), (2, IMAGE[:, ::-1]), (3, IMAGE[::-1, ::-1]), (4, IMAGE[::-1]),
    (5, IMAGE.swapaxes(0, 1)), (6, np.rot90(IMAGE, -1)),
    (7, np.rot90(IMAGE, 2).swapaxes(0, 1)), (8, np.rot90(IMAGE))])
def test_orientation_is_honoured(tmp_path, tag, shown):
  exif = b"Exif\0\0II*\0" + struct.pack(
      "<IHHHIIHHI4sI", 8, 2, 0x0112, 3, 1, tag,
      0x0128, 2, 3, b"72", 0)  # Text for a number, which nobody needs.
  fake.write(tmp_path, {"a.png": fake.png(IMAGE, exif=exif)})
  source = open_(tmp_path)
  np.testing.assert_array_equal(source[0]["image"], shown)
  assert source.size(0) == shown.shape[:2]


def test_float_depth_is_metres_and_other_axes_are_turned(tmp_path):
  depth = DEPTH.astype(np.float32)
  depth[0, :2] = np.nan, np.inf
  fake.write(tmp_path, {
      "a.png": fake.png(IMAGE), "a.depth.npy": fake.npy(depth),
      "a.normals.npy": fake.npy(np.full((6, 8, 3), (0, -0.6, -0.8)))})
  scene = open_(tmp_path, normals_axes="+x-y-z")[0]
  np.testing.assert_array_equal(scene["depth"], depth)
  np.testing.assert_allclose(scene["normals"][3, 3], (0, 0.6, 0.8), atol=1e-6)


def test_normals_as_a_picture(tmp_path):
  vectors = np.random.default_rng(0).normal(size=(6, 8, 3))
  vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
  coded = np.round((vectors + 1) * 127.5).astype(np.uint8)
  coded[0] = 0
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "a.normals.png": fake.png(coded)})
  found = open_(tmp_path)[0]["normals"]
  np.testing.assert_array_equal(found[0], 0)
  np.testing.assert_allclose(found[1:], vectors[1:], atol=0.01)
  np.testing.assert_allclose(np.linalg.norm(found[1:], axis=-1), 1, atol=1e-6)


def test_a_source_can_name_the_labels_of_all(tmp_path):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "a.instances.png": fake.png(
      np.full((6, 8), 2, np.uint8))})
  scene = open_(tmp_path, categories=("wall", "floor"))[0]
  assert scene["categories"] == ["wall", "floor"] and scene["instances"].max() == 2
  assert scene["absent"] == ["wall"]  # It may be asked for where it is not.


def test_words_are_without_space_and_marks_and_an_empty_instruction_is_no_edit(tmp_path):
  fake.write(tmp_path, {
      "a.png": fake.png(IMAGE), "a.edited.png": fake.png(IMAGE),
      "a.instruction.txt": "\n", "a.txt": "\ufeffa cat\n", "r.jsonl": fake.jsonl([
          {"image": "a.png", "text": "  ", "instruction": "make it red\n",
           "edited": "a.edited.png"}])})
  scene = open_(tmp_path, kind="folder")[0]
  assert scene["caption"] == "a cat" and scene["edits"] == []
  scene = open_(tmp_path / "r.jsonl")[0]
  assert scene["caption"] == "" and scene["edits"][0][0] == "make it red"


def test_hidden_folders_and_links_in_a_circle_are_left_out(tmp_path):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), ".checkpoints/a.png": b"",
                        "b/c.png": fake.png(IMAGE)})
  (tmp_path / "b" / "up").symlink_to(tmp_path, target_is_directory=True)
  assert len(open_(tmp_path)) == 2


def test_parts_by_percent_share_nothing_and_leave_nothing_out(tmp_path):
  fake.write(tmp_path, {f"{i}.png": fake.png(IMAGE) for i in range(7)})
  for percent in (10, 25, 50, 80):
    head = open_(tmp_path, f"train[:{100 - percent}%]")
    tail = open_(tmp_path, f"train[-{percent}%:]")
    assert len(head) + len(tail) == 7
  with pytest.raises(UserError, match="is empty"):
    open_(tmp_path, "train[-4%:]")


def test_columns_can_be_named(tmp_path):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "r.jsonl": fake.jsonl(
      [{"picture": "a.png", "text": "long", "caption": "short", "depth": "no.png"}])})
  with pytest.raises(UserError, match="columns caption and text could both be"):
    open_(tmp_path, columns={"image": "picture"})
  with pytest.raises(UserError, match="no column for the image among caption, depth"):
    open_(tmp_path, columns={"caption": "text"})
  with pytest.raises(UserError, match="no column 'txt' for columns.caption"):
    open_(tmp_path, columns={"caption": "txt"})
  source = open_(tmp_path, columns={"image": "picture", "caption": "text", "depth": ""})
  assert_scene(source[0], {"image": IMAGE, "caption": "long"})


def test_a_field_of_every_second_row_or_of_one_is_not_lost(tmp_path):
  rows = [{"image": "a.png", "text": "x"},
          {"image": "a.png", "instruction": "y", "edited": "a.png"}] * 300
  rows[301] |= {"where": "one"}
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "r.jsonl": fake.jsonl(rows)})
  source = open_(tmp_path)
  assert source[0]["caption"] == "x" and source[1]["edits"][0][0] == "y"
  assert open_(tmp_path, columns={"caption": "where"})[301]["caption"] == "one"


def test_a_field_of_one_picture_in_hundreds_is_not_lost(tmp_path):
  fake.write(tmp_path, {
      **{f"{i:03}.png": fake.png(IMAGE) for i in range(300)}, "101.txt": "x",
      **{f"{i:03}.json": "{}" for i in range(300)}, "207.json": '{"about": "y"}'})
  assert open_(tmp_path)[101]["caption"] == "x"
  assert open_(tmp_path, columns={"caption": "about"})[207]["caption"] == "y"


@pytest.mark.parametrize("files, options, message", [
    ({"a.png": b"nonsense"}, {}, r"a.png, field 'image', .*not a readable image"),
    ({"a.png": fake.png(IMAGE)[:60]}, {}, r"field 'image'.*not a readable image"),
    ({"a.depth.png": fake.png(np.ones((6, 8), np.uint16))}, {},
     "field 'depth': whole numbers .* set depth_scale"),
    ({"a.depth.npy": fake.npy(-np.ones((6, 8)))}, {}, "48 negative depths"),
    ({"a.depth.npy": fake.npy(np.ones((8, 6)))}, {},
     "8x6 pixels, where the image is shown at 6x8"),
    ({"a.depth.npy": fake.npy(np.ones((6, 8, 3)))}, {}, "give one number a pixel"),
    ({"a.depth.npy": b"\x93NUMPY"}, {}, "field 'depth', .*not a readable .npy"),
    ({"a.depth.npy": fake.npy(np.full((6, 8), "x"))}, {}, "save numbers"),
    ({"a.normals.npy": fake.npy(np.ones((6, 8, 3)))}, {}, "48 vectors longer than 1"),
    ({"a.normals.npy": fake.npy(np.ones((6, 8)))}, {}, "give 3 numbers a pixel"),
    ({"a.normals.npy": fake.npy(np.ones((6, 8, 3), bool))}, {}, "numbers of one bit"),
    ({"a.json": '{"categories": [" "]}'}, {}, "field 'categories': holds"),
    ({"a.depth.npy": npz(np.ones((6, 8)))}, {}, "it holds several arrays"),
    ({"a.instances.npy": fake.npy(np.full((6, 8), 3))}, {"categories": ("x", "y")},
     "label 3, where there are 2 categories"),
    ({"a.instances.npy": fake.npy(np.full((6, 8), -1))}, {}, "label -1"),
    ({"a.instances.npy": fake.npy(np.ones((6, 8)))}, {}, "labels of float64"),
    ({"a.json": '{"categories": "x"}'}, {}, "field 'categories': holds 'x'"),
    ({"a.json": '{"categories": ["x"], "phrases": [["y", [2]]]}'}, {},
     "'y' names label 2, where there are 1"),
    ({"a.json": '{"phrases": [["y"]]}'}, {}, "field 'phrases': holds"),
    ({"a.json": '{"phrases": 3}'}, {}, "field 'phrases': holds 3"),
    ({"a.json": "{"}, {}, r"a.json: not JSON"),
    ({"a.json": "[]"}, {}, r"a.json: a JSON list"),
    ({"a.json": '{"caption": 3}'}, {}, "field 'caption': holds 3; give text"),
    ({"a.txt": b"\xff\xfe\xff"}, {}, "a.txt: cannot be read"),
    ({"a.instruction.txt": "x"}, {}, "field 'edited': is missing beside"),
    ({"a.edited.png": fake.png(IMAGE)}, {}, "field 'instruction': is missing"),
    ({"a.jpg": b""}, {}, "a.png: 'a.jpg' has the same name"),
])
def test_a_bad_field_is_one_line_with_its_place(tmp_path, files, options, message):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), **files})
  with pytest.raises(UserError, match=message) as error:
    open_(tmp_path, **options)[0]
  assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize("row, message", [
    ({"image": "no.png"}, r"r.jsonl line 3, field 'image', .*no.png: no such file"),
    ({"image": None}, "line 3, field 'image': holds None"),
    ({"image": ["a.png"]}, "line 3, field 'image': holds"),
    ({"image": {"bytes": None, "path": None}}, "line 3, field 'image': holds"),
    ({"image": "a.png", "text": ["x"]}, "line 3, field 'caption': holds"),
])
def test_a_bad_row_is_one_line_with_its_number(tmp_path, row, message):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "r.jsonl": fake.jsonl(
      [{"image": "a.png", "text": "fine"}]) + "\n" + fake.jsonl([row])})
  source = open_(tmp_path / "r.jsonl")
  assert source[0]["caption"] == "fine"
  with pytest.raises(UserError, match=message) as error:
    source[1]
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("line, message", [
    (b"{", "r.jsonl line 2: not JSON"), (b"3", "line 2: a JSON int"),
    (b'{"text": "\xff"}', "line 2: cannot be read .* write it in UTF-8")])
def test_a_damaged_row_is_told_when_it_is_opened(tmp_path, line, message):
  fake.write(tmp_path, {"r.jsonl": fake.jsonl([{"image": "a"}]).encode() + line})
  with pytest.raises(UserError, match=message) as error:
    open_(tmp_path)
  assert "\n" not in str(error.value)


def test_parquet_text_that_is_none_is_told_with_its_row(tmp_path):
  table = pyarrow.table({"image": [fake.png(IMAGE)], "text": pyarrow.Array.from_buffers(
      pyarrow.string(), 1, pyarrow.array([b"caf\xe9"], pyarrow.binary()).buffers())})
  pyarrow.parquet.write_table(table, tmp_path / "r.parquet")
  with pytest.raises(UserError, match="r.parquet row 0: not readable"):
    open_(tmp_path)[0]


def test_a_null_is_a_field_that_is_not_there(tmp_path):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE), "r.jsonl": fake.jsonl(
      [{"image": "a.png", "text": "x"}, {"image": "a.png", "text": None}])})
  assert_scene(open_(tmp_path)[1], {"image": IMAGE})


def test_a_bad_parquet_row_has_its_file_and_number(tmp_path):
  pyarrow.parquet.write_table(pyarrow.table(
      {"image": [fake.png(IMAGE), b"x"], "text": ["a", "b"]}), tmp_path / "a.parquet")
  with pytest.raises(UserError, match=r"parquet row 1, field 'image': not a readable"):
    open_(tmp_path)[1]
  (tmp_path / "a.parquet").write_bytes(b"PAR1")
  with pytest.raises(UserError, match="a.parquet: not readable parquet"):
    open_(tmp_path)


def test_files_of_one_folder_must_agree(tmp_path):
  for name in "ab":
    pyarrow.parquet.write_table(
        pyarrow.table({"image": [b"x"], name: [1]}), tmp_path / f"{name}.parquet")
  with pytest.raises(UserError, match="b.parquet: columns image, b, where a.parquet"):
    open_(tmp_path)


@pytest.mark.parametrize("split, message", [
    ("test", "no split 'test'"), ("train[5:]", "is empty: there are 1 records"),
    ("train[x]", "write a name, or a part"), ("train[%:]", "write a name, or a part")])
def test_bad_splits(tmp_path, split, message):
  fake.write(tmp_path, {"a.png": fake.png(IMAGE)})
  with pytest.raises(UserError, match=message):
    open_(tmp_path, split)


def test_splits_that_are_folders_of_data(tmp_path):
  fake.write(tmp_path, {"data/train/r.jsonl": fake.jsonl([{"image": "../../a.png"}]),
                        "a.png": fake.png(IMAGE)})
  assert len(open_(tmp_path)) == 1


def test_nothing_there(tmp_path):
  with pytest.raises(UserError, match="no dataset at"):
    open_(tmp_path)
  with pytest.raises(UserError, match="no dataset at"):
    open_(tmp_path / "x.jsonl", kind="jsonl")
  fake.write(tmp_path, {"x.jsonl": "\n"})
  with pytest.raises(UserError, match="is empty"):
    open_(tmp_path)


@pytest.mark.parametrize("section, message", [
    ({"kind": "csv"}, "kind 'csv': use one of folder"),
    ({"columns": {"imag": "x"}}, "columns.imag: no such field"),
    ({"depth_scale": -1.0}, "depth_scale is -1"),
    ({"normals_axes": "+x+x+z"}, "normals_axes"),
    ({"colums": {}}, "did you mean 'columns'"),
])
def test_options_are_strict(section, message):
  with pytest.raises(UserError, match=message):
    settings.build(pipeline.SourceConfig, {"path": "x", **section}, "config")


def test_own_data_trains_beside_rooms(tmp_path):
  """Through the pipeline: a mixture of a folder and of rooms."""
  fake.write(tmp_path, {
      **{f"{i}.png": fake.png(fake.picture(i, (20, 30))) for i in range(3)},
      **{f"{i}.txt": f"number {i}" for i in range(3)}})
  config = pipeline.DataConfig(
      mixture={"text_to_image@mine": 1, "depth": 1}, size=16, batch_size=4,
      p_drop_prompt=0.0,
      sources={"mine": {"path": str(tmp_path)}, "rooms": {"path": "rooms",
                                                          "split": "train[:4]"}})
  batch = next(pipeline.train_iterator(
      config, lambda prompts: (np.zeros((len(prompts), 1)),) * 2))
  asked = {p for p, t in zip(batch["prompt"], batch["task"])
           if tasks.TASKS[t] == "text_to_image"}
  assert len(batch["task"]) == 4 and any("number" in p for p in asked)


def test_a_folder_of_another_kind_than_said(tmp_path):
  pathlib.Path(tmp_path / "a.jsonl").write_text("")
  with pytest.raises(UserError, match="no split 'train' among its .parquet files"):
    open_(tmp_path, kind="parquet")
