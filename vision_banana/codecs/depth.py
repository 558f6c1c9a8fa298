"""Metric depth to RGB and back (paper, section on metric depth).

Depth d in metres, [0, inf), is squeezed to a fraction of arc length
f = 1 - (1 - d / (lam c))^(lam + 1), [0, 1), and laid out along seven edges of the
RGB cube: black, red, yellow, green, cyan, blue, magenta, white. To decode, a
colour is projected onto the nearest of the seven edges and f is inverted. Plasma,
Inferno, Viridis and grayscale, used as augmentation, and Turbo are polylines too and
decode in the same way.

For comparison the squeeze may end at a depth `far`: f is divided by its value there.
Then lam goes up to 0: at -1 f is log(1 + d / c) over log(1 + far / c), at 0 it
is d / far, and in between it is the same formula.

All arithmetic is float32. Far depths sit where f is close to one, so the
complement u = 1 - f is carried beside f and used wherever it is the smaller.
"""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from vision_banana.codecs import colormap_tables
from vision_banana.errors import UserError

COLORMAPS = ("cube", "plasma", "inferno", "viridis", "grayscale", "turbo")
# What white decodes to, in metres. With the paper's lam and c no other float32
# colour reaches it; a finite value keeps metrics and gradients finite.
MAX_DEPTH = 1e6

_CUBE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1],
                  [1, 0, 1], [1, 1, 1]], np.float32)
_TABLE_SIZE = 256


@dataclasses.dataclass(frozen=True)
class Curve:
  """How depth is squeezed to 0..1 of a colour map.

  Attributes:
    lam: shape; the paper's is -3.
    c: scale, metres; the paper's is 10/3.
    far: depth, metres, that the map ends at; 0: it has no end, as in the paper.
  """
  lam: float = -3.0
  c: float = 10 / 3
  far: float = 0.0

  def __post_init__(self):
    try:
      _check(self.lam, self.c, self.far)
    except UserError as e:
      raise ValueError(str(e)) from None


def _unpack(digits: str) -> np.ndarray:
  values = [int(digits[i:i + 5], 16) for i in range(0, len(digits), 5)]
  return (np.array(values).reshape(_TABLE_SIZE, 3) / 1e6).astype(np.float32)


# float32 [5, 256, 3], the rows of COLORMAPS[1:].
_TABLES = np.stack([
    _unpack(colormap_tables.PLASMA),
    _unpack(colormap_tables.INFERNO),
    _unpack(colormap_tables.VIRIDIS),
    np.repeat(np.linspace(0, 1, _TABLE_SIZE, dtype=np.float32)[:, None], 3, axis=1),
    _unpack(colormap_tables.TURBO),
])


def _polyline(colormap: str) -> np.ndarray:
  """The vertices of a colour map, float32 [S + 1, 3]."""
  if colormap == "cube":
    return _CUBE
  if colormap == "grayscale":
    return _CUBE[[0, -1]]
  return _TABLES[COLORMAPS.index(colormap) - 1]


def _check(lam: float, c: float, far: float, colormap: str | None = None
           ) -> tuple[float, float, float]:
  """Returns (lam, c, far) as floats, or raises UserError."""
  lam, c, far = float(lam), float(c), float(far)
  if not (math.isfinite(far) and far >= 0):
    raise UserError(f"depth codec: far={far:g} must be above 0, or 0 for no end.")
  if not (math.isfinite(lam) and (lam < -1 or far and lam <= 0)):
    raise UserError(f"depth codec: lam={lam:g} must be below -1 (the paper uses -3), "
                    "or at most 0 with a far end.")
  if not (math.isfinite(c) and c > 0):
    raise UserError(f"depth codec: c={c:g} must be above 0; the paper uses 10/3.")
  if colormap is not None and colormap not in COLORMAPS:
    raise UserError(f"unknown depth colour map '{colormap}'; use one of "
                    f"{', '.join(COLORMAPS)}.")
  return lam, c, far


def encode(
    depth: jax.typing.ArrayLike,
    lam: float = -3.0,
    c: float = 10 / 3,
    colormap: str | jax.typing.ArrayLike = "cube",
    far: float = 0.0,
) -> jax.Array:
  """Paints metric depth.

  Args:
    depth: [...] in metres. Infinity becomes the far end of the map (white on the
      cube), NaN (no depth) becomes black, a negative depth counts as 0.
    lam: shape of the squeeze, below -1; with a `far` end at most 0.
    c: scale of the squeeze, metres, above 0.
    colormap: a name of COLORMAPS, or an int array of indices into COLORMAPS
      (may be traced) that matches the leading dimensions of `depth`.
    far: metres at the end of the map, what is farther is painted like it; 0: no end.

  Returns:
    RGB, float32 [..., 3] in 0..1.

  Raises:
    UserError: lam, c or far out of range, unknown colour map.
  """
  if isinstance(colormap, str):
    return _encode(depth, *_check(lam, c, far, colormap), colormap)
  return _encode_mixed(depth, colormap, *_check(lam, c, far))


def decode(
    rgb: jax.typing.ArrayLike,
    lam: float = -3.0,
    c: float = 10 / 3,
    colormap: str = "cube",
    far: float = 0.0,
) -> jax.Array:
  """Reads metric depth from the nearest point of the colour map.

  Between equally near edges the nearer depth wins. The gradient is finite
  everywhere, zero across the edge and at the cap.

  Args:
    rgb: [..., 3], nominally 0..1; colours outside the cube are projected too.
    lam: as in `encode`.
    c: as in `encode`.
    colormap: a name of COLORMAPS.
    far: as in `encode`.

  Returns:
    float32 [...] in metres, 0..MAX_DEPTH; the far end of the map is MAX_DEPTH, or
    `far`.

  Raises:
    UserError: lam, c or far out of range, unknown colour map.
  """
  return _decode(rgb, *_check(lam, c, far, colormap), colormap)


def soft_decode(
    rgb: jax.typing.ArrayLike,
    temperature: jax.typing.ArrayLike,
    lam: float = -3.0,
    c: float = 10 / 3,
    colormap: str = "cube",
    far: float = 0.0,
) -> jax.Array:
  """A smooth `decode`: the arc positions on all edges, weighted by nearness.

  The weights are a softmax of -(squared RGB distance) / temperature over the
  edges of the map, so the memory is 7 (cube) or 255 times that of `decode`.

  Args:
    rgb: [..., 3], nominally 0..1.
    temperature: > 0, in squared RGB units; towards 0 this is `decode`.
    lam: as in `encode`.
    c: as in `encode`.
    colormap: a name of COLORMAPS.
    far: as in `encode`.

  Returns:
    float32 [...] in metres, 0..MAX_DEPTH.

  Raises:
    UserError: lam, c or far out of range, unknown colour map.
  """
  return _soft_decode(rgb, temperature, *_check(lam, c, far, colormap), colormap)


def _grow(depth: jax.Array | float, lam: float, c: float) -> jax.Array:
  """The squeeze up to a factor, for a finite end; increasing in depth."""
  if lam == 0:
    return jnp.asarray(depth, jnp.float32)
  x, p = jnp.log1p(depth / (-lam * c)), lam + 1.0
  return x if p == 0 else jnp.expm1(p * x) / p


def _shrink(grown: jax.Array, lam: float, c: float) -> jax.Array:
  """Inverse of `_grow`."""
  if lam == 0:
    return grown
  p = lam + 1.0
  return -lam * c * jnp.expm1(grown if p == 0 else jnp.log1p(p * grown) / p)


def _squeeze(depth: jax.Array, lam: float, c: float, far: float
             ) -> tuple[jax.Array, jax.Array]:
  """Depth in metres to (f, u = 1 - f), each accurate where it is small."""
  # The inner `where` keeps NaN and inf out of the gradient.
  finite = jnp.where(jnp.isfinite(depth) & (depth >= 0), depth, 0.0)
  if far:
    f = _grow(jnp.minimum(finite, far), lam, c) / _grow(far, lam, c)
    f = jnp.where(depth == jnp.inf, 1.0, f)
    return f, 1.0 - f
  log_u = (lam + 1.0) * jnp.log1p(finite / (-lam * c))
  sky = depth == jnp.inf
  return (jnp.where(sky, 1.0, -jnp.expm1(log_u)),
          jnp.where(sky, 0.0, jnp.exp(log_u)))


def _unsqueeze(f: jax.Array, u: jax.Array, lam: float, c: float, far: float
               ) -> jax.Array:
  """(f, u = 1 - f) to depth in metres, at most MAX_DEPTH."""
  if far:
    # f may be a hair above 1, where there is nothing to read.
    return _shrink(jnp.clip(f, 0.0, 1.0) * _grow(far, lam, c), lam, c)
  log_u_min = (lam + 1.0) * math.log1p(MAX_DEPTH / (-lam * c))
  near = f < 0.5
  log_far = jnp.where(u > 0, jnp.log(jnp.where(u > 0, u, 1.0)), log_u_min)
  log_u = jnp.where(near, jnp.log1p(-jnp.where(near, f, 0.0)), log_far)
  # Clamping before the exponential keeps its gradient finite.
  log_u = jnp.maximum(log_u, log_u_min)
  depth = jnp.minimum(-lam * c * jnp.expm1(log_u / (lam + 1.0)), MAX_DEPTH)
  # Rounding must not take white below what stands for infinity.
  return jnp.where(log_u > log_u_min, depth, MAX_DEPTH)


def _walk_cube(f: jax.Array, u: jax.Array) -> jax.Array:
  """The colour at arc fraction f of the seven edges, [..., 3]."""
  s, r = 7.0 * f, 7.0 * u  # Arc length from black, and left to white.
  unit = lambda x: jnp.clip(x, 0.0, 1.0)
  red = unit(s) - unit(s - 2.0) + unit(2.0 - r)
  green = unit(s - 1.0) - unit(3.0 - r) + unit(1.0 - r)
  blue = unit(s - 3.0)
  return jnp.stack([red, green, blue], axis=-1)


def _walk_table(f: jax.Array, row: jax.typing.ArrayLike) -> jax.Array:
  """The colour at fraction f of table `row` (broadcast against f), [..., 3]."""
  s = f * (_TABLE_SIZE - 1)
  i = jnp.clip(jnp.floor(s).astype(jnp.int32), 0, _TABLE_SIZE - 2)
  flat = jnp.asarray(_TABLES.reshape(-1, 3))
  start = flat[row * _TABLE_SIZE + i]
  end = flat[row * _TABLE_SIZE + i + 1]
  return start + (s - i)[..., None] * (end - start)


@functools.partial(jax.jit, static_argnames=("lam", "c", "far", "colormap"))
def _encode(depth, lam: float, c: float, far: float, colormap: str) -> jax.Array:
  depth = jnp.asarray(depth, jnp.float32)
  f, u = _squeeze(depth, lam, c, far)
  if colormap == "cube":
    rgb = _walk_cube(f, u)
  else:
    rgb = _walk_table(f, COLORMAPS.index(colormap) - 1)
  return jnp.where(jnp.isnan(depth)[..., None], 0.0, rgb)


@functools.partial(jax.jit, static_argnames=("lam", "c", "far"))
def _encode_mixed(depth, colormap, lam: float, c: float, far: float) -> jax.Array:
  depth = jnp.asarray(depth, jnp.float32)
  colormap = jnp.asarray(colormap)
  colormap = colormap.reshape(colormap.shape + (1,) * (depth.ndim - colormap.ndim))
  f, u = _squeeze(depth, lam, c, far)
  table = _walk_table(f, jnp.maximum(colormap - 1, 0))
  rgb = jnp.where((colormap == 0)[..., None], _walk_cube(f, u), table)
  return jnp.where(jnp.isnan(depth)[..., None], 0.0, rgb)


def _project(rgb: jax.Array, start: jax.Array,
             edge: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Nearest point of segments: position 0..1 and squared distance.

  All arguments are [..., 3] and broadcast. Channels are taken one by one, which
  compiles to code twenty times faster than sums over an axis of three.
  """
  channels = [(rgb[..., i] - start[..., i], edge[..., i]) for i in range(3)]
  length = sum(e * e for _, e in channels)
  t = jnp.clip(sum(p * e for p, e in channels) / length, 0.0, 1.0)
  return t, sum((p - t * e)**2 for p, e in channels)


def _arc(k: jax.Array, t: jax.Array, segments: int) -> tuple[jax.Array, jax.Array]:
  """Segment and position on it to (f, u = 1 - f)."""
  return (k + t) / segments, ((segments - 1 - k) + (1.0 - t)) / segments


def _nearest_on_cube(rgb: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Segment index and position on it; the loop unrolls into one fused kernel."""
  best, t, k = jnp.inf, 0.0, 0
  for i in range(7):
    candidate_t, square = _project(rgb, _CUBE[i], _CUBE[i + 1] - _CUBE[i])
    nearer = square < best
    best = jnp.where(nearer, square, best)
    t = jnp.where(nearer, candidate_t, t)
    k = jnp.where(nearer, i, k)
  return k, t


def _nearest_on_table(rgb: jax.Array,
                      vertices: np.ndarray) -> tuple[jax.Array, jax.Array]:
  """As on the cube, in constant memory: a running minimum over the segments.

  Only the winning segment is differentiated.
  """
  starts, edges = jnp.asarray(vertices[:-1]), jnp.asarray(np.diff(vertices, axis=0))
  fixed = jax.lax.stop_gradient(rgb)

  def visit(i, best):
    square, k = best
    _, candidate = _project(fixed, starts[i], edges[i])
    return jnp.minimum(candidate, square), jnp.where(candidate < square, i, k)

  lead = rgb.shape[:-1]
  first = (jnp.full(lead, jnp.inf, jnp.float32), jnp.zeros(lead, jnp.int32))
  _, k = jax.lax.fori_loop(0, starts.shape[0], visit, first)
  return k, _project(rgb, starts[k], edges[k])[0]


@functools.partial(jax.jit, static_argnames=("lam", "c", "far", "colormap"))
def _decode(rgb, lam: float, c: float, far: float, colormap: str) -> jax.Array:
  rgb = jnp.asarray(rgb, jnp.float32)
  if colormap == "cube":
    return _unsqueeze(*_arc(*_nearest_on_cube(rgb), 7), lam, c, far)
  vertices = _polyline(colormap)
  k, t = _nearest_on_table(rgb, vertices)
  return _unsqueeze(*_arc(k, t, len(vertices) - 1), lam, c, far)


@functools.partial(jax.jit, static_argnames=("lam", "c", "far", "colormap"))
def _soft_decode(rgb, temperature, lam: float, c: float, far: float,
                 colormap: str) -> jax.Array:
  rgb = jnp.asarray(rgb, jnp.float32)
  vertices = jnp.asarray(_polyline(colormap))
  starts, edges = vertices[:-1], vertices[1:] - vertices[:-1]
  segments = starts.shape[0]
  t, square = _project(rgb[..., None, :], starts, edges)
  weights = jax.nn.softmax(-square / temperature, axis=-1)
  f, u = _arc(jnp.arange(segments), t, segments)
  return _unsqueeze(jnp.sum(weights * f, axis=-1), jnp.sum(weights * u, axis=-1),
                    lam, c, far)
