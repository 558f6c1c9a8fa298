"""The asset cache: round trip, missing, damaged, downloads that fail."""

import subprocess

import numpy as np
import pytest

from tests.data.rooms import fake_room
from vision_banana.data.rooms import assets
from vision_banana.errors import UserError


def test_cache_round_trip(tmp_path):
  assets.save(fake_room.LIBRARY, tmp_path)
  again = assets.library(tmp_path)
  assert again.meshes["cube"].info == fake_room.LIBRARY.meshes["cube"].info
  for part, expected in zip(again.meshes["cube"].parts,
                            fake_room.LIBRARY.meshes["cube"].parts, strict=True):
    for key in ("vertices", "normals", "uvs", "faces", "rgb"):
      np.testing.assert_array_equal(getattr(part, key), getattr(expected, key))
    assert (part.texture is None) == (expected.texture is None)
  np.testing.assert_array_equal(again.meshes["cube"].parts[0].texture,
                                fake_room.LIBRARY.meshes["cube"].parts[0].texture)
  kind, image = again.textures["quarters"]
  assert kind == "floor"
  np.testing.assert_array_equal(image, fake_room.LIBRARY.textures["quarters"][1])
  np.testing.assert_array_equal(again.environments["sky"],
                                fake_room.LIBRARY.environments["sky"])
  assert [p.name for p in tmp_path.iterdir()] == [assets.FILE]


def test_catalog_lists_names_by_kind():
  catalog = assets.catalog(fake_room.LIBRARY)
  assert set(catalog.meshes) == {"cube", "cone"}
  assert catalog.meshes["cube"] == assets.MeshInfo("cube", (1.0, 1.0, 2.0), "table")
  assert catalog.textures == {"floor": ("quarters",), "wall": (), "table": (),
                              "picture": ()}
  assert catalog.environments == ("sky",)


def test_missing_library_warns_and_is_empty(tmp_path):
  with pytest.warns(UserWarning, match="rooms will be plain primitives"):
    assert assets.library(tmp_path) == assets.Library({}, {}, {})


def test_cache_directory_comes_from_the_environment(tmp_path, monkeypatch):
  monkeypatch.setenv("VISION_BANANA_ASSETS", str(tmp_path))
  assert assets.save(fake_room.LIBRARY) == tmp_path / assets.FILE


def test_damaged_library_is_named(tmp_path):
  file = assets.save(fake_room.LIBRARY, tmp_path)
  whole = file.read_bytes()
  overwritten = whole[:100] + bytes(8) + whole[108:]
  for damaged in (whole[:2000], overwritten, b""):
    file.write_bytes(damaged)
    with pytest.raises(UserError, match="assets-1.npz is damaged .* delete it"):
      assets.library(tmp_path)


def test_failed_download_gives_pips_reason(tmp_path, monkeypatch):
  def run(command, **kwargs):
    raise subprocess.CalledProcessError(1, command, stderr="x\nERROR: No network\n")
  monkeypatch.setattr(subprocess, "run", run)
  with pytest.raises(UserError, match="cannot download robosuite==.*: ERROR: No netw"):
    assets.fetch(tmp_path)
  assert not list(tmp_path.iterdir())
