"""Draws rooms with Mitsuba 3 and Open Image Denoise, with exact ground truth.

One scene lives as long as the renderer: one merged mesh, one texture atlas, one
lamp, one environment. A room only replaces the contents of its buffers, and every
number that changes is opaque to the tracing compiler, so that each kernel is
compiled once.
"""

import numpy as np

from vision_banana.data.rooms import backend
from vision_banana.data.rooms import denoise
from vision_banana.data.rooms import geometry
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import sky
from vision_banana.data.rooms.assets import Library
from vision_banana.data.rooms.scene import Room
from vision_banana.errors import UserError

LAMP_GAP = 0.01  # Between lamp and ceiling in metres.
MAX_BOUNCES = 4
SAMPLES = 8  # Per pixel, before the denoiser.


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
    self._mi = mi = backend.mitsuba()
    self._jit = "llvm" in mi.variant()
    self._atlas = geometry.Atlas(library)
    self._library = library
    self._environment_shape = next(
        (e.shape[:2] for e in library.environments.values()), sky.SHAPE)
    self._path = mi.load_dict({"type": "path", "max_depth": MAX_BOUNCES})
    # Not around the path integrator: that would trace every path twice.
    self._guides = mi.load_dict({"type": "aov", "aovs": "a:albedo,n:sh_normal"})
    self._ground_truth = mi.load_dict({
        "type": "aov", "aovs": "p:position,n:sh_normal,f:prim_index"})
    self._denoise = denoise.Denoiser(size)
    self._build(3, 1)

  def _build(self, vertices: int, faces: int) -> None:
    """Makes a scene whose mesh has this many vertices and faces."""
    mi, size = self._mi, self.size
    film = {"type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgb",
            "rfilter": {"type": "box"}}
    camera = {"type": "perspective", "fov": 60.0, "near_clip": 0.01, "film": film,
              "to_world": mi.ScalarTransform4f().look_at([0, -2, 1], [0, 0, 1],
                                                         [0, 0, 1])}
    ones = np.ones(self._environment_shape + (3,), np.float32)
    self._scene = mi.load_dict({
        "type": "scene",
        "mesh": self._mesh(vertices, faces),
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
    self._parameters = mi.traverse(self._scene)
    self._exact_parameters = mi.traverse(self._exact)

  def _mesh(self, vertices: int, faces: int):
    mi = self._mi
    bitmap = {"type": "bitmap", "data": mi.TensorXf(self._atlas.image), "raw": True,
              "format": "fp16", "wrap_mode": "clamp"}
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({
        "type": "twosided",
        "inside": {"type": "principled", "base_color": bitmap, "specular": 0.5,
                   "roughness": {"type": "mesh_attribute", "name": "vertex_roughness"},
                   "metallic": {"type": "mesh_attribute", "name": "vertex_metallic"}}})
    mesh = mi.Mesh("room", vertices, faces, props=properties,
                   has_vertex_normals=True, has_vertex_texcoords=True)
    mesh.add_attribute("vertex_roughness", 1, [0.5] * vertices)
    mesh.add_attribute("vertex_metallic", 1, [0.0] * vertices)
    return mesh

  def render(self, room: Room) -> dict[str, np.ndarray]:
    """One room.

    Returns:
      image: uint8 [size, size, 3] sRGB. depth: float32 [size, size], metres along
      the optical axis, inf where the ray leaves through the open wall or ends in
      the sky. normals:
      float32 [size, size, 3], unit, +x right +y up +z to the camera. instances:
      int32 [size, size]: 0 nothing, 1 floor or ground, 2 wall, 3 ceiling, then items.

    Raises:
      UserError: the room names a texture, mesh or environment that is not there.
    """
    mi = self._mi
    faces_to_id = self._load(room)
    seed = self._opaque(mi.UInt32, room.seed % 2**31)

    def draw(sensor, integrator, spp):
      return np.array(mi.render(self._scene, sensor=sensor, integrator=integrator,
                                spp=spp, seed=seed))

    exact = draw(self._exact, self._ground_truth, 1)
    rgb = draw(0, self._path, self.spp)
    guides = draw(0, self._guides, self.spp)  # Same seed: the same primary rays.
    albedo, normal = np.split(guides[..., -6:], 2, axis=2)
    clean = self._denoise(rgb, np.clip(albedo, 0, 1), normal)
    light = np.multiply(room.light.tint, room.light.exposure)
    return {"image": tone_map(clean * light),
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
    mi = self._mi
    t = mi.ScalarTransform4f
    g = geometry.build(room, self._library, self._atlas)
    if not self._jit:  # Buffers of scalar variants cannot change their size.
      self._build(len(g.vertices), len(g.faces))
    p = self._parameters
    for name, value in (
        ("vertex_positions", g.vertices), ("vertex_normals", g.normals),
        ("vertex_texcoords", g.uvs), ("vertex_roughness", g.roughness),
        ("vertex_metallic", g.metallic), ("faces", g.faces)):
      key = "mesh." + name
      p[key] = type(p[key])(value.ravel())
    light = room.light
    # Outdoors it is off, and out of sight below the ground.
    height = -1. if room.outdoors else room.size[2] - LAMP_GAP
    p["lamp.to_world"] = self._transform(
        t().translate([*light.lamp_xy, height]).rotate([1, 0, 0], 180)
        .scale([light.lamp_size / 2, light.lamp_size / 2, 1]))
    p["lamp.emitter.radiance.value"] = mi.Color3f(
        *[self._opaque(mi.Float, x) for x in light.lamp_radiance])
    camera = room.camera
    pose = t().look_at(list(camera.origin), list(camera.target), [0, 0, 1])
    for parameters, prefix in ((p, "camera."), (self._exact_parameters, "")):
      parameters[prefix + "to_world"] = self._transform(pose)
      parameters[prefix + "x_fov"] = self._opaque(mi.Float, camera.fov_degrees)
      parameters.update()
    # Last: the environment measures the scene when it is updated, and a sphere that
    # is left from an earlier, smaller room lets its light through the walls.
    p["environment.data"] = mi.TensorXf(self._panorama(room))
    p.update()
    return g.instances

  def _panorama(self, room: Room) -> np.ndarray:
    light = room.light
    if not light.environment:
      image = sky.plain(self._environment_shape, room.outdoors)
    elif light.environment in self._library.environments:
      image = self._library.environments[light.environment]
    else:
      raise UserError(f"no environment {light.environment!r} in the asset library: "
                      "run `vision-banana render --fetch-assets`")
    image = image * (light.environment_scale / image.mean())
    image = sky.with_sun(image, light.sun, light.sun_direction)
    # Mitsuba 3.9 keeps a copy of the opposite column on either side.
    image = np.concatenate([image[:, -1:], image, image[:, :1]], 1)
    return np.ascontiguousarray(image, np.float32)

  def _truth(self, room: Room, aovs: np.ndarray,
             faces_to_id: np.ndarray) -> dict[str, np.ndarray]:
    right, up, back = layout.camera_axes(room.camera)
    position, normal, face = np.split(aovs[..., -7:], [3, 6], axis=2)
    valid = (normal**2).sum(-1) > 0.25
    instances = np.where(valid, faces_to_id[face[..., 0].astype(np.int64)], 0)
    # The lamp's face is number 0 of its own mesh, as the floor's first is of the
    # room's. It hangs just below the ceiling and counts as ceiling.
    high = not room.outdoors and position[..., 2] > room.size[2] - 1.5 * LAMP_GAP
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
