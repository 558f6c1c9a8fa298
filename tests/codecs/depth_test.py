import hilbertmap
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from vision_banana.codecs import depth
from vision_banana.errors import UserError

SHAPES = [(-3.0, 10 / 3), (-1.01, 1.0), (-2.0, 0.5), (-50.0, 100.0)]


def _cube_with_corners(n=500, seed=0):
  """Random colours, every corner, edge middle, face middle and the centre."""
  grid = np.stack(np.meshgrid(*[[0, 0.5, 1]] * 3), axis=-1).reshape(-1, 3)
  random = np.random.default_rng(seed).random((n, 3))
  return np.concatenate([grid, random]).astype(np.float32)


@pytest.mark.parametrize("metres, rgb", [
    (0, (0, 0, 0)), (1, (1, 0.21488, 0)), (2, (0.86111, 1, 0)),
    (5, (0, 1, 0.88889)), (12.87, (0.66166, 0, 1)), (40, (1, 0.72, 1)),
    (np.inf, (1, 1, 1)), (np.nan, (0, 0, 0)), (-1, (0, 0, 0)),
])
def test_the_values_of_the_paper(metres, rgb):
  np.testing.assert_allclose(depth.encode(metres), rgb, atol=1e-5)


@pytest.mark.parametrize("lam, c", SHAPES)
def test_encode_equals_hilbertmap(lam, c):
  even, log = np.linspace(0, 1e4, 100001), np.geomspace(1e-6, 1e4, 100000)
  metres = np.concatenate([even, log]).astype(np.float32)
  want = hilbertmap.depth_to_rgb(metres.astype(np.float64), lam, c)
  np.testing.assert_allclose(depth.encode(metres, lam, c), want, rtol=0, atol=1e-6)


def _assert_decodes_as_hilbertmap(rgb, lam=-3.0, c=10 / 3):
  with np.errstate(divide="ignore"):  # At white.
    want = hilbertmap.rgb_to_depth(rgb.astype(np.float64), lam, c)
  got = np.asarray(depth.decode(rgb, lam, c))
  # Which of two equally near edges wins is rounding; leave those out.
  edges = np.diff(hilbertmap.cubewalk.VERTICES, axis=0)
  offset = rgb[:, None].astype(np.float64) - hilbertmap.cubewalk.VERTICES[:-1]
  t = np.clip(np.sum(offset * edges, -1), 0, 1)
  square = np.sort(np.sum((offset - t[..., None] * edges)**2, -1), axis=-1)
  clear = square[:, 1] - square[:, 0] > 1e-6
  assert clear.mean() > 0.9
  inside = clear & (want < depth.MAX_DEPTH)
  np.testing.assert_allclose(got[inside], want[inside], rtol=1e-6, atol=1e-6)
  assert (got[clear & ~inside] == depth.MAX_DEPTH).all()


@pytest.mark.parametrize("spread", [1.0, 1.4])  # In the cube, and beyond it.
def test_decode_of_random_colours_equals_hilbertmap(spread):
  random = np.random.default_rng(0).random((200000, 3))
  _assert_decodes_as_hilbertmap((0.5 + spread * (random - 0.5)).astype(np.float32))


def test_decode_of_eight_bit_colours_equals_hilbertmap():
  eight_bit = np.random.default_rng(1).integers(0, 256, (200000, 3))
  _assert_decodes_as_hilbertmap((eight_bit / 255).astype(np.float32))


@pytest.mark.parametrize("lam, c", [(-2.0, 0.5), (-5.0, 3.0)])
def test_decode_equals_hilbertmap_for_other_shapes(lam, c):
  _assert_decodes_as_hilbertmap(
      np.random.default_rng(2).random((20000, 3), np.float32), lam, c)


@given(st.floats(0, 1e4, width=32))
@settings(max_examples=200, deadline=None)
def test_float_round_trip(metres):
  # A float32 near white is a multiple of 6e-8: that much of u = (1 + d/10)^-2.
  step = 6e-8 / 7 * (1 + metres / 10)**3 * 5
  got = float(depth.decode(depth.encode(metres)))
  assert abs(got - metres) <= 1e-5 + 1e-5 * metres + step


def test_eight_bit_round_trip_is_within_one_percent_up_to_20_m():
  metres = np.geomspace(0.15, 20, 200001).astype(np.float32)
  eight_bit = np.rint(np.asarray(depth.encode(metres)) * 255) / 255
  got = np.asarray(depth.decode(eight_bit))
  assert np.max(np.abs(got - metres) / metres) <= 0.01
  # Nearer, a step of 1/255 is 3 mm.
  metres = np.linspace(0, 0.15, 1001, dtype=np.float32)
  eight_bit = np.rint(np.asarray(depth.encode(metres)) * 255) / 255
  assert np.max(np.abs(depth.decode(eight_bit) - metres)) <= 0.0016


def test_millimetres_keep_their_digits():
  metres = np.geomspace(1e-6, 1e-2, 50).astype(np.float32)
  rgb = np.asarray(depth.encode(metres))
  want = hilbertmap.depth_to_rgb(metres.astype(np.float64))[:, 0]
  np.testing.assert_allclose(rgb[:, 0], want, rtol=1e-6)
  np.testing.assert_allclose(depth.decode(rgb), metres, rtol=1e-6)


@pytest.mark.parametrize("rgb", [(0.5, 0.5, 0.0), (0.5, 0.5, 0.5)])
def test_of_equally_near_edges_the_nearer_depth_wins(rgb):
  want = depth.decode(np.array([0.5, 0.0, 0.0]))
  assert depth.decode(np.array(rgb)) == want


def test_white_is_the_cap_and_the_next_colour_is_below_it():
  for lam, c in ((-3, 10 / 3), (-2, 10 / 3), (-3, 1), (-3, 10)):
    assert depth.decode(np.ones(3), lam, c) == np.float32(depth.MAX_DEPTH)
  below = np.array([1, np.nextafter(np.float32(1), np.float32(0)), 1])
  assert 9e4 < depth.decode(below) < 2e5


@pytest.mark.parametrize("colormap, lam, c", [
    ("cube", -3.0, 10 / 3), ("cube", -1.01, 1.0), ("plasma", -3.0, 10 / 3),
    ("grayscale", -3.0, 10 / 3),
])
def test_values_and_gradients_are_finite_in_the_whole_cube(colormap, lam, c):
  rgb = np.concatenate([
      _cube_with_corners(), 2 * _cube_with_corners(50) - 0.5,
      np.asarray(depth.encode(np.geomspace(1e-3, 1e5, 60), lam, c, colormap)),
  ])
  for function in (lambda x: depth.decode(x, lam, c, colormap),
                   lambda x: depth.soft_decode(x, 0.01, lam, c, colormap)):
    value, pullback = jax.vjp(function, rgb)
    gradient, = pullback(jnp.ones_like(value))
    assert np.isfinite(value).all() and (value >= 0).all()
    assert (value <= np.float32(depth.MAX_DEPTH)).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("colormap", depth.COLORMAPS)
@pytest.mark.parametrize("lam", [0.0, -0.5, -1.0, -3.0])
def test_a_curve_with_an_end_round_trips_up_to_it(lam, colormap):
  metres = np.array([0, 0.01, 0.3, 5, 19, 20], np.float32)
  read = lambda rgb: depth.decode(rgb, lam, 1.0, colormap, 20.0)
  rgb = depth.encode(metres, lam, 1.0, colormap, 20.0)
  np.testing.assert_allclose(read(rgb), metres, rtol=1e-5, atol=1e-5)
  ends = depth.encode(np.array([25, np.inf]), lam, 1.0, colormap, 20.0)
  np.testing.assert_allclose(read(ends), 20, rtol=1e-6)
  gradient = jax.grad(lambda d: depth.encode(d, lam, 1.0, colormap, 20.0).sum())
  assert np.isfinite(jax.vmap(gradient)(np.array([np.nan, np.inf, -1, 0, 5]))).all()


def test_a_curve_with_an_end_goes_from_linear_to_the_logarithm():
  metres = np.array([0, 1, 5, 20], np.float32)
  gray = lambda lam: np.asarray(depth.encode(metres, lam, 2.0, "grayscale", 20.0))[:, 0]
  np.testing.assert_allclose(gray(0), metres / 20, atol=1e-6)
  np.testing.assert_allclose(gray(-1), np.log1p(metres / 2) / np.log(11), atol=1e-6)
  # Between, and next to, the two it changes little by little.
  np.testing.assert_allclose(gray(-1e-3), gray(0), atol=2e-3)
  np.testing.assert_allclose(gray(-1.001), gray(-1), atol=1e-3)
  assert (np.diff([gray(lam)[1] for lam in (0, -0.5, -1, -3)]) > 0).all()


def test_an_end_far_away_is_the_curve_of_the_paper():
  metres = np.array([0.1, 1, 5, 40], np.float32)
  np.testing.assert_allclose(
      depth.encode(metres, far=1e5), depth.encode(metres), atol=1e-6)


@pytest.mark.parametrize("curve", [
    {"lam": -1.0}, {"lam": 0.5, "far": 20.0}, {"far": -1.0}, {"c": 0.0}])
def test_a_curve_that_cannot_be_is_refused(curve):
  with pytest.raises(UserError, match="depth codec"):
    depth.encode(1.0, **curve)
  with pytest.raises(ValueError, match="depth codec"):
    depth.Curve(**curve)


@pytest.mark.parametrize("colormap", ["cube", "plasma"])
def test_gradient_of_encode_is_finite_and_right(colormap):
  metres = np.array([np.nan, np.inf, -1, 0, 1e-3, 1, 5, 1e4, 1e30], np.float32)
  gradient = jax.jacrev(lambda d: depth.encode(d, colormap=colormap).sum(0))(metres)
  assert np.isfinite(gradient).all()
  step = lambda d: np.asarray(depth.encode(np.float32(d), colormap=colormap))
  want = (step(5.01) - step(4.99)) / 0.02
  np.testing.assert_allclose(gradient[:, 6], want, atol=2e-3)


def test_gradient_of_decode_is_the_slope_of_the_curve():
  metres = np.array([0.3, 1.3, 3, 4.8, 8, 15, 60], np.float32)
  rgb = np.asarray(depth.encode(metres))
  along = (np.asarray(depth.encode(metres * 1.001)) - rgb)
  gradient = jax.grad(lambda x: jnp.sum(depth.decode(x)))(rgb)
  np.testing.assert_allclose(np.sum(gradient * along, -1), metres * 0.001, rtol=0.02)


@pytest.mark.parametrize("colormap", ["cube", "plasma"])
def test_soft_decode_tends_to_decode(colormap):
  metres = np.array([0.3, 1.3, 3, 4.8, 8, 15, 60], np.float32)
  rgb = np.asarray(depth.encode(metres, colormap=colormap))
  # Tables have short edges: the neighbours count until very low temperatures.
  temperature = 1e-4 if colormap == "cube" else 1e-8
  np.testing.assert_allclose(
      depth.soft_decode(rgb, temperature, colormap=colormap),
      depth.decode(rgb, colormap=colormap), rtol=0.02)


def test_soft_decode_is_smooth_where_decode_jumps():
  # Across the middle between the black-red and the yellow-green edges.
  green = np.linspace(0.45, 0.55, 101)
  rgb = np.stack([0.5 + 0 * green, green, 0 * green], -1).astype(np.float32)
  jump = lambda x: np.max(np.abs(np.diff(np.asarray(x))))
  assert jump(depth.decode(rgb)) > 1
  assert jump(depth.soft_decode(rgb, 0.05)) < 0.1


@pytest.mark.parametrize("colormap", ["plasma", "inferno", "viridis"])
def test_tables_are_the_published_ones(colormap):
  f = np.linspace(0, 1, 256)[:-1]
  metres = 10 * ((1 - f)**-0.5 - 1)
  want = np.array(matplotlib.colormaps[colormap].colors)
  got = depth.encode(metres, colormap=colormap)
  np.testing.assert_allclose(got, want[:-1], atol=2e-6)
  np.testing.assert_allclose(depth.encode(np.inf, colormap=colormap), want[-1],
                             atol=2e-6)


def test_grayscale_is_f():
  np.testing.assert_allclose(depth.encode(10.0, colormap="grayscale"), [0.75] * 3,
                             atol=1e-6)


@pytest.mark.parametrize("colormap", ["inferno", "viridis", "grayscale"])
def test_other_maps_round_trip_and_take_the_nearest_point(colormap):
  metres = np.geomspace(0.1, 50, 400).astype(np.float32)
  rgb = np.asarray(depth.encode(metres, colormap=colormap))
  np.testing.assert_allclose(depth.decode(rgb, colormap=colormap), metres, rtol=2e-3,
                             atol=1e-3)
  # Against a dense search along the curve, for colours off it.
  rgb = _cube_with_corners(100)
  dense = 10 * (np.linspace(1, 0, 20001)[:-1]**-0.5 - 1)
  curve = np.asarray(depth.encode(dense, colormap=colormap), np.float64)
  square = np.sum((rgb[:, None] - curve)**2, -1)
  at = np.asarray(depth.encode(depth.decode(rgb, colormap=colormap),
                               colormap=colormap))
  assert (np.sum((rgb - at)**2, -1) <= square.min(-1) + 1e-5).all()


def test_a_colour_map_per_sample():
  metres = np.random.default_rng(0).uniform(0, 30, (2, 5, 3, 4)).astype(np.float32)
  index = np.array([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
  got = jax.jit(lambda d, i: depth.encode(d, colormap=i))(metres, index)
  for place in np.ndindex(2, 5):
    name = depth.COLORMAPS[index[place]]
    np.testing.assert_allclose(got[place], depth.encode(metres[place], colormap=name),
                               atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float64, np.uint8])
def test_any_type_in_float32_out(dtype):
  rgb = np.ones((2, 3), dtype)
  assert depth.decode(rgb).dtype == depth.encode(rgb).dtype == jnp.float32


@pytest.mark.parametrize("arguments, message", [
    ({"lam": -1.0}, "lam=-1 must be below -1"),
    ({"lam": float("nan")}, "lam"),
    ({"c": 0.0}, "c=0 must be above 0"),
    ({"c": float("inf")}, "c=inf"),
    ({"colormap": "jet"}, "unknown depth colour map 'jet'; use one of cube, plasma"),
])
def test_bad_arguments_are_named(arguments, message):
  for function in (depth.encode, depth.decode,
                   lambda x, **k: depth.soft_decode(x, 0.1, **k)):
    with pytest.raises(UserError, match=message):
      function(np.ones(3), **arguments)
