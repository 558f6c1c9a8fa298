"""What is broken is named with its reason; the rest is scored; the row counts."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.eval.datasets import fake_painter
from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, evaluator, paper_table, tables
from vision_banana.eval.datasets import plain_pickle


@pytest.fixture
def data(layouts, tmp_path):
  """A copy to break, of one benchmark."""
  def copy(*folders):
    for folder in folders:
      shutil.copytree(layouts / folder, tmp_path / "data" / folder)
    return tmp_path / "data"
  return copy


def _evaluate(name, data, out, painter=None):
  return evaluator.evaluate([painter or fake_painter.Nonsense()], benchmarks.get(name),
                            out, data=data, log=lambda line: None).results


def _one_left_out(results, reason):
  task = results["tasks"][0]
  lost = task["left_out"]["nonsense"]
  assert (task["n"], task["asked"], lost["count"]) == (1, 2, 1)
  assert reason in lost["reasons"][0]
  assert "1 of 2 left out" in tables.text(results)
  assert task["rows"][0]["values"]["nonsense"] is not None


def test_a_truncated_picture(data, tmp_path):
  root = data("cityscapes")
  path = next(root.glob("cityscapes/leftImg8bit/val/munster/*.png"))
  path.write_bytes(path.read_bytes()[:60])
  _one_left_out(_evaluate("cityscapes", root, tmp_path),
                f"{path}: not a readable image")


def test_a_label_of_another_size(data, tmp_path):
  root = data("cityscapes")
  path = next(root.glob("cityscapes/gtFine/val/munster/*.png"))
  Image.fromarray(np.zeros((5, 6), np.uint8)).save(path)
  _one_left_out(_evaluate("cityscapes", root, tmp_path), f"{path}: is 5x6 but")


def test_a_missing_truth(data, tmp_path):
  root = data("diode")
  path = next(root.glob("diode/**/*_depth.npy"))
  path.unlink()
  _one_left_out(_evaluate("diode_depth", root, tmp_path), f"{path}: no such file")


@pytest.mark.parametrize("shape", [(48, 63, 1), (47, 64, 1), (48, 64, 2), (9,), ()])
@pytest.mark.parametrize("task, what", [("depth", "depth"), ("depth", "depth_mask"),
                                        ("normals", "normal")])
def test_an_array_of_another_shape(task, what, shape, data, tmp_path):
  root = data("diode")
  path = next(root.glob(f"diode/**/*_{what}.npy"))
  np.save(path, np.ones(shape, np.float32))
  _one_left_out(_evaluate(f"diode_{task}", root, tmp_path), f"{path}: ")


@pytest.mark.parametrize("content", [
    b"", b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64)])
def test_a_split_that_is_no_readable_mat_file(content, data):
  root = data("nyuv2")
  (root / "nyuv2/splits.mat").write_bytes(content)
  with pytest.raises(UserError, match="splits.mat: no readable testNdxs"):
    benchmarks.get("nyu_depth").open(root)
  assert "nyu_depth" in benchmarks.find(root)[1]


def test_a_truncated_array(data, tmp_path):
  root = data("diode")
  path = next(root.glob("diode/**/*_normal.npy"))
  path.write_bytes(path.read_bytes()[:200])
  _one_left_out(_evaluate("diode_normals", root, tmp_path),
                f"{path}: not a readable array")


def test_a_depth_without_its_picture(data, tmp_path):
  root = data("eth3d")
  path = next(root.glob("eth3d/office/**/images/dslr_images/*.JPG"))
  path.unlink()
  _one_left_out(_evaluate("eth3d", root, tmp_path), "missing picture")


@pytest.mark.parametrize("shape, reason", [
    ({"label": "target", "points": []}, "no corners of a shape"),
    ({"label": "target"}, "no 'points'"), ({"points": [[0, 0], [5, 0], [5, 5]]}, "no 'label'")])
def test_a_shape_that_is_none(shape, reason, data, tmp_path):
  root = data("ReasonSeg")
  path = sorted(root.glob("ReasonSeg/val/*.json"))[0]
  about = json.loads(path.read_text())
  path.write_text(json.dumps(about | {"shapes": [shape]}))
  _one_left_out(_evaluate("reasonseg", root, tmp_path), f"{path}: {reason} in an entry")


def test_a_depth_of_another_picture(data, tmp_path):
  root = data("eth3d")
  path = next(root.glob("eth3d/office/ground_truth_depth/**/*.JPG"))
  path.write_bytes(path.read_bytes()[:-4])
  _one_left_out(_evaluate("eth3d", root, tmp_path),
                "3071 values for a picture of 48x64")


@pytest.mark.parametrize("name,folder,path", [
    ("nyu_depth", "nyuv2", "splits.mat"), ("ibims", "ibims1", "imagelist.txt"),
    ("refcocog", "refcocog", "instances.json"), ("genai_bench", "genai_bench",
                                                 "genai_image.json"),
    ("nuscenes", "nuscenes", "v1.0-trainval/ego_pose.json")])
def test_a_missing_split_file(name, folder, path, data, tmp_path):
  root = data(folder, *(["train2014"] if name == "refcocog" else []))
  (root / folder / path).unlink()
  with pytest.raises(UserError, match=path.rsplit("/", 1)[-1]):
    _evaluate(name, root, tmp_path)


@pytest.mark.parametrize("name,folder,path,key", [
    ("genai_bench", "genai_bench", "genai_image.json", "prompt"),
    ("imgedit", "imgedit", "basic_edit.json", "edit_type"),
    ("reasonseg", "ReasonSeg", "val/0.json", "shapes"),
    ("saco", "saco_gold", "gt-annotations/gold_crowded_merged_a_release_test.json",
     "text_input")])
def test_an_entry_without_what_is_read_of_it(name, folder, path, key, data, tmp_path):
  file = data(folder) / folder / path
  text = file.read_text()
  assert f'"{key}"' in text
  file.write_text(text.replace(f'"{key}"', '"other"'))
  reason = f"{path.rsplit('/', 1)[-1]}: no '{key}' in an entry"
  if name == "saco":  # The other subsets are scored.
    assert reason in tables.text(_evaluate(name, tmp_path / "data", tmp_path))
  else:
    with pytest.raises(UserError, match=reason):
      _evaluate(name, tmp_path / "data", tmp_path)


@pytest.mark.parametrize("name,folders,pattern", [
    ("saco", ["saco_gold"], "saco_gold/**/*.jpg"),
    ("refcocog", ["refcocog", "train2014"], "train2014/*.jpg")])
def test_a_picture_of_another_size_than_its_annotation(name, folders, pattern, data,
                                                       tmp_path):
  root = data(*folders)
  path = next(p for p in sorted(root.glob(pattern)) if p.is_file())
  Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(path)
  task = _evaluate(name, root, tmp_path)["tasks"][0]
  lost = task["left_out"]["nonsense"]
  assert lost["count"] + task["n"] == task["asked"] and task["n"] >= 1
  assert f"{path}: is 7x9" in lost["reasons"][0]


def test_a_missing_annotator_leaves_out_the_subset(data, tmp_path):
  root = data("saco_gold")
  path = root / "saco_gold/gt-annotations/gold_crowded_merged_b_release_test.json"
  path.unlink()
  results = _evaluate("saco", root, tmp_path)
  assert results["tasks"][0]["n"] == 18
  assert "crowded is left out" in tables.text(results)
  rows = {r["metric"]: r["values"]["nonsense"] for r in results["tasks"][0]["rows"]}
  assert rows["cgF1 crowded"] is None and rows["cgF1 fg_food"] is not None
  # A mean of six is not the benchmark's number, and the table says what is missing.
  assert rows["cgF1"] is rows["IL_MCC"] is rows["positive_micro_F1"] is None
  assert "crowded is left out" in paper_table.render([results], ".md")


class _Runs:
  """A pickle that would run a command."""

  def __reduce__(self):
    return os.system, ("touch pickle_ran",)


@pytest.mark.parametrize("payload,reason", [
    (pickle.dumps([{"split": _Runs()}]), "system"),
    (pickle.dumps(np.zeros(2)), "numpy"), (b"\x80\x02]q\x00(", "not a pickle"),
    (b"", "not a pickle")])
def test_a_refs_file_that_is_not_plain_data(payload, reason, data, tmp_path,
                                            monkeypatch):
  monkeypatch.chdir(tmp_path)
  root = data("refcocog", "train2014")
  path = root / "refcocog/refs(umd).p"
  path.write_bytes(payload)
  with pytest.raises(UserError, match="refs") as caught:
    _evaluate("refcocog", root, tmp_path)
  assert reason in str(caught.value) and not (tmp_path / "pickle_ran").exists()


def test_plain_data_loads_whatever_python_wrote_it(tmp_path):
  value = [{"a": 1, "b": ["x", (2.5, None, True)], "c": b"\xe9"}]
  for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    (tmp_path / "p").write_bytes(pickle.dumps(value[0]["b"], protocol))
    assert plain_pickle.read(tmp_path / "p") == value[0]["b"]
  # Python 2 wrote text as bytes.
  (tmp_path / "p").write_bytes(b"\x80\x02U\x03caf\xe9."[:2] + b"U\x04caf\xe9.")
  assert plain_pickle.read(tmp_path / "p") == "café"


def test_predictions_of_another_model(layouts, tmp_path):
  _evaluate("ibims", layouts, tmp_path)
  folder = next(tmp_path.glob("predictions/ibims/depth/*"))
  with pytest.raises(UserError, match=f"{'b' * 16}, not of {'c' * 16}"):
    evaluator.rescore(tmp_path, fingerprint="c" * 16)
  # One answer of another model among them is left out.
  path = folder / "kitchen_02.json"
  path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "c" * 16}))
  results, = (e.results for e in evaluator.rescore(tmp_path, log=lambda line: None))
  _one_left_out(results, f"predicted by the model {'c' * 16}")
  # A folder that says it is another model's is not painted into.
  about = json.loads((folder / "protocol.json").read_text())
  (folder / "protocol.json").write_text(json.dumps({**about, "fingerprint": "c" * 16}))
  with pytest.raises(UserError, match="holds predictions of fingerprint"):
    _evaluate("ibims", layouts, tmp_path)


def test_a_truncated_prediction(layouts, tmp_path):
  _evaluate("ibims", layouts, tmp_path)
  path = next(tmp_path.glob("predictions/ibims/depth/*/kitchen_02.png"))
  path.write_bytes(path.read_bytes()[:50])
  results, = (e.results for e in evaluator.rescore(tmp_path, log=lambda line: None))
  _one_left_out(results, "not a readable image")


def test_predictions_of_other_data(layouts, data, tmp_path):
  _evaluate("ibims", layouts, tmp_path)
  root = data("ibims1")
  (root / "ibims1/imagelist.txt").write_text("corridor_01\n")
  with pytest.raises(UserError, match="other questions"):
    evaluator.rescore(tmp_path, data=root)
  with pytest.raises(UserError, match="no protocol.json"):
    evaluator.rescore(root)


def test_a_prompt_that_the_model_does_not_read_is_left_out(layouts, tmp_path):
  results = _evaluate("genai_bench", layouts, tmp_path, fake_painter.Nonsense(500))
  task = results["tasks"][0]
  assert task["n"] == 2 and task["left_out"]["nonsense"]["count"] == 1
  assert "too long a prompt" in task["left_out"]["nonsense"]["reasons"][0]
