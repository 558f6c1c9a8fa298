"""Draws rooms with Mitsuba 3 and Open Image Denoise, with exact ground truth.

One scene lives as long as the renderer: one merged mesh, one texture atlas, one
lamp, one environment. A room only replaces the contents of its buffers, and every
number that changes is opaque to the tracing compiler, so that each kernel is
compiled once.
"""

import functools
import os
import subprocess
import sys
import warnings

import numpy as np

from vision_banana.data.rooms import geometry
from vision_banana.data.rooms.assets import Library
from vision_banana.data.rooms.scene import Room
from vision_banana.errors import UserError

LAMP_SIZE = 0.8  # Edge of the square ceiling lamp in metres.
LAMP_GAP = 0.01  # Between lamp and ceiling in metres.
MAX_BOUNCES = 4
SAMPLES = 8  # Per pixel, before the denoiser.
# Newest first: LLVM 14 to 16 cannot compile a path tracer.
_LLVM_LIBRARIES = ("libLLVM-20.so", "libLLVM.so.20.1", "libLLVM-19.so",
                   "libLLVM.so.19.1", "libLLVM-18.so", "libLLVM-17.so")
_PROBE = """
import drjit as dr, mitsuba as mi
mi.set_variant("llvm_ad_rgb")
scene = mi.load_dict(mi.cornell_box())
dr.eval(mi.render(scene, spp=1, sensor=0))
"""


@functools.cache
def variant() -> str:
  """The fastest Mitsuba variant that works here; also sets DRJIT_LIBLLVM_PATH.

  A wrong LLVM aborts the process, so that a child process tries it.
  """
  given = os.environ.get("DRJIT_LIBLLVM_PATH")
  for path in ([given] if given else _LLVM_LIBRARIES):
    environment = dict(os.environ, DRJIT_LIBLLVM_PATH=path)
    try:
      # A cheap test first: most of the names are usually not there.
      subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL({path!r})"],
                     check=True, capture_output=True, timeout=60)
      subprocess.run([sys.executable, "-c", _PROBE], env=environment, check=True,
                     capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
      continue
    os.environ["DRJIT_LIBLLVM_PATH"] = path
    return "llvm_ad_rgb"
  warnings.warn("no usable LLVM (17 or newer) found: rendering about 8 times slower; "
                "install libllvm19 or set DRJIT_LIBLLVM_PATH to its file")
  return "scalar_rgb"


def _mitsuba():
  try:
    import mitsuba as mi  # pylint: disable=g-import-not-at-top
  except ImportError as e:
    raise UserError("mitsuba is not installed: pip install 'vision_banana[render]'"
                    ) from e
  if mi.variant() is None:
    mi.set_variant(variant())
  return mi


def set_threads(count: int) -> None:
  """Limits the threads of this process's renderers."""
  _mitsuba()
  import drjit as dr  # pylint: disable=g-import-not-at-top
  dr.set_thread_count(count)


def tone_map(radiance: np.ndarray) -> np.ndarray:
  """Linear radiance ≥ 0 → uint8 sRGB; highlights roll off instead of clipping."""
  x = 1 - np.exp(-1.4 * np.maximum(radiance, 0))
  srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(x, 1 / 2.4) - 0.055)
  return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)


class Renderer:
  """Renders rooms at one size.

  Attributes:
    size: width and height in pixels.
    spp: samples per pixel before the denoiser.
  """

  def __init__(self, size: int, library: Library, spp: int = SAMPLES):
    self.size = size
    self.spp = spp
    self._mi = mi = _mitsuba()
    self._jit = "llvm" in mi.variant()
    self._atlas = geometry.Atlas(library)
    self._library = library
    self._environment_shape = next(
        (e.shape[:2] for e in library.environments.values()), (8, 16))
    mesh = self._mesh()
    film = {"type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgb",
            "rfilter": {"type": "box"}}
    camera = {"type": "perspective", "fov": 60.0, "near_clip": 0.01, "film": film,
              "to_world": mi.ScalarTransform4f().look_at([0, -2, 1], [0, 0, 1],
                                                         [0, 0, 1])}
    ones = np.ones(self._environment_shape + (3,), np.float32)
    self._scene = mi.load_dict({
        "type": "scene",
        "mesh": mesh,
        "lamp": {"type": "rectangle",
                 "emitter": {"type": "area", "radiance": {"type": "rgb", "value": 1.0}},
                 "bsdf": {"type": "diffuse"}},
        "environment": {"type": "envmap", "bitmap": mi.Bitmap(ones),
                        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90)},
        "camera": dict(camera, sampler={"type": "independent"}),
    })
    # One unjittered sample a pixel is the ray through the pixel's centre.
    self._exact = mi.load_dict(dict(camera, sampler={
        "type": "stratified", "sample_count": 1, "jitter": False}))
    self._path = mi.load_dict({
        "type": "aov", "aovs": "a:albedo,n:sh_normal",
        "path": {"type": "path", "max_depth": MAX_BOUNCES}})
    self._ground_truth = mi.load_dict({
        "type": "aov", "aovs": "p:position,n:sh_normal,f:prim_index"})
    self._parameters = mi.traverse(self._scene)
    self._exact_parameters = mi.traverse(self._exact)
    self._denoise = _Denoiser(size)

  def _mesh(self):
    mi = self._mi
    bitmap = {"type": "bitmap", "data": mi.TensorXf(self._atlas.image), "raw": True,
              "format": "fp16", "wrap_mode": "clamp"}
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({
        "type": "twosided",
        "inside": {"type": "principled", "base_color": bitmap, "specular": 0.5,
                   "roughness": {"type": "mesh_attribute", "name": "vertex_roughness"},
                   "metallic": {"type": "mesh_attribute", "name": "vertex_metallic"}}})
    mesh = mi.Mesh("room", 3, 1, props=properties, has_vertex_normals=True,
                   has_vertex_texcoords=True)
    mesh.add_attribute("vertex_roughness", 1, [0.5] * 3)
    mesh.add_attribute("vertex_metallic", 1, [0.0] * 3)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = [0, 0, 0, 1, 0, 0, 0, 1, 0]
    parameters["vertex_normals"] = [0, 0, 1] * 3
    parameters["faces"] = [0, 1, 2]
    parameters.update()
    return mesh

  def render(self, room: Room) -> dict[str, np.ndarray]:
    """One room.

    Returns:
      image: uint8 [size, size, 3] sRGB. depth: float32 [size, size], metres along
      the optical axis, inf where the ray leaves through the open wall. normals:
      float32 [size, size, 3], unit, +x right +y up +z to the camera. instances:
      int32 [size, size]: 0 nothing, 1 floor, 2 wall, 3 ceiling, then items.

    Raises:
      UserError: the room names a texture, mesh or environment that is not there.
    """
    mi = self._mi
    faces_to_id = self._load(room)
    seed = self._opaque(mi.UInt32, room.seed % 2**31)
    exact = np.array(mi.render(self._scene, sensor=self._exact,
                               integrator=self._ground_truth, spp=1, seed=seed))
    noisy = np.array(mi.render(self._scene, sensor=0, integrator=self._path,
                               spp=self.spp, seed=seed))
    rgb, albedo, normal = noisy[..., :3], noisy[..., -6:-3], noisy[..., -3:]
    clean = self._denoise(rgb, np.clip(albedo, 0, 1), normal)
    return {"image": tone_map(clean * room.light.exposure),
            **self._truth(room, exact, faces_to_id)}

  def _opaque(self, kind, value):
    if not self._jit:
      return value
    import drjit as dr  # pylint: disable=g-import-not-at-top
    return dr.opaque(kind, value)

  def _transform(self, matrix):
    mi = self._mi
    if not self._jit:
      return mi.Transform4f(matrix)
    import drjit as dr  # pylint: disable=g-import-not-at-top
    values = mi.Matrix4f(matrix.matrix)
    dr.make_opaque(values)
    return mi.Transform4f(values)

  def _load(self, room: Room) -> np.ndarray:
    """Puts a room into the scene; returns the instance id of each face."""
    mi, p = self._mi, self._parameters
    t = mi.ScalarTransform4f
    g = geometry.build(room, self._library, self._atlas)
    p["mesh.vertex_positions"] = mi.Float(g.vertices.ravel())
    p["mesh.vertex_normals"] = mi.Float(g.normals.ravel())
    p["mesh.vertex_texcoords"] = mi.Float(g.uvs.ravel())
    p["mesh.vertex_roughness"] = mi.Float(g.roughness)
    p["mesh.vertex_metallic"] = mi.Float(g.metallic)
    p["mesh.faces"] = mi.UInt32(g.faces.ravel())
    light = room.light
    p["lamp.to_world"] = self._transform(
        t().translate([*light.lamp_xy, room.size[2] - LAMP_GAP]).rotate([1, 0, 0], 180)
        .scale([LAMP_SIZE / 2, LAMP_SIZE / 2, 1]))
    p["lamp.emitter.radiance.value"] = mi.Color3f(
        *[self._opaque(mi.Float, x) for x in light.lamp_radiance])
    p["environment.data"] = mi.TensorXf(self._panorama(light))
    camera = room.camera
    pose = t().look_at(list(camera.origin), list(camera.target), [0, 0, 1])
    for parameters, prefix in ((p, "camera."), (self._exact_parameters, "")):
      parameters[prefix + "to_world"] = self._transform(pose)
      parameters[prefix + "x_fov"] = self._opaque(mi.Float, camera.fov_degrees)
      parameters.update()
    return g.instances

  def _panorama(self, light) -> np.ndarray:
    if not light.environment:
      image = np.ones(self._environment_shape + (3,), np.float32)
    elif light.environment in self._library.environments:
      image = self._library.environments[light.environment]
    else:
      raise UserError(f"no environment {light.environment!r} in the asset library: "
                      "run `vision-banana render --fetch-assets`")
    image = image * (light.environment_scale / image.mean())
    wanted = self._parameters["environment.data"].shape
    if image.shape[1] + 1 == wanted[1]:  # Mitsuba repeats the first column.
      image = np.concatenate([image, image[:, :1]], 1)
    if wanted[2] == 4:
      image = np.concatenate([image, np.ones_like(image[..., :1])], 2)
    return np.ascontiguousarray(image, np.float32)

  def _truth(self, room: Room, aovs: np.ndarray,
             faces_to_id: np.ndarray) -> dict[str, np.ndarray]:
    right, up, back = axes(room.camera)
    position, normal, face = np.split(aovs[..., -7:], [3, 6], axis=2)
    valid = (normal**2).sum(-1) > 0.25
    instances = np.where(valid, faces_to_id[face[..., 0].astype(np.int64)], 0)
    # The lamp's face is number 0 of its own mesh, as the floor's first is of the
    # room's. It hangs just below the ceiling and counts as ceiling.
    high = position[..., 2] > room.size[2] - 1.5 * LAMP_GAP
    instances = np.where((instances == geometry.FLOOR) & high, geometry.CEILING,
                         instances)
    offset = position - np.asarray(room.camera.origin, np.float32)
    depth = np.where(valid, -(offset @ back), np.inf)
    facing = np.where((offset * normal).sum(-1, keepdims=True) > 0, -normal, normal)
    normals = facing @ np.stack([right, up, back], 1)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(valid[..., None], normals / np.maximum(length, 1e-9), 0)
    return {"depth": depth.astype(np.float32), "normals": normals.astype(np.float32),
            "instances": instances.astype(np.int32)}


def axes(camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The camera's unit right, up and back (towards the viewer) in the room."""
  back = np.subtract(camera.origin, camera.target).astype(np.float64)
  back /= np.linalg.norm(back)
  right = np.cross([0, 0, 1], back)
  right /= np.linalg.norm(right)
  return right, np.cross(back, right), back


class _Denoiser:
  """Open Image Denoise on one CPU thread, guided by albedo and normals."""

  def __init__(self, size: int):
    import pyoidn  # pylint: disable=g-import-not-at-top
    self._device = pyoidn.Device()
    self._device.set_int("numThreads", 1)
    self._device.set_bool("setAffinity", False)
    self._device.commit()
    self._images = {name: np.zeros((size, size, 3), np.float32)
                    for name in ("color", "albedo", "normal", "output")}
    self._filter = pyoidn.Filter(self._device, pyoidn.OIDN_FILTER_TYPE_RT)
    for name, image in self._images.items():
      self._filter.set_image(name, image, pyoidn.OIDN_FORMAT_FLOAT3)
    self._filter.set_bool("hdr", True)
    self._filter.commit()

  def __call__(self, color: np.ndarray, albedo: np.ndarray,
               normal: np.ndarray) -> np.ndarray:
    for name, image in (("color", color), ("albedo", albedo), ("normal", normal)):
      self._images[name][...] = image
    self._filter.execute()
    error = self._device.get_error()
    if error is not None:
      raise RuntimeError(f"Open Image Denoise: {error}")
    return self._images["output"].copy()
