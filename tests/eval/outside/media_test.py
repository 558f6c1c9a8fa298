"""Pictures on their way out."""

import io

import numpy as np
import pytest
from PIL import Image

from vision_banana.errors import UserError
from vision_banana.eval.outside import media

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def _pixels(picture):
  return np.asarray(Image.open(io.BytesIO(picture.data)))


@pytest.mark.parametrize("name, mime", [
    ("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.webp", "image/webp")])
def test_small_files_are_sent_as_they_are(tmp_path, name, mime):
  Image.fromarray(RGB).save(tmp_path / name)
  picture = media.encode(tmp_path / name, 30)
  assert (picture.data, picture.mime) == ((tmp_path / name).read_bytes(), mime)


def test_other_formats_and_arrays_lose_nothing(tmp_path):
  Image.fromarray(RGB).save(tmp_path / "a.bmp")
  for given in (tmp_path / "a.bmp", RGB):
    picture = media.encode(given, 100)
    assert picture.mime == "image/png"
    np.testing.assert_array_equal(_pixels(picture), RGB)


def test_large_ones_are_shrunk():
  smooth = np.repeat(np.linspace(0, 255, 300)[None, :, None], 3, -1).repeat(100, 0)
  picture = media.encode(smooth.astype(np.uint8), 150)
  assert picture.mime == "image/jpeg" and _pixels(picture).shape == (50, 150, 3)
  ideal = smooth[::2].reshape(50, 150, 2, 3).mean(2)
  assert np.abs(_pixels(picture) - ideal).mean() < 1.5


def test_turned_photographs_are_sent_upright(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
  assert _pixels(media.encode(tmp_path / "a.png", 100)).shape == (30, 20, 3)


def test_digests(tmp_path):
  Image.fromarray(RGB).save(tmp_path / "a.png")
  (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
  assert media.digest(tmp_path / "a.png") == media.digest(str(tmp_path / "b.png"))
  assert media.digest(RGB) != media.digest(RGB.reshape(30, 20, 3))
  with pytest.raises(UserError, match="no.png"):
    media.digest(tmp_path / "no.png")
