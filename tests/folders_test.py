"""A folder is there whole or as it was, whenever the write of it ends."""

import os

import pytest

from vision_banana import folders
from vision_banana.errors import UserError


def write(path, text, replace=True):
  with folders.whole(str(path), replace=replace) as made:
    with open(os.path.join(made, "a"), "w", encoding="utf-8") as file:
      file.write(text)


def test_it_is_made_and_replaced(tmp_path):
  write(tmp_path / "b" / "model", "1")
  write(tmp_path / "b" / "model", "2")
  assert (tmp_path / "b/model/a").read_text() == "2"
  assert os.listdir(tmp_path / "b") == ["model"]
  with pytest.raises(UserError, match="model: exists"):
    write(tmp_path / "b" / "model", "3", replace=False)


def test_an_error_inside_leaves_what_was_there(tmp_path):
  write(tmp_path / "model", "1")
  with pytest.raises(RuntimeError):
    with folders.whole(str(tmp_path / "model"), replace=True):
      raise RuntimeError
  assert os.listdir(tmp_path) == ["model"]


def test_what_killed_writes_left_goes_with_the_next(tmp_path):
  write(tmp_path / "model", "1")
  for name in (".new-model-abcd_123", ".new-model-x2345678.old", ".new-model-b-abcd1234",
               ".new-other-abcd1234"):
    (tmp_path / name).mkdir()
  write(tmp_path / "model", "2")
  assert sorted(os.listdir(tmp_path)) == [
      ".new-model-b-abcd1234", ".new-other-abcd1234", "model"]


def test_killed_between_two_names_it_comes_back(tmp_path):
  write(tmp_path / ".new-model-abcd1234.old", "1")
  with pytest.raises(RuntimeError):
    with folders.whole(str(tmp_path / "model"), replace=True):
      assert (tmp_path / "model/a").read_text() == "1"
      raise RuntimeError
  assert os.listdir(tmp_path) == ["model"]


def test_a_new_one_that_cannot_take_the_place_leaves_the_old(tmp_path, monkeypatch):
  write(tmp_path / "model", "1")
  rename = os.rename

  def refuse(old, new):
    if new == str(tmp_path / "model") and not old.endswith(".old"):
      raise OSError(28, "No space left on device")
    rename(old, new)
  monkeypatch.setattr(os, "rename", refuse)
  with pytest.raises(UserError, match="model: cannot be written .No space left"):
    write(tmp_path / "model", "2")
  assert os.listdir(tmp_path) == ["model"]
  assert (tmp_path / "model/a").read_text() == "1"
