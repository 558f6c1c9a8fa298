"""The renderer: ground truth against rays cut with planes by hand, determinism."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from tests.data.rooms import fake_room
from vision_banana.data.rooms import assets
from vision_banana.data.rooms import backend
from vision_banana.data.rooms import render
from vision_banana.data.rooms.scene import Camera
from vision_banana.errors import UserError

SIZE = 24


@pytest.fixture(scope="module", name="renderer")
def _renderer():
  backend.mitsuba("scalar_rgb")  # Nothing to compile.
  return render.Renderer(SIZE, fake_room.LIBRARY, spp=2)


def rays(camera: Camera) -> np.ndarray:
  """Directions [SIZE, SIZE, 3] through pixel centres, of unit z-depth."""
  back = np.subtract(camera.origin, camera.target)
  back = back / np.linalg.norm(back)
  right = np.cross((0, 0, 1), back)
  right /= np.linalg.norm(right)
  up = np.cross(back, right)
  half = np.tan(np.radians(camera.fov_degrees) / 2)
  x = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1) * half
  return x[None, :, None] * right - x[:, None, None] * up - back


def test_empty_room_equals_its_planes(renderer):
  camera = Camera((0.4, -1.5, 1.6), (-0.3, 2.0, 0.9), 75.0)
  room = dataclasses.replace(fake_room.ROOM, camera=camera)
  got = renderer.render(room)
  d = rays(camera)
  w, l, h = room.size
  planes = [  # axis, offset, normal's sign, instance id
      (2, 0, 1, 1), (1, l / 2, -1, 2), (0, -w / 2, 1, 2), (0, w / 2, -1, 2),
      (2, h, -1, 3)]
  with np.errstate(divide="ignore"):
    t = np.stack([(offset - camera.origin[axis]) / d[..., axis]
                  for axis, offset, _, _ in planes])
  t = np.where(t > 0, t, np.inf)
  first = t.argmin(0)
  lamp = (np.abs((d * t.min(0)[..., None] + camera.origin)[..., :2])
          < 0.8 / 2 + 0.05).all(-1) & (first == 4)
  assert 0 < lamp.sum() < 40  # In sight: it hangs 1 cm below the ceiling.
  np.testing.assert_allclose(got["depth"][~lamp], t.min(0)[~lamp], rtol=2e-5)
  np.testing.assert_allclose(got["depth"], t.min(0), rtol=0.02)
  np.testing.assert_array_equal(got["instances"],
                                np.array([p[3] for p in planes])[first])
  # The project's frame: +x right, +y up, +z towards the camera.
  back = -d[SIZE // 2 - 1:SIZE // 2 + 1, SIZE // 2 - 1:SIZE // 2 + 1].mean((0, 1))
  right = np.cross((0, 0, 1), back)
  right /= np.linalg.norm(right)
  frame = np.stack([right, np.cross(back, right), back])
  expected = np.array([sign * frame[:, axis] for axis, _, sign, _ in planes])[first]
  np.testing.assert_allclose(got["normals"], expected, atol=1e-5)


def test_frontal_wall_faces_the_camera(renderer):
  got = renderer.render(fake_room.ROOM)
  middle = SIZE // 2
  assert got["depth"][middle, middle] == pytest.approx(5.0, rel=1e-5)
  np.testing.assert_allclose(got["normals"][middle, middle], (0, 0, 1), atol=1e-6)
  np.testing.assert_allclose(got["normals"][-1, middle], (0, 1, 0), atol=1e-6)  # Floor.
  np.testing.assert_allclose(got["normals"][middle, 0], (1, 0, 0), atol=1e-6)  # Left.


def test_outdoors_there_is_ground_then_sky(renderer):
  room = dataclasses.replace(fake_room.ROOM, outdoors=True)
  got = renderer.render(room)
  up, down = got["instances"][:SIZE // 2], got["instances"][SIZE // 2 + 2:]
  assert not up.any() and (down == 1).all()
  assert np.isinf(got["depth"][:SIZE // 2]).all()
  d = rays(room.camera)[..., 2]
  np.testing.assert_allclose(got["depth"][SIZE // 2 + 2:],
                             -1.25 / d[SIZE // 2 + 2:], rtol=1e-4)
  assert not got["normals"][:SIZE // 2].any()
  light = dataclasses.replace(room.light, sun=9., sun_direction=(0., .1, 1.))
  sunny = renderer.render(dataclasses.replace(room, light=light))["image"]
  assert (sunny[-4:].mean() > got["image"][-4:].mean() + 10)


def test_open_side_has_no_depth_normal_or_instance(renderer):
  camera = Camera((0.0, 0.0, 1.25), (0.0, -1.0, 1.25), 40.0)
  got = renderer.render(dataclasses.replace(fake_room.ROOM, camera=camera))
  middle = SIZE // 2
  assert np.isinf(got["depth"][middle, middle])
  assert got["instances"][middle, middle] == 0
  assert not got["normals"][middle, middle].any()


def test_items_appear_where_they_stand_in_their_colour(renderer):
  box = fake_room.item("box", size=(1, 1, 1), position=(0, 1.0, 0.75))
  got = renderer.render(dataclasses.replace(fake_room.ROOM, items=(box,)))
  here = got["instances"] == 4
  np.testing.assert_allclose(got["depth"][here], 2.5, rtol=1e-5)
  red, green, blue = got["image"][here].mean(0)
  assert red > 1.8 * green and red > 1.8 * blue
  half = SIZE / 2 / np.tan(np.radians(30)) * 0.5 / 2.5
  assert here.sum() == pytest.approx((2 * half) ** 2, rel=0.2)


def test_same_room_same_bytes_and_seeds_differ(renderer):
  first = renderer.render(fake_room.ROOM)
  renderer.render(dataclasses.replace(fake_room.ROOM, size=(3.0, 5.0, 2.4)))
  again = renderer.render(fake_room.ROOM)
  for key in first:
    np.testing.assert_array_equal(first[key], again[key])
  other = renderer.render(dataclasses.replace(fake_room.ROOM, seed=4))
  assert (other["image"] != first["image"]).any()


def test_another_process_draws_the_same_bytes(renderer):
  code = """
from tests.data.rooms import fake_room
from vision_banana.data.rooms import backend, render
import sys
backend.mitsuba("scalar_rgb")
image = render.Renderer(%d, fake_room.LIBRARY, spp=2).render(fake_room.ROOM)["image"]
sys.stdout.write(image.tobytes().hex())
""" % SIZE
  out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                       text=True).stdout
  assert out == renderer.render(fake_room.ROOM)["image"].tobytes().hex()


def test_light_brightens(renderer):
  image = renderer.render(fake_room.ROOM)["image"].astype(float)
  light = dataclasses.replace(fake_room.ROOM.light, exposure=2.0)
  brighter = renderer.render(dataclasses.replace(fake_room.ROOM, light=light))
  assert brighter["image"].mean() > 1.2 * image.mean()
  warm = dataclasses.replace(fake_room.ROOM.light, lamp_radiance=(20.0, 10.0, 5.0))
  red, _, blue = renderer.render(
      dataclasses.replace(fake_room.ROOM, light=warm))["image"].mean((0, 1))
  assert red > blue + 20


def test_sky_comes_in_by_the_open_side_only(renderer):
  light = dataclasses.replace(fake_room.ROOM.light, lamp_radiance=(0.0, 0.0, 0.0))
  room = dataclasses.replace(
      fake_room.ROOM, size=(6.0, 24.0, 5.0), light=light,
      camera=Camera((0.0, -9.0, 4.5), (0.0, 0.0, 0.0), 60.0))
  got = renderer.render(room)
  floor = (got["instances"] == 1)[:, SIZE // 2]
  column = got["image"].mean(-1)[:, SIZE // 2][floor]
  assert len(column) > SIZE // 2
  assert column[-1] > 1.5 * column[0]


def test_without_assets_there_is_a_constant_sky():
  backend.mitsuba("scalar_rgb")
  light = dataclasses.replace(fake_room.ROOM.light, environment="")
  room = dataclasses.replace(fake_room.ROOM, light=light)
  plain = render.Renderer(16, assets.Library({}, {}, {}), spp=1)
  assert plain.render(room)["image"].mean() > 30
  with pytest.raises(UserError, match="no environment 'sky'"):
    plain.render(fake_room.ROOM)


def test_tone_map_is_monotonic_and_never_clips_early():
  values = np.linspace(0, 4, 1000)
  mapped = render.tone_map(values)
  assert (np.diff(mapped.astype(int)) >= 0).all()
  assert mapped[0] == 0 and mapped[-1] <= 255 and render.tone_map(np.array(2.0)) < 250
