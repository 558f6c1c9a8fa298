"""A room as one triangle mesh over one texture atlas."""

import dataclasses
import math

import numpy as np

from vision_banana.data.rooms import grounds
from vision_banana.data.rooms import primitives
from vision_banana.data.rooms.assets import Library
from vision_banana.data.rooms.scene import GROUND, Item, Material, Room
from vision_banana.errors import UserError

FLOOR, WALL, CEILING = 1, 2, 3
FIRST_ITEM = 4
CELL = 128
MAX_TILES = 24  # Repeats of a wall or floor texture along one edge.
GROUND_TILES = 100  # The same for the ground.
_BLUES = 256


@dataclasses.dataclass(frozen=True)
class Geometry:
  """One mesh in world coordinates (z up, metres).

  Attributes:
    vertices: float32 [V, 3].
    normals: float32 [V, 3].
    uvs: float32 [V, 2] into the atlas.
    roughness: float32 [V].
    metallic: float32 [V].
    faces: uint32 [F, 3].
    instances: int32 [F].
  """
  vertices: np.ndarray
  normals: np.ndarray
  uvs: np.ndarray
  roughness: np.ndarray
  metallic: np.ndarray
  faces: np.ndarray
  instances: np.ndarray


class Atlas:
  """All textures of a library in one image, and every plain colour.

  Plain colours need no cell of their own: the first row of cells holds, for each
  of 256 blues, a 2×2 block whose corners are the four extremes of red and green.
  Bilinear interpolation between texel centres is linear, so a point of the block
  is any red and green exactly.

  Attributes:
    image: float32 [n * 128, n * 128, 3], linear RGB.
  """

  def __init__(self, library: Library):
    pictures = {n: image for n, (_, image) in library.textures.items()}
    pictures.update({n: grounds.texture(n) for n in grounds.TEXTURES})
    for name, mesh in library.meshes.items():
      for i, part in enumerate(mesh.parts):
        if part.texture is not None:
          pictures[f"asset:{name}:{i}"] = part.texture
    # The first row is for the colours.
    self._columns = n = max(4, math.ceil(math.sqrt(len(pictures) + 1)) + 1)
    self._edge = n * CELL
    self.image = np.zeros((self._edge, self._edge, 3), np.float32)
    self._cells = {}
    for k, (name, picture) in enumerate(pictures.items()):
      row, column = divmod(k + n, n)
      if picture.shape != (CELL, CELL, 3):
        raise ValueError(f"texture {name} is {picture.shape}, not {CELL}x{CELL}")
      linear = (picture.astype(np.float32) / 255) ** 2.2
      self.image[row * CELL:(row + 1) * CELL,
                 column * CELL:(column + 1) * CELL] = linear
      self._cells[name] = (column, row)
    self._blocks_per_row = self._edge // 2
    for b in range(_BLUES):
      y, x = divmod(b, self._blocks_per_row)
      for g in range(2):
        for r in range(2):
          self.image[2 * y + g, 2 * x + r] = (r, g, (b / (_BLUES - 1)) ** 2.2)

  def texture(self, name: str, uvs: np.ndarray) -> np.ndarray:
    """uvs [V, 2] in 0..1 of a named texture → uvs of the atlas.

    Raises:
      UserError: there is no such texture.
    """
    if name not in self._cells:
      raise UserError(f"no texture {name!r} in the asset library: "
                      "run `vision-banana render --fetch-assets`")
    inside = 0.5 + np.clip(uvs, 0, 1) * (CELL - 1)
    return (np.array(self._cells[name]) * CELL + inside) / self._edge

  def color(self, rgb: tuple[float, float, float], count: int) -> np.ndarray:
    """The place of a plain linear colour, float [count, 2]."""
    r, g, b = np.clip(rgb, 0, 1)
    y, x = divmod(round(float(b) ** (1 / 2.2) * (_BLUES - 1)), self._blocks_per_row)
    place = (np.array([2 * x + 0.5 + r, 2 * y + 0.5 + g])) / self._edge
    return np.tile(place, (count, 1))

  def surface(self, material: Material, uvs: np.ndarray) -> np.ndarray:
    """uvs of a surface → uvs of the atlas."""
    if material.texture is None:
      return self.color(material.rgb, len(uvs))
    return self.texture(material.texture, uvs)


def _panel(origin, right, up, material: Material, most: int = MAX_TILES
           ) -> tuple[np.ndarray, ...]:
  """A rectangle of whole texture tiles; its normal is right × up."""
  origin, right, up = (np.asarray(a, float) for a in (origin, right, up))
  counts = [1, 1]
  if material.texture is not None:
    counts = [int(np.clip(round(np.linalg.norm(e) / material.tile), 1, most))
              for e in (right, up)]
  i, j = np.meshgrid(np.arange(counts[0]), np.arange(counts[1]), indexing="ij")
  corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
  grid = np.stack([i.ravel(), j.ravel()], 1)[:, None] + corner
  vertices = (origin + grid[..., :1] / counts[0] * right
              + grid[..., 1:] / counts[1] * up).reshape(-1, 3)
  uvs = np.tile(np.stack([corner[:, 0], 1 - corner[:, 1]], 1), (len(grid), 1))
  quad = np.array([(0, 1, 2), (0, 2, 3)])
  faces = (4 * np.arange(len(grid))[:, None, None] + quad).reshape(-1, 3)
  normal = np.cross(right, up)
  normals = np.tile(normal / np.linalg.norm(normal), (len(vertices), 1))
  return vertices, normals, uvs, faces


def _shell(room: Room):
  """Floor, walls and ceiling, or the ground: (instance, panel, material)."""
  if room.outdoors:
    edge = 2 * GROUND
    yield FLOOR, _panel((-GROUND, -GROUND, 0), (edge, 0, 0), (0, edge, 0), room.floor,
                        most=GROUND_TILES), room.floor
    return
  w, d, h = room.size
  x, y = w / 2, d / 2
  yield FLOOR, _panel((-x, -y, 0), (w, 0, 0), (0, d, 0), room.floor), room.floor
  yield WALL, _panel((-x, y, 0), (w, 0, 0), (0, 0, h), room.wall), room.wall
  yield WALL, _panel((-x, -y, 0), (0, d, 0), (0, 0, h), room.wall), room.wall
  yield WALL, _panel((x, y, 0), (0, -d, 0), (0, 0, h), room.wall), room.wall
  yield CEILING, _panel((-x, y, h), (w, 0, 0), (0, -d, 0), room.ceiling), room.ceiling


def _pieces(item: Item, library: Library, atlas: Atlas):
  """(unit vertices, normals, atlas uvs, faces, roughness, metallic) of an item."""
  if not item.shape.startswith("asset:"):
    for piece in primitives.make(item.shape):
      material = piece.material or item.material
      if material is None:
        raise UserError(f"a {item.category} of shape {item.shape!r} needs a material")
      yield (piece.vertices, piece.normals, atlas.surface(material, piece.uvs),
             piece.faces, material.roughness, material.metallic)
    return
  name = item.shape.removeprefix("asset:")
  if name not in library.meshes:
    raise UserError(f"no mesh {name!r} in the asset library: "
                    "run `vision-banana render --fetch-assets`")
  mesh = library.meshes[name]
  for i, part in enumerate(mesh.parts):
    if item.material is not None:
      uvs = atlas.surface(item.material, part.uvs)
    elif part.texture is not None:
      uvs = atlas.texture(f"asset:{name}:{i}", part.uvs)
    else:
      uvs = atlas.color(part.rgb, len(part.uvs))
    material = item.material or Material(None, part.rgb, roughness=0.45)
    yield (part.vertices / mesh.info.size, part.normals * mesh.info.size, uvs,
           part.faces, material.roughness, material.metallic)


def build(room: Room, library: Library, atlas: Atlas) -> Geometry:
  """Merges the shell and the items of a room.

  Raises:
    UserError: the room names a shape, mesh or texture that does not exist.
  """
  columns = [[] for _ in range(7)]
  start = 0

  def add(instance, vertices, normals, uvs, faces, roughness, metallic):
    nonlocal start
    count = len(vertices)
    for column, value in zip(columns, (
        vertices, normals, uvs, np.full(count, roughness), np.full(count, metallic),
        faces + start, np.full(len(faces), instance))):
      column.append(value)
    start += count

  for instance, (vertices, normals, uvs, faces), material in _shell(room):
    add(instance, vertices, normals, atlas.surface(material, uvs), faces,
        material.roughness, material.metallic)
  for i, item in enumerate(room.items):
    c, s = np.cos(item.yaw), np.sin(item.yaw)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])  # Row vectors.
    size = np.array(item.size, float)
    for vertices, normals, uvs, *rest in _pieces(item, library, atlas):
      n = normals / size @ turn
      n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)
      add(FIRST_ITEM + i, vertices * size @ turn + item.position, n, uvs, *rest)
  kinds = (np.float32,) * 5 + (np.uint32, np.int32)
  return Geometry(*[np.ascontiguousarray(np.concatenate(c), k)
                    for c, k in zip(columns, kinds)])
