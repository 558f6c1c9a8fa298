"""Edits of light, camera and pixels."""

import numpy as np

from tests.data.rooms import fake
from tests.data.rooms import fake_edits
from vision_banana.data.rooms import edit_views
from vision_banana.data.rooms import edits
from vision_banana.data.rooms import layout

LIGHT = ("dim", "brighten", "warm", "cold", "light left", "light right")


def test_light_and_camera():
  for kind in LIGHT:
    for before, text, after in fake_edits.drawn()[kind]:
      old, new = before.light, after.light
      ratio = new.exposure / old.exposure
      assert {"dim": ratio < .6, "brighten": ratio > 1.4}.get(kind, ratio == 1)
      red, _, blue = new.tint
      if kind in ("warm", "cold"):
        assert (red > 1.3 * blue) if kind == "warm" else (blue > 1.3 * red)
      if kind.startswith("light"):
        side = kind.split()[1]
        assert side in text
        right = layout.camera_axes(before.camera)[0, :2]
        moved = (np.subtract(new.sun_direction, old.sun_direction)[:2]
                 if before.outdoors else np.subtract(new.lamp_xy, old.lamp_xy))
        assert (moved @ right > 0) == (side == "right")
  for kind in ("zoom in", "zoom out"):
    for before, _, after in fake_edits.drawn()[kind]:
      assert (after.camera.fov_degrees < before.camera.fov_degrees) == (
          kind == "zoom in")
      assert after.camera.origin == before.camera.origin
      assert after.camera.target == before.camera.target


def test_pixel_edits_are_exact_and_others_are_drawn():
  image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
  room = fake.room()
  make = lambda kind: edits.picture(edits.Edit("", room, kind), image,
                                    lambda r: np.zeros_like(image))
  np.testing.assert_array_equal(make("mirror")[:, ::-1], image)
  gray = make("gray")
  assert (gray == gray[..., :1]).all() and gray.dtype == np.uint8
  luma = image @ (.299, .587, .114)
  assert np.abs(gray[..., 0] - luma).max() <= .5
  assert not make("dim").any() and set(edit_views.PIXELS) == {"mirror", "gray"}
