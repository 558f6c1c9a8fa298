"""Rendering a data set: what is written, resuming, refusing."""

import pickle

import numpy as np
import pytest
import tensorflow_datasets as tfds

from vision_banana.data.builders import rooms
from vision_banana.data.rooms import backend
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import generate
from vision_banana.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:no asset library")


@pytest.fixture(autouse=True)
def _plain(tmp_path, monkeypatch):
  monkeypatch.setenv("VISION_BANANA_ASSETS", str(tmp_path / "no assets"))
  monkeypatch.setattr(backend, "variant", lambda: "scalar_rgb")


def render(out, **kwargs):
  settings = dict(num=2, size=16, workers=1, seed=7, num_edits=1, spp=1)
  return generate.render_dataset(out=out, **dict(settings, **kwargs))


def test_renders_resumes_and_repeats_itself(tmp_path, monkeypatch):
  out = render(tmp_path / "a" / "rooms")
  assert [p.name for p in out.parent.iterdir()] == ["rooms"]  # Nothing left behind.
  source = tfds.builder_from_directory(out).as_data_source(split="train")
  scenes = {s["caption"]: s for s in map(rooms.decode, source)}
  assert len(scenes) == 2
  for scene in scenes.values():
    assert scene["image"].shape == (16, 16, 3) and len(scene["edits"]) == 1
    assert len(scene["categories"]) >= scene["instances"].max()
    np.testing.assert_array_equal(np.isfinite(scene["depth"]), scene["instances"] > 0)
    assert scene["edit_kinds"][0] in edits.KINDS

  # An interrupted run had finished the first room: only the other is drawn.
  partial = tmp_path / "b" / "rooms.partial"
  partial.mkdir(parents=True)
  kept = next(s for s in scenes.values())
  (partial / "00000007.room").write_bytes(pickle.dumps(rooms.encode(kept)))
  done = []
  monkeypatch.setattr(generate, "results", lambda jobs, workers, initial: iter(
      done.append(seed) or generate._write(
          tmp_path / "b" / path, rooms.encode(kept)) for seed, path in jobs))
  render(tmp_path / "b" / "rooms")
  assert done == [8]


def test_failing_worker_is_an_error_not_a_hang(tmp_path):
  with pytest.raises(UserError, match="negative|split"):
    list(generate.results([(-1, str(tmp_path / "x"))], 1,
                           ("scalar_rgb", 16, "train", 0, 1, None)))


@pytest.mark.parametrize("change,message", [
    (dict(num=0), "num=0 is too small"), (dict(size=8), "size=8"),
    (dict(workers=0), "workers=0"), (dict(num_edits=9), "num_edits=9 is too many"), (dict(split="val"), "'val' is unknown")])
def test_bad_numbers_are_refused(tmp_path, change, message):
  with pytest.raises(UserError, match=message):
    render(tmp_path / "rooms", **change)
  assert not list(tmp_path.iterdir())


def test_without_a_renderer_or_a_place_nothing_is_written(tmp_path, monkeypatch):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="file/rooms.partial: cannot be written"):
    render(tmp_path / "file" / "rooms")
  def none():
    raise UserError("mitsuba is not installed")
  monkeypatch.setattr(backend, "variant", none)
  with pytest.raises(UserError, match="mitsuba"):
    render(tmp_path / "rooms")
  assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_existing_directory_is_kept(tmp_path):
  (tmp_path / "rooms").mkdir()
  with pytest.raises(UserError, match="rooms exists: delete it"):
    render(tmp_path / "rooms")


def test_rooms_of_other_settings_are_not_mixed(tmp_path):
  partial = tmp_path / "rooms.partial"
  partial.mkdir()
  (partial / "settings.txt").write_text("(64, 'train', 2, 8, 0)")
  with pytest.raises(UserError, match="holds rooms of other settings"):
    render(tmp_path / "rooms")
