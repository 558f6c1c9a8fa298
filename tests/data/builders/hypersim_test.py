"""HyperSim: the geometry of its files, and what is read from its layout."""

import shutil

import numpy as np
import pytest

from tests.data.builders import layouts
from vision_banana.data.builders import hypersim
from vision_banana.errors import UserError


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("hypersim")
  return folder, layouts.hypersim(folder, dtype=np.float32)


def _read_all(folder, split="train"):
  return {f.key: hypersim.read(f) for f in hypersim.records(folder, split)}


@pytest.mark.parametrize("matrix", [layouts.PINHOLE, layouts.TILTED,
                                    layouts.TILTED * 2.5])
def test_planes_through_any_lens_have_their_depth(matrix):
  truth = layouts.room(matrix, 30, 41)
  directions = hypersim.rays(matrix, 30, 41)
  depth = hypersim.planar_depth(truth["distance"].astype(np.float32), directions)
  assert np.abs(depth / truth["depth"] - 1).max() < 1e-6


def test_a_constant_focal_length_would_be_wrong():
  truth = layouts.room(layouts.TILTED, 30, 40)
  directions = hypersim.rays(layouts.PINHOLE, 30, 40)
  depth = hypersim.planar_depth(truth["distance"], directions)
  assert np.abs(depth / truth["depth"] - 1).max() > 0.04


def test_splits_are_the_official_ones(made):
  folder, truth = made
  assert [f.key for f in hypersim.records(folder, "train")] == [
      k for k in truth if k.startswith("ai_001_001")]
  assert [f.key for f in hypersim.records(folder, "test")] == ["ai_002_003/cam_00/0000"]
  assert not hypersim.records(folder, "val")


def test_depth_and_normals_are_the_planes(made):
  folder, truth = made
  for key, scene in _read_all(folder).items():
    want = truth[key]
    assert scene["depth"].dtype == scene["normals"].dtype == np.float32
    np.testing.assert_array_equal(np.isnan(scene["depth"]), ~want["valid"])
    error = np.abs(scene["depth"] / want["depth"] - 1)[want["valid"]]
    assert error.max() < 1e-4
    # Planes seen from behind are turned to the viewer.
    np.testing.assert_allclose(scene["normals"], want["normals"], atol=1e-6)


def test_float16_files_are_as_exact_as_float16(tmp_path):
  truth = layouts.hypersim(tmp_path)
  for key, scene in _read_all(tmp_path).items():
    error = np.abs(scene["depth"] / truth[key]["depth"] - 1)[truth[key]["valid"]]
    assert 1e-5 < error.max() < 2**-11 + 1e-6


def test_classes_and_instances(made):
  folder, truth = made
  for key, scene in _read_all(folder).items():
    want = truth[key]
    names = np.array(["", *scene["categories"]], dtype=object)[scene["instances"]]
    np.testing.assert_array_equal(names, want["classes"])
    assert scene["categories"].count("picture") == 2
    assert scene["categories"].count("wall") == 1
    pictures = want["classes"] == "picture"
    pairs = set(zip(scene["instances"][pictures].tolist(),
                    want["instance"][pictures].tolist()))
    assert len(pairs) == 2 and len({b for _, b in pairs}) == 2
    assert scene["instances"].max() == len(scene["categories"])


def test_tone_mapping_puts_the_90th_percentile_at_four_fifths(made):
  folder, truth = made
  for key, scene in _read_all(folder).items():
    color, valid = truth[key]["color"], truth[key]["valid"]
    brightness = (.3 * color[..., 0] + .59 * color[..., 1] + .11 * color[..., 2])[valid]
    scale = .8**2.2 / np.percentile(brightness, 90)
    want = np.clip((scale * color)**(1 / 2.2), 0, 1) * 255
    assert np.abs(scene["image"] - want).max() < 0.51


def test_pictures_without_light_or_valid_pixels():
  dark = np.full((4, 4, 3), 1e-6, np.float16)
  assert not hypersim.tone_map(dark, np.ones((4, 4), bool)).any()
  lit = np.full((4, 4, 3), np.inf, np.float16)
  assert (hypersim.tone_map(lit, np.zeros((4, 4), bool)) == 255).all()


def test_a_scene_without_any_unnamed_pixel():
  ids, names = hypersim._instances(np.array([[1, 2]]), np.array([[-1, 3]]))
  assert ids.tolist() == [[1, 2]] and names == ["wall", "floor"]


@pytest.mark.parametrize("break_it,message", [
    (lambda p: p.unlink(), "depth_meters.hdf5: is missing"),
    (lambda p: p.write_bytes(p.read_bytes()[:900]), "depth_meters.hdf5: is no whole"),
    (lambda p: p.write_bytes(b"x"), "depth_meters.hdf5: is no whole"),
])
def test_a_bad_file_is_named(made, tmp_path, break_it, message):
  folder = tmp_path / "hypersim"
  shutil.copytree(made[0], folder)
  frame = hypersim.records(folder, "train")[0]
  break_it(next((folder / "ai_001_001").rglob("frame.0000.depth_meters.hdf5")))
  with pytest.raises(UserError, match=message):
    hypersim.read(frame)


def test_bad_tables_are_named(made, tmp_path, capsys):
  folder = tmp_path / "hypersim"
  shutil.copytree(made[0], folder)
  shutil.rmtree(folder / "ai_002_003")
  assert hypersim.records(folder, "test") == []
  assert "hypersim test: 0 of 1 scenes" in capsys.readouterr().out
  table = folder / "metadata_camera_parameters.csv"
  table.write_text(table.read_text().replace("ai_001_001", "ai_001_002"))
  with pytest.raises(UserError, match="lacks a column, scene or number .'ai_001_001'"):
    hypersim.records(folder, "train")
  table.write_text(table.read_text() + '"cut')
  with pytest.raises(UserError, match="parameters.csv: is no whole"):
    hypersim.records(folder, "train")
  table.unlink()
  with pytest.raises(UserError, match="parameters.csv: is missing; it is in contrib"):
    hypersim.records(folder, "train")
