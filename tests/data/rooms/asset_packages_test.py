"""Reading packages: a tree of tiny files laid out like the real ones."""

import base64

import numpy as np
from PIL import Image
import pytest
import trimesh

from vision_banana.data.rooms import asset_packages
from vision_banana.data.rooms import asset_sources
from vision_banana.data.rooms import backend

_QUAD = """v 0 0 0
v 2 0 0
v 2 3 0
v 0 3 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
f 1/1 2/2 3/3
f 1/1 3/3 4/4
"""
_LAPTOP = """<mujocoinclude><body pos="0 0 1">
<geom mesh="lid" material="red" pos="1 0 0" euler="0 0 1.5707963"/>
<geom type="box" size="0.5 1 2" material="red"/>
<geom class="laptop_col" type="box" size="9 9 9"/></body></mujocoinclude>"""
_LAPTOP_ASSETS = """<mujocoinclude><asset><material name="red" rgba="1 0 0 1"/>
<mesh file="../objects/meshes/laptop/lid.stl" name="lid" scale="2 1 1"/></asset>
</mujocoinclude>"""


def write(path, content):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(content)


@pytest.fixture(name="root")
def _root(tmp_path):
  chair = tmp_path / "miniworld/meshes/office_chair.obj"
  write(chair, _QUAD)
  picture = np.zeros((64, 64, 3), np.uint8)
  picture[:32] = (255, 0, 0)  # The top half.
  Image.fromarray(picture).save(chair.with_suffix(".png"))
  objects = tmp_path / asset_sources.METAWORLD / "objects"
  write(objects / "assets/laptop.xml", _LAPTOP)
  write(objects / "assets/laptop_dependencies.xml", _LAPTOP_ASSETS)
  (objects / "meshes/laptop").mkdir(parents=True)
  trimesh.creation.box((1, 1, 1)).export(objects / "meshes/laptop/lid.stl")
  bunny = tmp_path / "pybullet_data/bunny.obj"
  bunny.parent.mkdir()
  trimesh.creation.icosphere(5).export(bunny, include_normals=False)
  return tmp_path


def test_y_up_files_stand_on_their_base(root):
  mesh = asset_packages.read_packages(root).meshes["office_chair"]
  assert mesh.info.category == "office chair" and mesh.info.support == "floor"
  np.testing.assert_allclose(mesh.info.size, (2 / 3, 0, 1), atol=1e-6)
  part, = mesh.parts
  np.testing.assert_allclose(part.vertices.min(0), (-1 / 3, 0, 0), atol=1e-6)
  np.testing.assert_allclose(part.vertices.max(0), (1 / 3, 0, 1), atol=1e-6)
  assert part.texture.shape == (128, 128, 3)
  top = part.vertices[:, 2] > 0.5
  np.testing.assert_allclose(part.uvs[top, 1], 0)  # v runs down the picture.
  assert part.texture[8, 8].tolist() == [255, 0, 0]
  np.testing.assert_allclose(np.abs(part.normals @ (0, 1, 0)), 1, atol=1e-6)


def test_mujoco_bodies_place_visible_geoms_only(root):
  mesh = asset_packages.read_packages(root).meshes["laptop"]
  # The lid, 2 x 1 x 1, turned a quarter to 1 x 2 x 1 at x = 1, and a 1 x 2 x 4 box.
  scale = mesh.info.size[2] / 4
  np.testing.assert_allclose(mesh.info.size, np.array([2, 2, 4]) * scale, rtol=1e-5)
  assert all(p.rgb[0] > 0.5 and p.rgb[1] < 0.01 for p in mesh.parts)


def test_large_meshes_are_decimated(root):
  mesh = asset_packages.read_packages(root).meshes["bunny"]
  faces = sum(len(p.faces) for p in mesh.parts)
  assert 500 < faces <= asset_packages.MAX_FACES
  radius = mesh.info.size[2] / 2
  ball = np.concatenate([p.vertices for p in mesh.parts]) - (0, 0, radius)
  np.testing.assert_allclose(np.linalg.norm(ball, axis=1), radius, rtol=0.05)


def test_environment_is_resized_and_never_negative(tmp_path):
  mi = backend.mitsuba("scalar_rgb")
  image = np.full((128, 256, 3), 2.0, np.float32)
  image[:64] = -1
  image[100, 100] = 1e6
  mi.Bitmap(image).write(str(tmp_path / "sky.exr"))
  data = base64.b64encode((tmp_path / "sky.exr").read_bytes()).decode()
  write(tmp_path / "package/hdri/sky.exr.js",
        f"export default 'data:application/exr;base64,{data}'")
  sky = asset_packages.read_packages(tmp_path).environments["sky"]
  assert sky.shape == (64, 128, 3) and sky.dtype == np.float32
  np.testing.assert_allclose(sky[:32], 0)
  assert sky[40, 0, 0] == pytest.approx(2)
  assert sky.max() <= asset_packages.MAX_RADIANCE
