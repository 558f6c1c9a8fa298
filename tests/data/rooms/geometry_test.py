"""Rooms as one mesh: the atlas's colours, tiles, placement, instance ids."""

import dataclasses

import numpy as np
import pytest

from tests.data.rooms import fake_room
from vision_banana.data.rooms import geometry
from vision_banana.data.rooms.scene import GROUND, Material
from vision_banana.errors import UserError


def lookup(image, uvs):
  """Bilinear interpolation between texel centres, as the renderer's."""
  x, y = (uvs * len(image) - 0.5).T
  i, j = (np.minimum(np.floor(a).astype(int), len(image) - 2) for a in (y, x))
  a, b = (y - i)[:, None], (x - j)[:, None]
  return ((1 - a) * ((1 - b) * image[i, j] + b * image[i, j + 1])
          + a * ((1 - b) * image[i + 1, j] + b * image[i + 1, j + 1]))


@pytest.fixture(scope="module", name="atlas")
def _atlas():
  return geometry.Atlas(fake_room.LIBRARY)


def test_any_plain_colour_comes_out_of_the_atlas(atlas):
  rng = np.random.default_rng(0)
  for rgb in [(0, 0, 0), (1, 1, 1), (1, 0, 1), *rng.uniform(0, 1, (200, 3))]:
    got = lookup(atlas.image, atlas.color(tuple(rgb), 1))[0]
    np.testing.assert_allclose(got[:2], rgb[:2], atol=1e-5)
    assert abs(got[2] ** (1 / 2.2) - rgb[2] ** (1 / 2.2)) < 0.5 / 255 + 1e-6


def test_textures_keep_to_their_cells(atlas):
  corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], float)
  got = lookup(atlas.image, atlas.texture("quarters", corners))
  np.testing.assert_allclose(got, np.eye(4)[:, :3], atol=1e-6)


def test_unknown_texture_says_how_to_get_it(atlas):
  with pytest.raises(UserError, match="no texture 'gold' .*--fetch-assets"):
    atlas.texture("gold", np.zeros((1, 2)))


def test_shell_faces_into_the_room_and_is_open_behind(atlas):
  room = dataclasses.replace(fake_room.ROOM, items=())
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  middle = g.vertices[g.faces].mean(1)
  inward = np.array([0, 0, 1.2]) - middle
  assert (inward * g.normals[g.faces[:, 0]]).sum(1).min() > 0
  a, b, c = (g.vertices[g.faces[:, i]] for i in range(3))
  assert (np.cross(b - a, c - a) * g.normals[g.faces[:, 0]]).sum(1).min() > 0
  assert g.normals[:, 1].max() < 0.5  # No wall looks towards +y.
  assert set(g.instances.tolist()) == {1, 2, 3}


def test_outdoors_there_is_only_ground(atlas):
  room = dataclasses.replace(fake_room.ROOM, items=(), outdoors=True,
                             floor=Material("grass", (1, 1, 1), tile=2.0))
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  assert set(g.instances.tolist()) == {1} and not g.vertices[:, 2].any()
  assert np.abs(g.vertices[:, :2]).max() == GROUND >= 40
  assert len(g.faces) == 2 * (GROUND / 1.0) ** 2  # 120 m a side of 2 m tiles.


def test_tiles_are_of_the_asked_size(atlas):
  floor = Material("quarters", (1, 1, 1), tile=0.5)
  room = dataclasses.replace(fake_room.ROOM, items=(), floor=floor)
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  faces = g.faces[g.instances == geometry.FLOOR]
  assert len(faces) == 2 * 8 * 12  # 4 m x 6 m.
  edges = np.linalg.norm(g.vertices[faces[:, 1]] - g.vertices[faces[:, 0]], axis=1)
  np.testing.assert_allclose(edges[::2], 0.5, rtol=1e-5)


def test_items_are_scaled_turned_and_placed(atlas):
  box = fake_room.item("box", size=(1, 2, 0.5), position=(0.3, -0.2, 0.7),
                       yaw=np.pi / 2)
  room = dataclasses.replace(fake_room.ROOM, items=(box,))
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  points = g.vertices[g.faces[g.instances == geometry.FIRST_ITEM]].reshape(-1, 3)
  np.testing.assert_allclose(points.min(0), (0.3 - 1, -0.2 - 0.5, 0.7), atol=1e-5)
  np.testing.assert_allclose(points.max(0), (0.3 + 1, -0.2 + 0.5, 1.2), atol=1e-5)


def test_yaw_is_counter_clockwise_from_above(atlas):
  box = fake_room.item("box", size=(2, 1, 1), yaw=np.pi / 6)
  room = dataclasses.replace(fake_room.ROOM, items=(box,))
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  points = g.vertices[g.faces[g.instances == geometry.FIRST_ITEM]].reshape(-1, 3)
  corner = (np.cos(np.pi / 6) - 0.5 * np.sin(np.pi / 6),
            np.sin(np.pi / 6) + 0.5 * np.cos(np.pi / 6), 1)  # Of (1, 0.5, 1).
  assert np.linalg.norm(points - corner, axis=1).min() < 1e-5


@pytest.mark.parametrize("shape", ["cone", "asset:cone"])
def test_normals_stay_normal_when_stretched(atlas, shape):
  cone = fake_room.item(shape, size=(2, 0.3, 0.6), yaw=0.4)
  room = dataclasses.replace(fake_room.ROOM, items=(cone,))
  g = geometry.build(room, fake_room.LIBRARY, atlas)
  faces = g.faces[g.instances == geometry.FIRST_ITEM]
  a, b, c = (g.vertices[faces[:, i]].astype(float) for i in range(3))
  across = np.cross(b - a, c - a)
  across /= np.linalg.norm(across, axis=1, keepdims=True)
  mean = g.normals[faces].mean(1)
  mean /= np.linalg.norm(mean, axis=1, keepdims=True)
  assert (across * mean).sum(1).min() > 0.9
  np.testing.assert_allclose(np.linalg.norm(g.normals, axis=1), 1, atol=1e-5)


def test_assets_keep_their_looks_until_recoloured(atlas):
  own = fake_room.item("asset:cube", material=None)
  red = fake_room.item("asset:cube", material=Material(None, (0.9, 0.1, 0.2)))
  for item, expected in ((own, [[0.25, 0.5, 0.75], [0, 1, 0]]), (red, [[0.9, 0.1]])):
    room = dataclasses.replace(fake_room.ROOM, items=(item,))
    g = geometry.build(room, fake_room.LIBRARY, atlas)
    used = g.faces[g.instances == geometry.FIRST_ITEM].reshape(-1)
    colors = np.unique(lookup(atlas.image, g.uvs[used]).round(2), axis=0)
    for want in expected:
      assert np.isclose(colors[:, :len(want)], want, atol=0.02).all(1).any(), colors


@pytest.mark.parametrize("item,message", [
    (fake_room.item("asset:yacht"), "no mesh 'yacht'"),
    (fake_room.item("box", material=None), "needs a material"),
    (fake_room.item("blob"), "no shape 'blob'")])
def test_rooms_that_cannot_be_built(atlas, item, message):
  room = dataclasses.replace(fake_room.ROOM, items=(item,))
  with pytest.raises(UserError, match=message):
    geometry.build(room, fake_room.LIBRARY, atlas)
