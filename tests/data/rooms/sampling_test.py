import dataclasses
import itertools

import numpy as np
import pytest

from tests.data.rooms import fake
from vision_banana import errors
from vision_banana.data.rooms import grounds
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import primitives
from vision_banana.data.rooms import sampling
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary

ALL = [(split, full) for split in sampling.SPLITS for full in (True, False)]


def looks(rooms):
  for room in rooms:
    yield "ground" if room.outdoors else "floor", room.floor.texture or room.floor.color
    if not room.outdoors:
      yield "wall", room.wall.texture or room.wall.color
    for item in room.items:
      material = item.material
      yield item.category, (item.shape if material is None
                            else material.texture or material.color)


def test_same_seed_same_room_other_seed_other_room():
  again = sampling.sample(3, fake.CATALOG, "train")
  assert again == fake.rooms("train")[3]
  assert len(set(fake.rooms("train") + fake.rooms("test"))) == 32
  assert all(a.size != b.size for a, b in zip(fake.rooms("train"), fake.rooms("test")))


def test_splits_share_no_reserved_look():
  train = set(looks(fake.rooms("train"))) | set(looks(fake.rooms("train", False)))
  assert train and not any(vocabulary.reserved(*pair) for pair in train)
  for full in (True, False):
    for room in fake.rooms("test", full):
      assert any(vocabulary.reserved(*pair) for pair in looks([room]))


def test_rare_reserved_looks_are_waited_for(monkeypatch):
  rare = {("wall", "red"), ("wall", "blue"), ("ground", "sand")}
  monkeypatch.setattr(vocabulary, "reserved", lambda *pair: pair in rare)
  for seed in range(6):
    assert rare & set(looks([sampling.sample(seed, fake.CATALOG, "test")]))


def test_about_one_look_in_eight_is_reserved_and_none_of_a_kind_is_missing():
  pairs = [(k.category, c) for k in kinds.KINDS for c in vocabulary.COLORS]
  share = np.mean([vocabulary.reserved(*pair) for pair in pairs])
  assert .08 < share < .17
  for category, group in itertools.groupby(pairs, lambda pair: pair[0]):
    assert not all(vocabulary.reserved(*pair) for pair in group), category


def test_enough_kinds_and_colors_and_every_shape_exists():
  assert len({k.category for k in kinds.KINDS}) >= 40
  assert len(vocabulary.COLORS) >= 12
  assert {k.shape for k in kinds.KINDS} <= set(primitives.SHAPES)


@pytest.mark.parametrize("split,full", ALL)
def test_things_are_inside_supported_and_apart(split, full):
  for room in fake.rooms(split, full):
    for a, b in itertools.combinations(room.items, 2):
      low, high = sorted((a, b), key=lambda i: i.position[2])
      if "rug" in (a.shape, b.shape) or (
          high.position[2] >= low.position[2] + low.size[2] - 1e-6):
        continue
      # Points of one footprint in the other's frame: none may be inside.
      for p, q in ((a, b), (b, a)):
        grid = np.stack(np.meshgrid(*[np.linspace(-.5, .5, 9)] * 2), -1).reshape(-1, 2)
        turn = lambda yaw: np.array([[np.cos(yaw), np.sin(yaw)],
                                     [-np.sin(yaw), np.cos(yaw)]])
        world = grid * p.size[:2] @ turn(p.yaw) + p.position[:2]
        local = (world - q.position[:2]) @ turn(-q.yaw)
        assert (np.abs(local) > np.array(q.size[:2]) / 2 - 1e-6).any(1).all(), (a, b)
    for item in room.items:
      corners = layout.corners(item)
      assert (np.abs(corners) <= np.array(room.size[:2]) / 2 + 1e-5).all()
      assert item.position[2] + item.size[2] <= room.size[2]
      if item.support.isdigit():
        below = room.items[int(item.support)]
        assert item.position[2] == pytest.approx(below.position[2] + below.size[2])
      elif item.support == "floor":
        assert item.position[2] == 0
      else:
        assert item.support == "wall" and item.position[2] > .5
    assert layout.valid(room)


@pytest.mark.parametrize("split,full", ALL)
def test_camera_is_inside_and_sees_several_things(split, full):
  for room in fake.rooms(split, full):
    x, y, z = room.camera.origin
    assert abs(x) < room.size[0] / 2 and abs(y) < room.size[1] / 2
    assert 0 < z < room.size[2] and 45 <= room.camera.fov_degrees <= 70
    ids, depth = layout.raycast(room, 64)
    counts = np.bincount(ids.ravel(), minlength=5)
    assert (counts[4:] >= 16).sum() >= 3
    assert counts[4:].max() < .6 * ids.size and depth.min() > .3


def test_some_scenes_are_outdoors():
  rooms = [*fake.rooms("train", count=60), *fake.rooms("test", count=60)]
  outdoors = [room for room in rooms if room.outdoors]
  assert .05 < len(outdoors) / len(rooms) < .25
  far = {k.category for k in kinds.at("far outdoors")}
  assert any(i.category in far for room in outdoors for i in room.items)
  for room in outdoors:
    ids, depth = layout.raycast(room, 48)
    assert not ({2, 3} & set(np.unique(ids)))
    assert (ids == 1).any() and (np.isinf(depth) == (ids == 0)).all()
    assert all(i.support == "floor" or i.support.isdigit() for i in room.items)
    assert room.floor.texture is None or room.floor.texture in grounds.TEXTURES
    assert room.light.environment != "studio"
    assert not any(room.light.lamp_radiance)
  assert any((layout.raycast(room, 48)[0] == 0).any() for room in outdoors)
  for room in rooms:
    assert room.outdoors or not far & {i.category for i in room.items if i.category
                                       not in ("tree",)}


def test_small_things_are_seen_from_near():
  shares = []
  for room in fake.rooms("train", False, 60):
    ids = layout.raycast(room, 64)[0]
    shares.append(max((ids == n + 4).mean() for n, i in enumerate(room.items)
                      if i.support.isdigit() or max(i.size) < .4))
  assert np.mean(np.array(shares) > .03) > .6


def test_light_and_exposure_vary():
  lights = [room.light for room in fake.rooms("train", count=60) if not room.outdoors]
  assert .1 < np.mean([light.sun > 0 for light in lights]) < .5
  exposures = np.array([light.exposure for light in lights])
  assert exposures.max() > 3 * exposures.min() and exposures.max() < 3
  assert np.ptp([light.lamp_size for light in lights]) > .7


def test_viewpoints_vary():
  cameras = [room.camera for room in fake.rooms("train")]
  origins = np.array([c.origin for c in cameras])
  view = np.array([c.target for c in cameras]) - origins
  assert (origins.std(0) > (.3, .3, .3)).all()
  assert np.degrees(np.arctan2(view[:, 0], view[:, 1]).std()) > 15
  assert len({room.floor for room in fake.rooms("train")}) > 10


def test_library_is_used_when_there_is_one():
  shapes = {i.shape for room in fake.rooms("train") for i in room.items}
  assert any(s.startswith("asset:") for s in shapes)
  assert {r.light.environment for r in fake.rooms("train") if not r.outdoors} == {
      "sunset", "studio"}
  assert any(r.floor.texture for r in fake.rooms("train"))
  empty = fake.rooms("train", False)
  assert all(i.material.texture is None and not i.shape.startswith("asset:")
             for room in empty for i in room.items)


def test_rays_agree_with_projection():
  room = fake.room(fake.item("box", "red", (.7, .3, 0.)))
  ids, depth = layout.raycast(room, 200)
  y, x = np.argwhere(ids == 4).T
  u, v, d = layout.project(room.camera, layout.centre(room.items[0]))
  assert (x.mean() / 200, y.mean() / 200) == pytest.approx((u, v), abs=.01)
  assert u > .5 and depth[ids == 4].min() < d < depth[ids == 4].max() + .2
  # The far wall is 3.9 m away along the level axis.
  level = dataclasses.replace(room.camera, target=(0., 0., 1.2))
  ids, depth = layout.raycast(dataclasses.replace(room, camera=level, items=()), 20)
  assert depth[ids == 2].max() == pytest.approx(3.9)
  assert set(np.unique(ids[-1])) <= {1, 2} and set(np.unique(ids[0])) <= {2, 3}


def test_ground_ends_far_away_and_sky_begins():
  room = dataclasses.replace(fake.room(target=(0., 0., 1.2)), outdoors=True)
  ids, depth = layout.raycast(room, 200)
  assert (ids[:100] == 0).all() and np.isinf(depth[:100]).all()
  assert (ids[110:] == 1).all()
  assert 40 < depth[ids == 1].max() <= scene.GROUND + 1.9
  half = np.tan(np.radians(30))
  row = 199
  assert depth[row, 100] == pytest.approx(1.2 / (half * (row + .5 - 100) / 100))


def test_overlap_of_turned_boxes():
  a = fake.item("box", "red", (0., 0., 0.), (1., .1, .5))
  b = dataclasses.replace(a, position=(.3, .3, 0.))
  assert not layout.overlap(a, b) and layout.overlap(a, b, gap=.25)
  assert layout.overlap(a, dataclasses.replace(b, yaw=np.pi / 2))
  assert not layout.overlap(a, dataclasses.replace(a, position=(0., 0., .5)))


@pytest.mark.parametrize("seed,split", [(0, "val"), (-1, "train")])
def test_bad_arguments(seed, split):
  with pytest.raises(errors.UserError):
    sampling.sample(seed, fake.EMPTY, split)
