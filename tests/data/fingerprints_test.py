"""Perceptual hashes: the same picture is found, others are not."""

import io

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as pictures

from vision_banana.data import augment, fingerprints, sources
from vision_banana.data.pictures import read_rgb
from vision_banana.errors import UserError

PHOTOS = {name: getattr(pictures, name)() for name in (
    "astronaut", "coffee", "chelsea", "rocket")}


@pytest.fixture(scope="module", name="rooms")
def _rooms():
  source = sources.open_source("rooms", "train[:200]")
  return [source[i]["image"] for i in range(len(source))]


def jpeg(image, quality):
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, "JPEG", quality=quality)
  return np.asarray(Image.open(buffer))


def scaled(image, factor):
  height, width = image.shape[:2]
  return np.asarray(Image.fromarray(image).resize(
      (round(width * factor), round(height * factor)), Image.Resampling.BICUBIC))


def distance(image, original):
  bits = np.bitwise_count(
      fingerprints.perceptual_hash(image) ^ fingerprints.views(original))
  return int(bits.min())


def test_the_hash_is_the_signs_of_the_lowest_frequencies():
  rng = np.random.default_rng(0)
  image = np.repeat(rng.integers(0, 256, (32, 32, 1), dtype=np.uint8), 3, -1)
  basis = scipy.fft.dct(np.eye(32), axis=0, norm="ortho")
  spectrum = basis @ image[..., 0] @ basis.T
  order = sorted(((i, j) for i in range(32) for j in range(32)),
                 key=lambda p: (p[0] + p[1], p))[1:65]
  low = np.array([spectrum[p] for p in order])
  want = sum(1 << 63 - k for k in range(64) if low[k] > np.median(low))
  assert int(fingerprints.perceptual_hash(image)) == want
  assert want.bit_count() == 32


@pytest.mark.parametrize("name", PHOTOS)
def test_copies_of_photographs_are_found(name):
  photo = PHOTOS[name]
  height, width = photo.shape[:2]
  for copy in (jpeg(photo, 30), scaled(photo, .25), scaled(photo, 1.7),
               jpeg(scaled(photo, .3), 40),
               augment.resize({"image": photo}, (64, 64))["image"],
               photo[height // 50:, width // 50:],
               photo[height // 30:-height // 30, width // 30:-width // 30],
               (photo * .8 + 20).astype(np.uint8)):
    assert distance(copy, photo) <= fingerprints.THRESHOLD


@given(st.integers(0, 10_000), st.floats(.97, 1), st.floats(0, 1), st.floats(0, 1),
       st.floats(.5, 1.5), st.integers(50, 95))
@settings(max_examples=60, deadline=None)
def test_cropped_resized_and_compressed_rooms_are_found(rooms, i, keep, x, y, f, q):
  room = rooms[i % len(rooms)]
  edge = round(keep * len(room))
  top, left = int(y * (len(room) - edge)), int(x * (len(room) - edge))
  copy = jpeg(scaled(room[top:top + edge, left:left + edge], f), q)
  assert distance(copy, room) <= fingerprints.THRESHOLD


def test_different_pictures_are_not_taken_for_each_other(rooms):
  images = [*rooms, *PHOTOS.values()]
  hashes = np.array([fingerprints.perceptual_hash(image) for image in images])
  bits = np.bitwise_count(hashes[:, None] ^ hashes)
  bits = bits[np.triu_indices(len(images), 1)]
  assert len(bits) > 10_000
  assert (bits <= fingerprints.THRESHOLD).sum() == 0
  assert 31 < bits.mean() < 33


def test_flat_pictures_are_like_no_other(tmp_path):
  for value in (0, 255):
    Image.new("RGB", (8, 8), (value,) * 3).save(tmp_path / f"{value}.png")
  known = fingerprints.make_list(str(tmp_path), "b")
  assert (known.hashes == fingerprints.FLAT).all()
  assert not fingerprints.matches(np.zeros(3, np.uint64), [known])


def test_matches_name_the_nearest_of_each_list_and_blocks_do_not_matter(monkeypatch):
  rng = np.random.default_rng(0)
  hashes = rng.integers(1, 2**64 - 1, (7, 6), np.uint64)
  known = fingerprints.HashList("b", tuple("abcdefg"), hashes)
  queries = rng.integers(1, 2**64 - 1, 50, np.uint64)
  queries[[3, 40]] = hashes[5, 2] ^ np.uint64(0b1011), hashes[1, 0]
  expected = [(3, "b", "f", 3), (40, "b", "b", 0)]
  assert fingerprints.matches(queries, [known]) == expected
  monkeypatch.setattr(fingerprints, "_BLOCK", 100)
  assert fingerprints.matches(queries, [known, known]) == expected * 2
  assert fingerprints.matches(queries, [known], threshold=2) == expected[1:]


def test_a_list_of_a_folder_comes_back_from_its_file(tmp_path):
  (tmp_path / "set" / "a b").mkdir(parents=True)
  names = ("a b/é.JPG", "coffee.png")
  for name, photo in zip(names, PHOTOS.values()):
    Image.fromarray(photo).save(tmp_path / "set" / name)
  (tmp_path / "set" / "notes.txt").write_text("no picture")
  made = fingerprints.make_list(str(tmp_path / "set"), "bench")
  (tmp_path / "list").write_bytes(fingerprints.dump(made))
  read = fingerprints.load(str(tmp_path / "list"))
  assert (read.benchmark, read.names) == ("bench", names)
  np.testing.assert_array_equal(read.hashes, made.hashes)
  assert fingerprints.make_list(str(tmp_path / "set"), "b", "*.png").names == names[1:]


def test_the_identical_file_is_found_whoever_reads_it(tmp_path):
  """As it is shown, and as those see it who leave its tag and transparency alone."""
  exif = Image.Exif()
  exif[0x0112] = 6  # Turned by 90 degrees.
  Image.fromarray(PHOTOS["coffee"]).save(tmp_path / "turned.png", exif=exif)
  ramp = np.linspace(0, 255, 300).astype(np.uint8)[:, None].repeat(451, 1)
  Image.fromarray(np.dstack([PHOTOS["chelsea"], ramp])).save(tmp_path / "clear.png")
  known = fingerprints.make_list(str(tmp_path), "b")
  assert known.names == ("clear.png",) * 2 + ("turned.png",) * 2
  for name in known.names:
    shown = read_rgb(tmp_path / name, name)
    stored = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    for image in (shown, stored):
      code = np.array([fingerprints.perceptual_hash(image)])
      assert fingerprints.matches(code, [known])[0][2:] == (name, 0)


def test_bad_folders_and_lists_are_one_line(tmp_path):
  with pytest.raises(UserError, match="no such folder"):
    fingerprints.make_list(str(tmp_path / "no"), "b")
  with pytest.raises(UserError, match="no pictures match"):
    fingerprints.make_list(str(tmp_path), "b")
  for pattern in ("**.png", "", "/x/*.png"):
    with pytest.raises(UserError, match="--pattern '.*; give a glob below the folder"):
      fingerprints.make_list(str(tmp_path), "b", pattern)
  (tmp_path / "a.png").write_bytes(b"no picture")
  with pytest.raises(UserError, match="a.png: not a readable image"):
    fingerprints.make_list(str(tmp_path), "b")
  with pytest.raises(UserError, match="cannot be read"):
    fingerprints.load(str(tmp_path / "none"))
  good = fingerprints.dump(fingerprints.HashList(
      "b", ("a.png",), np.ones((1, 6), np.uint64)))
  for bad in (b"", b"x", good[:-20], good.replace(b"0001 ", b"000g ")):
    (tmp_path / "list").write_bytes(bad)
    with pytest.raises(UserError, match="is no whole list"):
      fingerprints.load(str(tmp_path / "list"))
