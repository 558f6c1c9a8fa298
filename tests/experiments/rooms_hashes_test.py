"""Hashes of the training recipe: they notice changes and the file is up to date."""

import json

from experiments import rooms_hashes


def test_a_changed_room_is_noticed(tmp_path, monkeypatch):
  monkeypatch.setattr(rooms_hashes, "BLOCK", 20)
  file = tmp_path / "hashes.json"
  file.write_text(json.dumps({"blocks": [rooms_hashes.block(0), "0" * 64]}))
  monkeypatch.setattr(rooms_hashes, "FILE", file)
  assert rooms_hashes.check([0, 1]) == [1]


def test_numbers_count_to_four_decimals(monkeypatch):
  monkeypatch.setattr(rooms_hashes.sampling, "sample",
                      lambda *a: (1.00000001, -1e-17, 2.5, "table"))
  assert rooms_hashes.describe(0) == "(1.0000, -1e-17, 2.5000, 'table')".replace(
      "-1e-17", "0.0000")


def test_the_file_is_of_these_rooms():
  known = json.loads(rooms_hashes.FILE.read_text())
  assert len(known["blocks"]) == rooms_hashes.BLOCKS
  assert rooms_hashes.check([3]) == []
