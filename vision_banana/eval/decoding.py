"""From a painted picture to what it says: the end of every inference."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from vision_banana.codecs import depth, instances, normals, segmentation
from vision_banana.eval import images
from vision_banana.tasks.tasks import Request


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What a model painted for one picture, and what that means.

  Attributes:
    request: what was asked, and how the answer is painted.
    rgb: float32 [H,W,3] in 0..1, multiples of 1/255: exactly what a PNG keeps.
    value: decoded from `rgb`, [H,W] unless said otherwise: depth float32, metres;
      unit normals float32 [H,W,3]; semantic int32, indices into `names`;
      instance int32 ids, 0 = none; referring and edges int32, 1 where it is; a
      picture is its own value.
    names: of the labels 0, 1, … of a label map, 'background' first, else None.
  """
  request: Request
  rgb: np.ndarray
  value: np.ndarray
  names: tuple[str, ...] | None


def is_smooth(request: Request) -> bool:
  """Whether a mixture of two of its colours lies between their two meanings."""
  return request.codec in ("image", "normals")


def decode(request: Request, rgb: np.ndarray,
           curve: depth.Curve = depth.Curve()) -> Prediction:
  """Decodes float RGB [H,W,3] in 0..1 after rounding it to 8 bit.

  `curve` is that by which the model paints depth.
  """
  rgb8 = images.to_uint8(rgb)
  rgb = rgb8.astype(np.float32) / 255
  if request.codec == "depth":
    value = np.asarray(depth.decode(
        rgb, curve.lam, curve.c, request.colormap, curve.far))
  elif request.codec == "normals":
    value = np.asarray(normals.decode(rgb))
  elif request.codec == "segmentation" and request.palette is None:
    value = instances.decode(rgb8, request.background)
  elif request.codec == "segmentation":
    palette = jnp.asarray(request.palette, jnp.float32) / 255
    value = np.asarray(segmentation.decode(rgb, palette))
  else:
    value = rgb
  return Prediction(request, rgb, value, request.names)
