"""The transformer's contract: positions, masks, conditioning, sizes of klein."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vision_banana.models import flux2

TINY = flux2.Flux2Config(
    in_channels=6, text_dim=5, num_double=2, num_single=2, num_heads=2,
    rope_axes=(2, 2, 2, 2), timestep_channels=8)


@pytest.fixture(scope="module")
def network():
  model = flux2.Flux2(TINY, nnx.Rngs(0))
  # The output layer starts at zero; give it something to say.
  out = model.image_out.kernel
  out[...] = jax.random.normal(jax.random.key(1), out.shape)
  return model


def _inputs(seed=0, batch=2, grid=(2, 3), text=4):
  rng = np.random.default_rng(seed)
  return dict(
      image=jnp.asarray(rng.standard_normal((batch, 6, 6)), jnp.float32),
      text=jnp.asarray(rng.standard_normal((batch, text, 5)), jnp.float32),
      level=jnp.asarray(rng.random(batch), jnp.float32),
      image_ids=flux2.grid_ids(*grid, 0), text_ids=flux2.text_ids(text))


def test_order_of_tokens_matters_only_through_their_ids(network):
  x = _inputs()
  order = np.array([3, 0, 5, 1, 4, 2])
  moved = network(**{
      **x, "image": x["image"][:, order], "image_ids": x["image_ids"][order]})
  np.testing.assert_allclose(moved, network(**x)[:, order], atol=1e-4)
  swapped = network(**{**x, "image": x["image"][:, order]})
  assert np.abs(swapped - network(**x)[:, order]).max() > 1e-3


@pytest.mark.parametrize("what", ["text", "level", "image"])
def test_output_depends_on_every_input(network, what):
  x = _inputs()
  changed = network(**{**x, what: x[what] * 0.5 + 0.1})
  assert np.abs(changed - network(**x)).max() > 1e-3


def test_masked_tokens_have_no_influence(network):
  x = _inputs()
  mask = np.ones((2, 10), bool)
  mask[:, 3] = False  # the last text token
  mask[:, 9] = False  # the last image token
  out = network(**x, key_mask=mask)
  other = {
      **x, "text": x["text"].at[:, 3].set(9.0), "image": x["image"].at[:, 5].set(9.0)}
  np.testing.assert_allclose(
      network(**other, key_mask=mask)[:, :5], out[:, :5], atol=1e-5)


def test_reference_and_target_at_one_place_are_told_apart_by_time(network):
  x = _inputs()
  ids = np.concatenate([
      flux2.grid_ids(1, 3, 0), flux2.grid_ids(1, 3, flux2.reference_time(0))])
  same_time = np.concatenate([flux2.grid_ids(1, 3, 0)] * 2)
  a = network(**{**x, "image_ids": ids})
  b = network(**{**x, "image_ids": same_time})
  assert np.abs(a - b).max() > 1e-3
  assert [flux2.reference_time(i) for i in range(3)] == [10, 20, 30]


def test_unrolled_blocks_are_the_looped_ones(network):
  config = dataclasses.replace(TINY, unroll=2)
  unrolled = flux2.Flux2(config, nnx.Rngs(7))
  nnx.update(unrolled, nnx.state(network))
  x = _inputs()
  np.testing.assert_allclose(unrolled(**x), network(**x), atol=1e-5)
  arrays = {k: v for k, v in x.items() if not k.endswith("ids")}

  def loops(model):
    ids = {k: v for k, v in x.items() if k.endswith("ids")}
    return str(jax.make_jaxpr(lambda a: model(**a, **ids))(arrays)).count("unroll=2")

  assert (loops(network), loops(unrolled)) == (0, 2)


def test_starts_at_zero():
  model = flux2.Flux2(TINY, nnx.Rngs(0))
  np.testing.assert_array_equal(model(**_inputs()), 0)


def test_ids_are_row_major():
  np.testing.assert_array_equal(
      flux2.grid_ids(2, 2, 7),
      [[7, 0, 0, 0], [7, 0, 1, 0], [7, 1, 0, 0], [7, 1, 1, 0]])
  np.testing.assert_array_equal(flux2.text_ids(2), [[0, 0, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("sizes, count", [
    ({}, 3_875_544_576),
    (dict(num_double=8, num_single=24, num_heads=32, text_dim=12288), 9_078_581_248),
], ids=["4B", "9B"])
def test_klein_has_the_published_number_of_parameters(sizes, count):
  config = dataclasses.replace(flux2.Flux2Config(), **sizes)
  state = nnx.eval_shape(
      lambda: nnx.state(flux2.Flux2(config, nnx.Rngs(0))))
  assert sum(np.prod(x.shape) for x in jax.tree.leaves(state)) == count


def test_odd_rotary_dimension_is_refused():
  with pytest.raises(ValueError, match="rope_axes must be even"):
    flux2.Flux2Config(rope_axes=(3, 1, 2, 2))


def test_remat_changes_what_is_kept_and_no_gradient(network):
  x = _inputs()
  ids = {k: v for k, v in x.items() if k.endswith("ids")}
  arrays = {k: v for k, v in x.items() if k not in ids}
  _, state = nnx.split(network)

  def loss(state, remat, unroll=1):
    config = dataclasses.replace(TINY, unroll=unroll)
    graph = nnx.graphdef(nnx.eval_shape(lambda: flux2.Flux2(config, nnx.Rngs(0))))
    return jnp.square(nnx.merge(graph, state)(**arrays, **ids, remat=remat)).sum()

  for unroll in (1, 2):
    kept = {}
    for remat in flux2.REMAT:
      pullback = jax.eval_shape(
          lambda s: jax.vjp(lambda s: loss(s, remat, unroll), s)[1], state)
      kept[remat] = sum(x.size for x in jax.tree.leaves(pullback))
    assert kept["full"] < kept["dots"] < kept["none"], kept
  gradients = {remat: jax.tree.leaves(jax.jit(jax.grad(loss), static_argnums=1)(
      state, remat)) for remat in flux2.REMAT}
  for remat, leaves in gradients.items():
    for a, b in zip(leaves, gradients["none"], strict=True):
      np.testing.assert_allclose(
          a, b, atol=1e-5 * np.abs(b).max(), err_msg=remat)
