"""Which files of which packages become the asset library.

Licences: robosuite and metaworld MIT, pybullet zlib, miniworld Apache 2.0,
@pmndrs/assets CC0. None of their data is part of this repository.
"""

import dataclasses

ROBOSUITE = "robosuite/models/assets"
METAWORLD = "metaworld/assets"


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a mesh is and how it stands.

  Attributes:
    name: in the library.
    category: its noun.
    files: .obj, .stl or MuJoCo .xml paths below the unpacked packages.
    height: metres after standing it up, or None for the file's own scale.
    support: 'table' or 'floor'.
    up: the file's up axis.
    texture: image beside the mesh file; a material file may name another.
    color: sRGB of a mesh without texture; None takes its material file's.
    turn: degrees about +z, so that its front faces -y.
  """
  name: str
  category: str
  files: tuple[str, ...]
  height: float | None
  support: str = "table"
  up: str = "z"
  texture: str | None = None
  color: tuple[float, float, float] | None = None
  turn: float = 0.0


def _robosuite(name: str, category: str, texture: str, height: float) -> Source:
  return Source(name, category, (f"{ROBOSUITE}/objects/meshes/{name}.obj",), height,
                texture=f"{ROBOSUITE}/textures/{texture}.png")


def _metaworld(name: str, category: str, height: float, support: str = "table",
               turn: float = 0.0) -> Source:
  return Source(name.lower(), category, (f"{METAWORLD}/objects/assets/{name}.xml",),
                height, support, turn=turn)


def _pybullet(name: str, category: str, path: str, height: float, **kwargs) -> Source:
  return Source(name, category, (f"pybullet_data/{path}",), height, **kwargs)


def _miniworld(name: str, category: str, height: float, support: str,
               **kwargs) -> Source:
  return Source(name, category, (f"miniworld/meshes/{name}.obj",), height, support,
                "y", texture=f"miniworld/meshes/{name}.png", **kwargs)


MESHES = (
    _robosuite("bottle", "bottle", "glass", 0.16),
    _robosuite("bread", "bread", "bread", 0.07),
    _robosuite("can", "soda can", "soda", 0.12),
    _robosuite("cereal", "cereal box", "cereal", 0.2),
    _robosuite("lemon", "lemon", "lemon", 0.06),
    _robosuite("milk", "milk carton", "ceramic", 0.18),
    _metaworld("laptop", "laptop", 0.24),
    _metaworld("coffeemachine", "coffee machine", 0.34),
    _metaworld("thermos", "thermos", 0.24),
    _metaworld("hammer", "hammer", 0.05),
    _metaworld("faucet", "faucet", 0.2),
    _metaworld("drawer", "drawer", 0.2),
    _metaworld("basketball", "basketball", 0.24, "floor"),
    _metaworld("basketballhoop", "basketball hoop", 1.3, "floor"),
    _metaworld("soccer_goal", "soccer goal", 0.6, "floor"),
    _metaworld("doorlockA", "safe", 0.35, "floor"),
    _metaworld("buttonbox", "button box", 0.12),
    _metaworld("shelf", "rack", 0.3),
    _pybullet("duck", "rubber duck", "duck.obj", 0.12, up="y",
              texture="pybullet_data/duckCM.png"),
    _pybullet("bunny", "toy bunny", "bunny.obj", 0.18, color=(.75, .7, .65)),
    _pybullet("teddy", "teddy bear", "teddy2_VHACD_CHs.obj", 0.28, up="y",
              color=(.55, .35, .18)),
    _pybullet("lego", "toy brick", "lego/lego.obj", 0.06, up="y", color=(.8, .1, .1)),
    _pybullet("pybullet_mug", "mug", "urdf/mug.obj", 0.1, color=(.75, .75, .7),
              turn=90),
    _pybullet("soccerball", "soccer ball", "soccerball.obj", 0.22, up="y",
              support="floor"),
    _pybullet("tray", "tray", "tray/tray_textured.obj", 0.06,
              texture="pybullet_data/tray/tray.jpg"),
    _miniworld("office_chair", "office chair", 1.0, "floor"),
    _miniworld("office_desk", "office desk", 0.75, "floor"),
    _miniworld("cone", "traffic cone", 0.6, "floor"),
    _miniworld("barrel", "barrel", 0.85, "floor"),
    _miniworld("barrier", "barrier", 0.4, "floor"),
    _miniworld("tree", "potted tree", 1.4, "floor"),
    _miniworld("tree_pine", "pine tree", 1.5, "floor", color=(.15, .4, .2)),
    _miniworld("medkit", "first-aid kit", 0.2, "table"),
    _miniworld("potion", "potion", 0.2, "table"),
    _miniworld("key", "key", 0.12, "table", color=(.8, .6, .2)),
    _miniworld("duckie", "toy duck", 0.16, "table"),
    _miniworld("building", "toy building", 0.6, "floor"),
)

# Texture name → file; names are unique.
_R, _M, _W = f"{ROBOSUITE}/textures", f"{METAWORLD}/textures", "miniworld/textures"
TEXTURES = {
    "floor": [f"{_R}/{n}.png" for n in (
        "wood-tiles", "wood-varnished-panels", "light-gray-floor-tile", "gray-felt",
        "gray-woodgrain")]
             + [f"{_M}/{n}.png" for n in ("floor1", "floor2", "granite")]
             + [f"{_W}/{n}.png" for n in (
                 "floor_tiles_bw_1", "floor_tiles_white", "wood_planks_1",
                 "concrete_tiles_1", "marble_1", "marble_2", "wood_1")],
    "wall": [f"{_R}/{n}.png" for n in (
        "white-bricks", "pink-plaster", "cream-plaster", "gray-plaster",
        "light-gray-plaster", "white-plaster", "yellow-plaster")]
            + [f"{_M}/{n}.png" for n in ("brick1", "plaster1")]
            + [f"{_W}/{n}.png" for n in (
                "brick_wall_1", "cinder_blocks_1", "concrete_1", "concrete_2",
                "drywall_1", "stucco_1", "ceiling_tiles_1")],
    "table": [f"{_R}/{n}.png" for n in (
        "blue-wood", "dark-wood", "green-wood", "light-wood", "red-wood", "ceramic",
        "steel-brushed")]
             + [f"{_M}/{n}.png" for n in ("wood1", "wood2", "wood3", "marble")]
             + [f"{_W}/{n}.png" for n in ("wood_2", "cardboard_1")],
}
PICTURES = f"{_W}/portraits/*.png"
