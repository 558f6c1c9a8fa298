import jax
import jax.numpy as jnp
import numpy as np

from vision_banana.codecs import depth
from vision_banana.codecs import normals
from vision_banana.codecs import segmentation
from vision_banana.codecs import target

H, W, K = 4, 5, 6


def _batch(*lead):
  rng = np.random.default_rng(0)
  values = rng.uniform(0, 1, (*lead, H, W, 3)).astype(np.float32)
  labels = rng.integers(0, K, (*lead, H, W))
  palette = rng.uniform(0, 1, (*lead, K, 3)).astype(np.float32)
  return values, labels, palette


def _paint_one(values, labels, palette, codec, colormap):
  """The same picture from the single codecs."""
  if codec == "image":
    return np.clip(values, 0, 1)
  if codec == "depth":
    return depth.encode(values[..., 0], colormap=colormap)
  if codec == "normals":
    return normals.encode(values)
  return segmentation.encode(labels, palette)


def test_every_sample_of_a_batch_gets_its_own_codec_and_colour_map():
  names = [(codec, colormap) for codec in target.CODECS
           for colormap in depth.COLORMAPS]
  values, labels, palette = _batch(len(names))
  values[:, 0, 0] = [40.0, -0.5, 1.5]  # Out of range for some of them.
  codec = np.array([target.CODECS.index(c) for c, _ in names])
  colormap = np.array([depth.COLORMAPS.index(m) for _, m in names])
  got = jax.jit(target.encode)(values, labels, palette, codec, colormap)
  assert got.shape == values.shape and got.dtype == jnp.float32
  for i, (c, m) in enumerate(names):
    want = _paint_one(values[i], labels[i], palette[i], c, m)
    np.testing.assert_allclose(got[i], want, atol=1e-6, err_msg=f"{c} {m}")


def test_depth_follows_the_curve_it_is_given():
  values, labels, palette = _batch(2)
  codec, colormap = np.full(2, 1), np.array([0, 4])
  curve = depth.Curve(-1.0, 2.0, 20.0)
  got = target.encode(values, labels, palette, codec, colormap, curve)
  for i, name in enumerate(("cube", "grayscale")):
    want = depth.encode(values[i, ..., 0], -1.0, 2.0, name, 20.0)
    np.testing.assert_allclose(got[i], want, atol=1e-6)


def test_any_leading_dimensions():
  values, labels, palette = _batch(2, 3)
  codec = np.arange(6).reshape(2, 3) % 4
  colormap = np.arange(6).reshape(2, 3) % 5
  got = target.encode(values, labels, palette, codec, colormap)
  flat = target.encode(*(x.reshape(6, *x.shape[2:])
                         for x in (values, labels, palette, codec, colormap)))
  np.testing.assert_array_equal(got.reshape(flat.shape), flat)
  one = target.encode(values[1, 2], labels[1, 2], palette[1, 2], codec[1, 2],
                      colormap[1, 2])
  np.testing.assert_array_equal(one, got[1, 2])


def test_nan_and_infinite_depth_touch_nothing_else():
  values, labels, palette = _batch(4)
  values[:, 0, 0, 0] = np.nan
  values[:, 0, 1, 0] = np.inf
  codec, colormap = np.arange(4), np.zeros(4, np.int32)

  def loss(values, palette):
    return jnp.sum(target.encode(values, labels, palette, codec, colormap)[1:]**2)

  for grad in jax.grad(loss, argnums=(0, 1))(values[:], palette):
    assert np.isfinite(grad[1]).all() and np.isfinite(grad[3]).all()
  rgb = target.encode(values, labels, palette, codec, colormap)
  np.testing.assert_array_equal(rgb[1, 0, 0], [0, 0, 0])
  np.testing.assert_array_equal(rgb[1, 0, 1], [1, 1, 1])
