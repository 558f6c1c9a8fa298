"""What a room is: plain frozen data that the renderer draws and edits change."""

import dataclasses

GROUND = 60.0  # Metres from the middle to the edges of the square ground outdoors.


@dataclasses.dataclass(frozen=True)
class Material:
  """A surface.

  Attributes:
    texture: name of a texture in the asset library, or None for a plain colour.
    rgb: linear RGB in 0..1; tints nothing when `texture` is set.
    color: the colour's word for captions and phrases, or '' when it has none.
    tile: edge of one texture repeat in metres (walls and floors).
    roughness: 0..1, of the principled BSDF.
    metallic: 0..1.
  """
  texture: str | None
  rgb: tuple[float, float, float]
  color: str = ""
  tile: float = 1.0
  roughness: float = 0.5
  metallic: float = 0.0


@dataclasses.dataclass(frozen=True)
class Item:
  """One named object; its instance id is its place in `Room.items` plus four.

  (ids 1, 2, 3 are floor, wall and ceiling.)

  Attributes:
    category: its noun, for example 'mug'.
    shape: primitive ('box', 'ball', 'cylinder', 'cone', 'torus', 'capsule',
      'table', 'shelf', 'stool', 'lamp', 'picture', …: see `primitives.py`) or
      'asset:NAME' for a mesh of the asset library.
    size: bounding box (width x, depth y, height z) in metres before the yaw.
    position: centre of its base (x, y, z) in metres; the room's floor is z = 0,
      x and y are measured from the room's centre.
    yaw: rotation about +z, radians.
    material: None keeps an asset's own texture.
    support: 'floor', 'wall' or the index in `Room.items` it stands on, as text.
  """
  category: str
  shape: str
  size: tuple[float, float, float]
  position: tuple[float, float, float]
  yaw: float
  material: Material | None
  support: str = "floor"


@dataclasses.dataclass(frozen=True)
class Camera:
  """A pinhole: position and target in metres, horizontal field of view."""
  origin: tuple[float, float, float]
  target: tuple[float, float, float]
  fov_degrees: float


@dataclasses.dataclass(frozen=True)
class Light:
  """A square ceiling lamp, the sky and a sun in it; outdoors there is no lamp.

  Attributes:
    lamp_xy: lamp centre in metres.
    lamp_radiance: W/(m² sr), RGB.
    environment: name of an HDRI in the asset library, or '' for a plain sky:
      constant indoors, a gradient outdoors.
    environment_scale: multiplies the environment after it is normalised to a
      mean of one.
    exposure: multiplies the rendered image before tone mapping.
    lamp_size: edge of the lamp in metres.
    sun: W/m² that the sun adds to a surface that faces it; 0 for none.
    sun_direction: towards the sun, of any length; z > 0.
    tint: multiplies the colour of all light, RGB.
  """
  lamp_xy: tuple[float, float]
  lamp_radiance: tuple[float, float, float]
  environment: str
  environment_scale: float
  exposure: float = 1.0
  lamp_size: float = 0.8
  sun: float = 0.0
  sun_direction: tuple[float, float, float] = (0.0, -0.8, 0.6)
  tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Room:
  """A whole scene. `size` is (width x, depth y, height z) in metres.

  The wall at y = -depth/2, behind the camera, is open to the environment. Outdoors
  there are no walls and no ceiling: `floor` is the ground, and `size` is where things
  stand on it.
  """
  seed: int
  size: tuple[float, float, float]
  floor: Material
  wall: Material
  ceiling: Material
  items: tuple[Item, ...]
  camera: Camera
  light: Light
  outdoors: bool = False
