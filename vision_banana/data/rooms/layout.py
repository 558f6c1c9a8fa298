"""Geometry of rooms: who overlaps whom, and what the camera roughly sees.

Everything is an upright box turned about +z, so answers are conservative: a mug
inside the box of a chair counts as overlapping it.
"""

import math

import numpy as np

from vision_banana.data.rooms import scene


def corners(item: scene.Item) -> np.ndarray:
  """Footprint corners, float64 [4, 2], metres, in order around it."""
  half = np.array(item.size[:2]) / 2
  signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
  c, s = math.cos(item.yaw), math.sin(item.yaw)
  return signs * half @ np.array([[c, s], [-s, c]]) + item.position[:2]


def overlap(a: scene.Item, b: scene.Item, gap: float = 0.) -> bool:
  """Whether two boxes come nearer than `gap` metres sideways.

  Boxes that only touch top to bottom do not overlap. Rugs overlap nothing: things
  stand on them.
  """
  if "rug" in (a.shape, b.shape):
    return False
  bottom = max(a.position[2], b.position[2])
  top = min(a.position[2] + a.size[2], b.position[2] + b.size[2])
  if top - bottom <= 1e-4:
    return False
  reach = (math.hypot(*a.size[:2]) + math.hypot(*b.size[:2])) / 2 + gap
  apart = math.hypot(a.position[0] - b.position[0], a.position[1] - b.position[1])
  return apart <= reach and distance(a, b) < gap + 1e-6  # the cheap test first


def distance(a: scene.Item, b: scene.Item) -> float:
  """Largest gap between the footprints along any edge normal, metres.

  A lower bound of their distance; negative when they overlap.
  """
  angles = np.array([a.yaw, a.yaw + math.pi / 2, b.yaw, b.yaw + math.pi / 2])
  normals = np.stack([np.cos(angles), np.sin(angles)])
  p, q = corners(a) @ normals, corners(b) @ normals
  return float(np.maximum(p.min(0) - q.max(0), q.min(0) - p.max(0)).max())


def inside(item: scene.Item, size: tuple[float, float, float]) -> bool:
  """Whether an item lies within a room of this size (metres)."""
  limit = np.array(size[:2]) / 2 + 1e-6
  return (bool((np.abs(corners(item)) <= limit).all()) and item.position[2] >= -1e-6
          and item.position[2] + item.size[2] <= size[2] + 1e-6)


def rests_on(item: scene.Item, support: scene.Item, margin: float = 0.) -> bool:
  """Whether the whole footprint lies on the top of `support`.

  `margin` is how far, in metres, it must stay from the edges.
  """
  c, s = math.cos(-support.yaw), math.sin(-support.yaw)
  local = (corners(item) - support.position[:2]) @ np.array([[c, s], [-s, c]])
  half = np.array(support.size[:2]) / 2 - margin + 1e-6
  top = support.position[2] + support.size[2]
  return bool((np.abs(local) <= half).all()) and abs(item.position[2] - top) < 1e-4


def valid(room: scene.Room, gap: float = 0.) -> bool:
  """Whether all items are inside, supported, apart, and none holds the camera."""
  for i, item in enumerate(room.items):
    if not inside(item, room.size):
      return False
    if item.support.isdigit() and not rests_on(item, room.items[int(item.support)]):
      return False
    if item.support == "floor" and item.position[2] != 0:
      return False
    if any(overlap(item, other, gap) for other in room.items[:i]):
      return False
  return all(not holds(item, room.camera.origin) for item in room.items)


def holds(item: scene.Item, point: tuple[float, float, float],
          margin: float = .08) -> bool:
  """Whether a point is in the item's box, grown by `margin` metres."""
  c, s = math.cos(-item.yaw), math.sin(-item.yaw)
  x, y, z = np.subtract(point, item.position)
  local = np.abs([c * x - s * y, s * x + c * y, z - item.size[2] / 2])
  return bool((local <= np.array(item.size) / 2 + margin).all())


def camera_axes(camera: scene.Camera) -> np.ndarray:
  """Rows right, up, back of the camera in room coordinates, float64 [3, 3]."""
  back = np.subtract(camera.origin, camera.target, dtype=np.float64)
  back /= np.linalg.norm(back)
  right = np.cross((0, 0, 1), back)
  right /= np.linalg.norm(right)
  return np.stack([right, np.cross(back, right), back])


def centre(item: scene.Item) -> np.ndarray:
  """Centre of an item's box, float64 [3], metres."""
  return np.array(item.position) + (0, 0, item.size[2] / 2)


def project(camera: scene.Camera, point: np.ndarray) -> tuple[float, float, float]:
  """A point [3] in metres → (x, y, depth).

  x and y are image coordinates in 0..1 (x right, y down) of a square image, depth
  is along the optical axis in metres.
  """
  x, y, back = camera_axes(camera) @ (point - np.array(camera.origin))
  scale = 2 * math.tan(math.radians(camera.fov_degrees) / 2) * max(-back, 1e-6)
  return .5 + x / scale, .5 - y / scale, -back


def raycast(room: scene.Room, size: int) -> tuple[np.ndarray, np.ndarray]:
  """What a square camera sees if every item were its box.

  Returns:
    instances int32 [size, size] (0 sky, 1 floor or ground, 2 wall, 3 ceiling,
    4 + item index) and depth float64 [size, size], metres along the optical axis,
    inf for sky.
  """
  axes = camera_axes(room.camera)
  grid = ((np.arange(size) + .5) / size * 2 - 1) * math.tan(
      math.radians(room.camera.fov_degrees) / 2)
  x, y = np.meshgrid(grid, -grid)
  rays = np.stack([x, y, -np.ones_like(x)], -1) @ axes  # depth one per unit length
  rays = np.where(rays == 0, 1e-12, rays)
  origin = np.array(room.camera.origin)
  if room.outdoors:
    depth = np.where(rays[..., 2] < 0, -origin[2] / rays[..., 2], np.inf)
    at = origin[:2] + np.where(np.isfinite(depth), depth, 0)[..., None] * rays[..., :2]
    far = np.isinf(depth) | (np.abs(at) > scene.GROUND).any(-1)
    ids, depth = np.where(far, 0, 1), np.where(far, np.inf, depth)
  else:
    walls = np.array([room.size[0] / 2, room.size[1] / 2, room.size[2]])
    exits = (np.where(rays > 0, walls, -walls * (1, 1, 0)) - origin) / rays
    axis, depth = exits.argmin(-1), exits.min(-1)
    ids = np.where(axis == 2, np.where(rays[..., 2] > 0, 3, 1), 2)
    open_side = (axis == 1) & (rays[..., 1] < 0)
    ids, depth = np.where(open_side, 0, ids), np.where(open_side, np.inf, depth)
  for index, item in enumerate(room.items):
    c, s = math.cos(item.yaw), math.sin(item.yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])  # rows @ turn: to local
    start, ray = (origin - centre(item)) @ turn, rays @ turn
    ray = np.where(ray == 0, 1e-12, ray)
    half = np.sign(ray) * np.array(item.size) / 2
    near, far = ((-half - start) / ray).max(-1), ((half - start) / ray).min(-1)
    hit = (near < far) & (near > 0) & (near < depth)
    ids, depth = np.where(hit, index + 4, ids), np.where(hit, near, depth)
  return ids.astype(np.int32), depth
