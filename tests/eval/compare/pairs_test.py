"""Pairs out of folders of every kind, and what cannot be paired."""

import json

import pytest

from tests.eval.compare import folders
from vision_banana.errors import UserError
from vision_banana.eval.compare import pairs

STEMS = ("p0", "p1", "p2")


def test_what_predict_writes(tmp_path):
  found = folders.two(tmp_path, 3, edits=True)
  assert [i.name for i in found.items] == list(STEMS) and not found.left_out
  item = found.items[1]
  assert item.prompt == "a p1 mug" and item.input == tmp_path / "input.png"
  assert (item.a.parent.name, item.b.parent.name) == ("first", "second")


def test_what_eval_writes(tmp_path):
  inputs = tmp_path / "inputs"
  for stem in STEMS[:2]:
    folders.picture(inputs / f"{stem}.jpg", folders.INPUT)
  a = folders.evaluated(tmp_path / "a", folders.A, STEMS)
  b = folders.evaluated(tmp_path / "b", folders.B, STEMS)
  found = pairs.read(a, b)
  assert [(i.prompt, i.input) for i in found.items] == [
      (f"a {s} mug", None) for s in STEMS]
  assert not found.left_out  # Not even the second samples.
  found = pairs.read(a, b, inputs=inputs)
  assert [i.input.name for i in found.items] == ["p0.jpg", "p1.jpg"]
  assert found.left_out == (f"1 without an input in {inputs}, for example 'p2'",)


def test_an_edit_whose_input_is_gone_is_left_out(tmp_path):
  folders.two(tmp_path, 2, edits=True)
  first, second = tmp_path / "first", tmp_path / "second"
  about = json.loads((first / "p0.json").read_text())
  for folder in (first, second):
    (folder / "p0.json").write_text(json.dumps({**about, "image": "moved/input.png"}))
  found = pairs.read(first, second)
  assert [i.name for i in found.items] == ["p1"]
  assert found.left_out == (
      "1 whose input is not there (give --inputs DIR), for example 'p0'",)
  (tmp_path / "input.png").rename(tmp_path / "p0.png")
  with pytest.raises(UserError, match="2 whose input is not there .give --inputs DIR"):
    pairs.read(first, second)
  inputs = tmp_path / "inputs"
  folders.picture(inputs / "p0.png", folders.INPUT)
  assert [i.input for i in pairs.read(first, second, inputs=inputs).items] == [
      inputs / "p0.png"]


@pytest.mark.parametrize("name, text", [
    ("p.json", json.dumps({"p0": "x", "p2": "y"})),
    ("p.jsonl", '{"name": "p0", "prompt": "x"}\n\n{"name": "p2", "prompt": "y"}\n')])
def test_prompts_of_a_file(tmp_path, name, text):
  for folder in ("a", "b"):
    for stem in STEMS:
      folders.picture(tmp_path / folder / f"{stem}.webp", folders.A)
  (tmp_path / name).write_text(text)
  found = pairs.read(tmp_path / "a", tmp_path / "b", prompts=tmp_path / name)
  assert [(i.name, i.prompt) for i in found.items] == [("p0", "x"), ("p2", "y")]
  assert found.left_out == ("1 without a prompt, for example 'p1'",)


def test_what_has_no_partner_or_is_damaged_is_told(tmp_path):
  a = folders.predicted(tmp_path / "a", folders.A, ("p0", "p1", "p2", "x1", "x2"))
  b = folders.predicted(tmp_path / "b", folders.B, ("p0", "p1", "p2", "y"))
  data = (b / "p1.png").read_bytes()
  (b / "p1.png").write_bytes(data[:len(data) // 2])
  found = pairs.read(a, b)
  assert [i.name for i in found.items] == ["p0", "p2"]
  assert found.left_out[:2] == (f"2 only in {a}, for example 'x1'",
                                f"1 only in {b}, for example 'y'")
  assert f"{b / 'p1.png'}: not a readable image" in found.left_out[2]


def test_the_digest_is_of_all_that_is_shown(tmp_path):
  digests = {folders.two(tmp_path, 1, edits=True).items[0].digest}
  for change in (lambda: folders.picture(tmp_path / "first/p0.png", (1, 2, 3)),
                 lambda: folders.picture(tmp_path / "second/p0.png", (1, 2, 3)),
                 lambda: folders.picture(tmp_path / "input.png", (1, 2, 3))):
    change()
    digests.add(pairs.read(tmp_path / "first", tmp_path / "second").items[0].digest)
  digests.add(pairs.read(tmp_path / "second", tmp_path / "first").items[0].digest)
  (tmp_path / "p.json").write_text('{"p0": "other words"}')
  digests.add(pairs.read(tmp_path / "first", tmp_path / "second",
                         prompts=tmp_path / "p.json").items[0].digest)
  # With equal pictures on both sides, swapping the folders changes nothing.
  assert len(digests) == 5


def test_two_prompts_for_one_pair(tmp_path):
  a = folders.predicted(tmp_path / "a", folders.A, STEMS)
  b = folders.predicted(tmp_path / "b", folders.B, STEMS, "another {}")
  with pytest.raises(UserError, match="p0: .*'a p0 mug'.*'another p0'"):
    pairs.read(a, b)


@pytest.mark.parametrize("name, text, words", [
    ("p.json", "{", "cannot be read as JSON"), ("p.json", "[]", "not a JSON object"),
    ("p.json", '{"p0": 3}', "one prompt"), ("p.jsonl", '{"name": "p0"}', "line 1"),
    ("p.jsonl", "\n[1]", "line 2"), ("p.jsonl", '{"name": "a", "prompt": 1}', "one p")])
def test_bad_files_of_prompts(tmp_path, name, text, words):
  folders.two(tmp_path)
  (tmp_path / name).write_text(text)
  with pytest.raises(UserError, match=words):
    pairs.read(tmp_path / "first", tmp_path / "second", prompts=tmp_path / name)


def test_folders_that_make_no_pair(tmp_path):
  folders.two(tmp_path)
  first, second = tmp_path / "first", tmp_path / "second"
  (tmp_path / "empty").mkdir()
  for a, b, words in ((first, tmp_path / "nowhere", "nowhere: No such file"),
                      (first, first, "the same folder twice"),
                      (first, tmp_path / "empty", "no pair to compare")):
    with pytest.raises(UserError, match=words):
      pairs.read(a, b)
  with pytest.raises(UserError, match="no.jsonl: No such file"):
    pairs.read(first, second, prompts=tmp_path / "no.jsonl")
  (second / "p0.json").write_text("{")
  with pytest.raises(UserError, match="p0.json: cannot be read"):
    pairs.read(first, second)
  folders.picture(second / "p0.webp", folders.B)
  with pytest.raises(UserError, match="p0.png and p0.webp have one name"):
    pairs.read(first, second)
