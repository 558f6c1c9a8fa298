"""Reading pictures, refusing what is none, and the letterbox there and back."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from vision_banana.errors import UserError
from vision_banana.eval import files, images


def _gradient(height, width):
  rng = np.random.default_rng(height * 1000 + width)
  return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["path", "pillow", "uint8", "float", "rgba"])
def test_reads_every_kind(kind, tmp_path):
  rgb = _gradient(5, 7)
  given_ = {
      "path": tmp_path / "a.png",
      "pillow": Image.fromarray(rgb),
      "uint8": rgb,
      "float": rgb.astype(np.float32) / 255,
      "rgba": np.dstack([rgb, np.full((5, 7), 255, np.uint8)]),
  }[kind]
  Image.fromarray(rgb).save(tmp_path / "a.png")
  np.testing.assert_array_equal(images.read(given_), rgb)


def test_grey_sixteen_bit_transparent_and_rotated(tmp_path):
  grey = np.array([[0, 128, 255]], np.uint8)
  np.testing.assert_array_equal(images.read(grey)[..., 1], grey)
  deep = Image.fromarray(grey.astype(np.uint16) * 257)
  np.testing.assert_array_equal(images.read(deep)[..., 2], grey)
  clear = np.zeros((1, 1, 4), np.uint8)
  np.testing.assert_array_equal(images.read(clear), [[[255, 255, 255]]])
  exif = Image.Exif()
  exif[0x0112] = 6  # turned a quarter
  Image.fromarray(_gradient(8, 16)).save(tmp_path / "turned.png", exif=exif)
  assert images.read(tmp_path / "turned.png").shape == (16, 8, 3)


def _huge_png() -> bytes:
  """A valid header of 20000 × 20000 pixels with almost nothing behind it."""
  def chunk(kind, data):
    body = kind + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
  size = (20000).to_bytes(4, "big")
  return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
          + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))


def _bad_files():
  buffer = io.BytesIO()
  Image.fromarray(_gradient(64, 64)).save(buffer, "PNG")
  whole = buffer.getvalue()
  return {
      "missing": (None, "no such file"),
      "text": (b"not a picture", "not a readable image"),
      "empty": (b"", "not a readable image"),
      "truncated": (whole[:len(whole) // 2], "not a readable image"),
      "huge": (_huge_png(), "megapixels"),
  }


@pytest.mark.parametrize("name", _bad_files())
def test_bad_files_are_one_line_that_names_them(name, tmp_path):
  data, expected = _bad_files()[name]
  path = tmp_path / f"{name}.png"
  if data is not None:
    path.write_bytes(data)
  with pytest.raises(UserError, match=expected) as caught:
    images.read(path)
  assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [
    np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2, 3), np.uint8),
    np.zeros((2, 2, 3), np.int64), np.full((2, 2, 3), 2.0),
    np.full((2, 2, 3), np.nan)])
def test_bad_arrays(array):
  with pytest.raises(UserError):
    images.read(array)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 90), st.integers(1, 90), st.booleans())
def test_letterbox_keeps_size_aspect_and_colour(height, width, smooth):
  box = images.Letterbox((height, width), (16, 24))
  colour = np.array([10, 200, 30], np.uint8)
  placed = box.place(np.broadcast_to(colour, (height, width, 3)).copy())
  assert placed.shape == (16, 24, 3) and (placed == colour).all()
  top, left, h, w = box.box
  assert 0 <= top <= 16 - h and 0 <= left <= 24 - w
  assert h == 16 or w == 24
  assert abs(h - height * w / width) <= 1 or abs(w - width * h / height) <= 1
  restored = box.restore(placed / 255, smooth)
  assert restored.shape == (height, width, 3) and restored.dtype == np.float32
  np.testing.assert_allclose(restored, np.broadcast_to(colour / 255, restored.shape),
                             atol=1e-6)


def test_letterbox_is_the_identity_at_the_native_size():
  rgb = _gradient(16, 16)
  box = images.Letterbox((16, 16), (16, 16))
  np.testing.assert_array_equal(box.place(rgb), rgb)
  np.testing.assert_array_equal(
      images.to_uint8(box.restore(rgb / np.float32(255), smooth=True)), rgb)


def test_what_is_padded_is_cut_again():
  box = images.Letterbox((8, 16), (16, 16))
  painted = np.zeros((16, 16, 3), np.float32)
  painted[4:12, :8, 0] = 1
  out = box.restore(painted, smooth=False)
  assert (out[:, :8, 0] == 1).all() and (out[:, 8:] == 0).all()
  assert (box.place(_gradient(8, 16))[:4] == _gradient(8, 16)[0]).all()


def test_codes_are_never_mixed_by_resampling():
  painted = np.zeros((4, 4, 3), np.float32)
  painted[:, 2:] = [0, 1, 1]
  box = images.Letterbox((31, 31), (4, 4))
  assert len(np.unique(box.restore(painted, False).reshape(-1, 3), axis=0)) == 2
  assert len(np.unique(box.restore(painted, True).reshape(-1, 3), axis=0)) > 2


def test_files_are_whole_or_absent(tmp_path, monkeypatch):
  folder = tmp_path / "new" / "deep"
  files.write_all({folder / "a": b"1", folder / "b": b"2"})
  assert sorted(p.name for p in folder.iterdir()) == ["a", "b"]
  with pytest.raises(UserError, match="cannot write"):
    files.write_all({folder / "c": b"3", folder / "a" / "under_a_file": b"4"})
  assert sorted(p.name for p in folder.iterdir()) == ["a", "b"]
  array = np.arange(6.0).reshape(2, 3)
  np.testing.assert_array_equal(np.load(io.BytesIO(files.npy(array))), array)
  rgb = _gradient(3, 4)
  np.testing.assert_array_equal(images.read(Image.open(io.BytesIO(files.png(rgb)))),
                                rgb)


@pytest.mark.parametrize("source, edge, canvas", [
    ((64, 128), 1024, (64, 128)),  # As it is.
    ((65, 30), 1024, (128, 64)),  # Up to whole buckets.
    ((1000, 1100), 1024, (960, 1024)),  # More than 1024² pixels are made smaller.
    ((4000, 3000), 1024, (1152, 832)),
    ((1, 1000), 1024, (128, 1024)),  # No side is more than 8 times the other.
    ((40000, 10), 1024, (2880, 384)),
])
def test_canvas_of_a_model_of_any_size(source, edge, canvas):
  assert images.canvas_for(source, edge) == canvas


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (100, 130)])
def test_small_pictures_are_padded_not_enlarged(size):
  canvas = images.canvas_for(size, 96)
  box = images.Letterbox(size, canvas, largest_scale=1.0)
  picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
  placed = box.place(picture)
  assert placed.shape == (*canvas, 3)
  if size[0] * size[1] <= 96**2:  # Exactly the picture comes back.
    back = box.restore(placed / 255, smooth=False)
    np.testing.assert_array_equal(np.round(back * 255), picture)
