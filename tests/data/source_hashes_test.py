"""Hashes of a source: of what, and for how long they are kept."""

import os

import numpy as np
import pytest

from tests.data import fake
from tests.data.own import fake as files
from vision_banana.data import fingerprints, leaks, pipeline, source_hashes, sources
from vision_banana.errors import UserError

SIZE = 32
PICTURES = [fake.scene(i, SIZE)["image"] for i in range(6)]
KNOWN, OTHERS = PICTURES[0], PICTURES[1:]


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
  monkeypatch.setenv("VISION_BANANA_HASHES", str(tmp_path / "hashes"))


@pytest.fixture(name="lists")
def _lists(tmp_path):
  """A list that holds the picture `KNOWN` alone."""
  known = fingerprints.HashList("diode", ("k.png",), fingerprints.views(KNOWN)[None])
  (tmp_path / "diode.txt").write_bytes(fingerprints.dump(known))
  return [str(tmp_path / "diode.txt")]


class Counting(fake.Source):
  """Only the pictures, and how often they were read."""

  def __init__(self, count):
    self.scenes = [{"image": fake.scene(i, SIZE)["image"]} for i in range(count)]
    self.reads = 0


def check(lists, path, **options):
  """What training does with a source."""
  place = pipeline.SourceConfig(path=str(path), **options)
  source = sources.open_source(place.path, place.split, place)
  leaks.check_pictures("mine", source, place.path, repr(place), lists)


def refuses(lists, path, **options):
  try:
    check(lists, path, **options)
  except UserError as e:
    return "'k.png' of diode" in str(e)
  return False


def test_they_are_kept_until_a_file_changes(tmp_path):
  folder = tmp_path / "mine"
  folder.mkdir()
  (folder / "a.png").write_bytes(b"1")
  source = Counting(4)
  ask = lambda settings: source_hashes.of("mine", source, str(folder), settings)
  for reads, settings in ((4, "train"), (4, "train"), (8, "test")):
    hashes, records = ask(settings)
    assert source.reads == reads and records.tolist() == [0, 1, 2, 3]
    assert hashes.tolist() == [
        int(fingerprints.perceptual_hash(s["image"])) for s in source.scenes]
  (folder / "a.png").write_bytes(b"22")
  ask("train")
  assert source.reads == 12
  for file in (tmp_path / "hashes").iterdir():
    file.write_bytes(b"broken")
  ask("train")
  assert source.reads == 16


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
  (tmp_path / "file").touch()
  monkeypatch.setenv("VISION_BANANA_HASHES", str(tmp_path / "file" / "below"))
  source_hashes.of("mine", Counting(2), str(tmp_path), "train")
  assert "hashes are not kept" in capsys.readouterr().out


def test_what_is_half_written_does_not_stay(tmp_path, monkeypatch, capsys):
  def full(path, **arrays):
    path.write_bytes(b"half")
    raise OSError(28, "No space left on device")
  monkeypatch.setattr(np, "savez", full)
  kept = tmp_path / "cache"
  monkeypatch.setenv("VISION_BANANA_HASHES", str(kept))
  source_hashes.of("mine", Counting(2), str(tmp_path), "train")
  assert "No space left" in capsys.readouterr().out
  assert not list(kept.iterdir())


def test_another_column_has_hashes_of_its_own(tmp_path, lists):
  files.write(tmp_path / "d", {
      "mine.png": files.png(OTHERS[0]), "bench.png": files.png(KNOWN),
      "rows.jsonl": files.jsonl([{"before": "mine.png", "after": "bench.png"}])})
  assert not refuses(lists, tmp_path / "d", columns={"image": "before"})
  assert refuses(lists, tmp_path / "d", columns={"image": "after"})


@pytest.mark.parametrize("path, name", [
    ("d/rows.jsonl", "a.png"), ("d", "../elsewhere/a.png")])
def test_a_picture_that_rows_name_is_looked_at_again(tmp_path, lists, path, name):
  picture = tmp_path / "d" / name
  files.write(tmp_path / "d", {
      "rows.jsonl": files.jsonl([{"image": name}] * 2), name: files.png(OTHERS[0])})
  assert not refuses(lists, tmp_path / path)
  picture.write_bytes(files.png(KNOWN))
  os.utime(picture, ns=(1, 1))
  assert refuses(lists, tmp_path / path)
  picture.unlink()
  with pytest.raises(UserError, match="no such file"):
    check(lists, tmp_path / path)


def test_hashes_of_rows_are_kept_while_their_pictures_stay(tmp_path, monkeypatch):
  files.write(tmp_path / "d", {"rows.jsonl": files.jsonl([{"image": "../a.png"}]),
                               "../a.png": files.png(KNOWN)})
  source = sources.open_source(str(tmp_path / "d"), "train")
  first = source_hashes.of("mine", source, str(tmp_path / "d"), "")
  monkeypatch.setattr(fingerprints, "hash_all", None)
  again = source_hashes.of("mine", source, str(tmp_path / "d"), "")
  np.testing.assert_array_equal(again, first)


def test_folders_behind_links_are_watched(tmp_path):
  files.write(tmp_path, {"far/part": b"1", "d/other": b"1"})
  (tmp_path / "d" / "link").symlink_to(tmp_path / "far")
  source = Counting(2)
  for content, reads in ((b"1", 2), (b"22", 4)):
    files.write(tmp_path, {"far/part": content})
    os.utime(tmp_path / "far" / "part", ns=(1, 1))
    source_hashes.of("mine", source, str(tmp_path / "d"), "")
    assert source.reads == reads


def test_edited_pictures_are_hashed_under_the_number_of_their_record(tmp_path, lists):
  files.write(tmp_path / "d", {
      f"{i}.png": files.png(picture) for i, picture in enumerate(OTHERS[:4])})
  files.write(tmp_path / "d", {
      "0.edited.png": files.png(OTHERS[4]), "0.instruction.txt": "x",
      "2.edited.png": files.png(KNOWN), "2.instruction.txt": "x"})
  for _ in range(2):  # Computed, then kept.
    with pytest.raises(UserError, match="a picture of record 2 is .* 1 such records"):
      check(lists, tmp_path / "d")
