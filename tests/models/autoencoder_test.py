"""The autoencoder's contract: sizes, order of channels, precision, bad input."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vision_banana.models import autoencoder, zoo

TINY = autoencoder.AutoencoderConfig(
    stage_channels=(4, 8), layers_per_stage=1, latent_channels=2, norm_groups=2)


@pytest.fixture(scope="module")
def model():
  """The network, with latents that are neither centred nor of unit variance."""

  @jax.jit
  def make():
    network = autoencoder.Autoencoder(TINY, nnx.Rngs(0))
    network.bn.running_mean[...] = jnp.linspace(-1, 2, TINY.channels)
    network.bn.running_var[...] = jnp.linspace(0.2, 3, TINY.channels)
    return nnx.state(network)

  graph = nnx.eval_shape(lambda: autoencoder.Autoencoder(TINY, nnx.Rngs(0)))
  return nnx.merge(nnx.graphdef(graph), make())


def _rgb(*shape):
  return np.random.default_rng(0).random(shape, np.float32)


def test_klein_has_the_published_number_of_parameters():
  state = nnx.eval_shape(lambda: nnx.state(
      autoencoder.Autoencoder(autoencoder.AutoencoderConfig(), nnx.Rngs(0))))
  trained = nnx.filter_state(state, nnx.Param)
  assert sum(np.prod(x.shape) for x in jax.tree.leaves(trained)) == 84_046_115
  flat = zoo.flatten(nnx.to_pure_dict(state))
  assert len(flat) == 251
  assert flat["encoder/mid_block/attention/to_out/kernel"].shape == (512, 512)
  assert flat["decoder/up_blocks/2/resnets/0/conv_shortcut/kernel"].shape == (
      1, 1, 512, 256)
  assert "decoder/up_blocks/3/upsample/kernel" not in flat
  assert "encoder/down_blocks/3/downsample/kernel" not in flat


def test_klein_sees_128_channels_of_16_pixels():
  config = autoencoder.AutoencoderConfig()
  assert (config.channels, config.pixels) == (128, 16)


def test_patches_are_ordered_channel_row_column():
  x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
  patches = autoencoder.patchify(x)
  assert patches.shape == (2, 2, 3, 12)
  for c, dy, dx, h, w in itertools.product(*map(range, (3, 2, 2, 2, 3))):
    np.testing.assert_array_equal(
        patches[:, h, w, c * 4 + dy * 2 + dx], x[:, 2 * h + dy, 2 * w + dx, c])
  np.testing.assert_array_equal(autoencoder.unpatchify(patches), x)


def test_shapes_and_dtypes(model):
  latents = jax.eval_shape(model.encode, jnp.zeros((2, 12, 20, 3), jnp.bfloat16))
  assert (latents.shape, latents.dtype) == ((2, 3, 5, 8), jnp.bfloat16)
  rgb = jax.eval_shape(model.decode, latents)
  assert (rgb.shape, rgb.dtype) == ((2, 12, 20, 3), jnp.float32)


def test_decoding_half_precision_latents_is_decoding_them_in_float32(model):
  latents = _rgb(1, 2, 2, 8).astype(jnp.bfloat16)
  decode = jax.jit(model.decode)
  np.testing.assert_array_equal(decode(latents), decode(latents.astype(np.float32)))


@pytest.mark.parametrize("method, shape", [
    ("encode", (1, 8, 8, 3)), ("decode", (1, 2, 2, 8))])
def test_products_are_of_full_precision_on_every_device(model, method, shape):
  text = str(jax.make_jaxpr(getattr(model, method))(jnp.zeros(shape)))
  assert "Precision.HIGHEST" in text
  assert "precision=None" not in text


def test_attention_in_pieces_is_attention_at_once(model, monkeypatch):
  x = 10 * _rgb(2, 3, 5, 8)
  attention = model.encoder.mid_block.attention
  whole = jax.jit(lambda x: attention(x))(x)
  for queries in (1, 10):  # Row by row; and two rows, then the last alone.
    monkeypatch.setattr(autoencoder, "_QUERIES", queries)
    np.testing.assert_allclose(jax.jit(lambda x: attention(x))(x), whole, atol=1e-5)
  assert np.abs(whole - x).max() > 0.1


def test_gradient_reaches_the_latents(model):
  gradient = jax.jit(jax.grad(lambda z: model.decode(z).sum()))(_rgb(1, 2, 3, 8))
  assert np.isfinite(gradient).all()
  assert (np.abs(gradient).max((0, 1, 2)) > 0).all()


def test_pictures_of_a_batch_are_independent(model):
  rgb = _rgb(2, 8, 4, 3)
  encode = jax.jit(model.encode)
  both, other = encode(rgb), encode(np.stack([rgb[0], np.zeros_like(rgb[1])]))
  np.testing.assert_allclose(both[0], other[0], atol=1e-5)
  assert np.abs(both[1] - other[1]).max() > 1e-2


def test_bad_input_is_refused(model):
  with pytest.raises(ValueError, match="image size 8x10 is not a multiple of 4"):
    model.encode(jnp.zeros((1, 8, 10, 3)))
  with pytest.raises(ValueError, match="rgb must be floats in 0..1, got uint8"):
    model.encode(jnp.zeros((1, 8, 8, 3), jnp.uint8))
  with pytest.raises(ValueError, match="multiples of norm_groups=3, got"):
    autoencoder.AutoencoderConfig(stage_channels=(6, 8), norm_groups=3)
