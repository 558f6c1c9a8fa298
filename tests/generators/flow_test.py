"""Flow matching: objective, sampler, guidance and references, on the debug model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vision_banana.codecs import target
from vision_banana.errors import UserError
from vision_banana.generators import flow, schedule

SIZE = 16


@pytest.fixture(scope="module")
def generator():
  return flow.build("debug")


@pytest.fixture(scope="module")
def params(generator):
  return _awake(generator.init(jax.random.key(0)))


def _awake(params):
  """Gives the output layer, zero at the start, something to say."""
  out = params["flux2"]["image_out"]["kernel"]
  params["flux2"]["image_out"]["kernel"] = 0.3 * jax.random.normal(
      jax.random.key(1), out.shape)
  return params


def _batch(generator, prompts=("a red ball", "depth map")):
  rng = np.random.default_rng(0)
  b = len(prompts)
  tokens, mask = generator.tokenize(list(prompts))
  return dict(
      values=rng.random((b, 2, SIZE, SIZE, 3)).astype(np.float32),
      labels=rng.integers(0, 4, (b, 2, SIZE, SIZE)).astype(np.int32),
      palette=rng.random((b, 2, 32, 3)).astype(np.float32),
      codec=np.array([[0, 0], [1, 3]], np.int32)[:b],
      colormap=np.zeros((b, 2), np.int32),
      present=np.array([[True, False], [True, True]])[:b],
      valid=np.ones((b, SIZE, SIZE), bool), tokens=tokens, text_mask=mask)


def _sample(generator, params, batch, **kwargs):
  references = target.encode(
      batch["values"], batch["labels"], batch["palette"], batch["codec"],
      batch["colormap"])[:, 1]
  return np.asarray(generator.generate(
      params, batch["tokens"], batch["text_mask"], [references],
      batch["present"][:, 1:], jax.random.key(3), size=(SIZE, SIZE),
      **{"steps": 2, "guidance": 1.0, **kwargs}))


@pytest.mark.parametrize("prediction", flow.PREDICTIONS)
def test_loss_is_zero_for_the_true_answer(prediction):
  g = flow.build("debug", flow={"prediction": prediction, "level_floor": 0.1})
  batch = _batch(g)
  truth = target.encode(*(
      batch[k] for k in ("values", "labels", "palette", "codec", "colormap")))[:, 0]

  def perfect(params, noisy, level, *args):
    return g.patches.encode(truth)

  g._predict_x0 = perfect
  loss, aux = g.loss(g.init(jax.random.key(0)), batch, jax.random.key(0))
  np.testing.assert_allclose(loss, 0, atol=1e-10)
  np.testing.assert_allclose(aux["rgb"], truth, atol=1e-5)
  np.testing.assert_allclose(aux["target"], truth, atol=1e-6)


def test_x_loss_is_the_capped_velocity_loss():
  g = flow.build("debug", flow={"level_mean": 0.0, "level_sd": 2.0})
  batch = _batch(g)
  g._predict_x0 = lambda params, noisy, *args: jnp.zeros_like(noisy)
  loss, aux = g.loss(g.init(jax.random.key(0)), batch, jax.random.key(0))
  x0 = g.patches.encode(aux["target"])
  error = (np.square(x0) * g.patches.channel_weights).mean((1, 2))
  np.testing.assert_allclose(
      aux["loss_per_sample"], error / np.maximum(aux["level"], 0.4) ** 2, rtol=1e-4)
  np.testing.assert_allclose(loss, aux["loss_per_sample"].mean(), rtol=1e-6)


def test_levels_are_logit_normal():
  g = flow.build("debug", flow={"level_mean": 1.5, "level_sd": 0.5})
  g._predict_x0 = lambda params, noisy, *args: noisy
  batch = jax.tree.map(lambda x: np.repeat(x[:1], 512, 0), _batch(g))
  _, aux = g.loss(g.init(jax.random.key(0)), batch, jax.random.key(0))
  logit = np.log(aux["level"] / (1 - aux["level"]))
  assert abs(logit.mean() - 1.5) < 0.1 and abs(logit.std() - 0.5) < 0.05


def test_invalid_pixels_do_not_count(generator, params):
  batch = _batch(generator)
  batch["valid"][:, :8] = False
  a, _ = generator.loss(params, batch, jax.random.key(0))
  only = dict(batch, valid=np.ones_like(batch["valid"]))
  b, _ = generator.loss(params, only, jax.random.key(0))
  assert abs(a - b) > 1e-4
  g = flow.build("debug")
  g._predict_x0 = lambda params, noisy, *args: jnp.zeros_like(noisy)
  changed = dict(batch, values=batch["values"].copy(), codec=np.zeros((2, 2), np.int32))
  before, _ = g.loss(g.init(jax.random.key(0)), changed, jax.random.key(0))
  changed["values"][:, 0, :8] = 0.9
  after, _ = g.loss(g.init(jax.random.key(0)), changed, jax.random.key(0))
  np.testing.assert_allclose(before, after, rtol=1e-6)


def test_gradients_reach_every_parameter(generator, params):
  gradient = jax.jit(jax.grad(
      lambda p: generator.loss(p, _batch(generator), jax.random.key(0))[0]))(params)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    assert np.isfinite(leaf).all() and np.abs(leaf).max() > 0, path


def test_absent_reference_is_not_seen(generator, params):
  batch = _batch(generator)
  a = _sample(generator, params, batch)
  batch["values"][0, 1] = 0.1
  batch["labels"][1, 1] = 0
  b = _sample(generator, params, batch)
  np.testing.assert_allclose(a[0], b[0], atol=1e-5)
  assert np.abs(a[1] - b[1]).max() > 1e-3


def test_one_step_is_the_prediction_from_pure_noise(generator, params):
  batch = _batch(generator)
  noise = jax.random.normal(jax.random.key(5), (2, 4, generator.patches.channels))
  rgb = _sample(generator, params, batch, steps=1, noise=noise)
  hidden = dict(batch, present=np.array([[True, False]] * 2))
  network = nnx.merge(generator._graph, params)
  context = generator._context(network, batch["tokens"], batch["text_mask"])
  x0 = generator._predict_x0(
      network, noise, jnp.ones(2), context, [], None, (2, 2))
  expected = np.clip(generator.patches.decode(x0, (SIZE, SIZE)), 0, 1)
  np.testing.assert_allclose(
      _sample(generator, params, hidden, steps=1, noise=noise), expected, atol=1e-4)
  assert np.abs(rgb[1] - expected[1]).max() > 1e-3


def test_guidance_extrapolates_from_the_empty_prompt(generator, params):
  batch = _batch(generator)
  noise = jax.random.normal(jax.random.key(5), (2, 4, generator.patches.channels))
  # Small noise keeps the pictures inside 0..1, where nothing is clipped.
  calm = dict(params, flux2=dict(params["flux2"], image_out={
      "kernel": 0.02 * params["flux2"]["image_out"]["kernel"]}))
  once = lambda b, g: _sample(
      generator, calm, b, steps=1, guidance=g, noise=noise)
  empty = dict(batch)
  empty["tokens"], empty["text_mask"] = generator.tokenize(["", ""])
  positive, negative = once(batch, 1.0), once(empty, 1.0)
  np.testing.assert_allclose(
      once(batch, 3.0), negative + 3 * (positive - negative), atol=1e-4)
  assert np.abs(positive - negative).max() > 1e-3


def test_same_key_same_picture(generator, params):
  batch = _batch(generator)
  np.testing.assert_array_equal(
      _sample(generator, params, batch), _sample(generator, params, batch))


@pytest.mark.parametrize("settings, message", [
    ({"prediction": "eps"}, "use one of x, v"),
    ({"schedule": "cosine"}, "use one of linear, flux2"),
    ({"level_floor": 0.0}, "level_floor must be in"),
    ({"levelmean": 0.0}, "did you mean 'level_mean'"),
])
def test_bad_settings(settings, message):
  with pytest.raises(UserError, match=message):
    flow.build("debug", flow=settings)


def test_size_must_fit(generator, params):
  batch = _batch(generator)
  with pytest.raises(UserError, match="multiples of 8"):
    generator.generate(
        params, batch["tokens"], batch["text_mask"], [], None, jax.random.key(0), size=(12, 16), steps=1,
        guidance=1.0)


def test_noise_fades_out_of_what_a_narrow_network_sees():
  g = flow.build("debug", flow={"latent_sd": 0.5})
  rng = np.random.default_rng(0)
  x0 = 0.5 * rng.standard_normal((1, 20_000, 1)).astype(np.float32)
  noise = rng.standard_normal(x0.shape).astype(np.float32)
  for t in (1e-3, 0.3, 0.7):
    noisy = (1 - t) * x0 + t * noise
    shown = g._shown(noisy, t)
    # The best linear estimate of the latents: no other factor comes closer.
    error = lambda factor: np.square(factor * shown - x0).mean()
    assert error(1.0) < min(error(0.9), error(1.1))
  np.testing.assert_array_equal(g._shown(noise, 1.0), 0)
  np.testing.assert_array_equal(flow.build("debug")._shown(noise, 0.7), noise)
  with pytest.raises(UserError, match="latent_sd must not be negative"):
    flow.build("debug", flow={"latent_sd": -1.0})


def test_levels_are_shifted_with_the_size_of_the_picture():
  """sigma' = e^mu s / (1 + (e^mu - 1) s), of the levels there are without it."""
  levels = {}
  for shift in (False, True):
    g = flow.build("debug", flow={"level_shift": shift})
    g._predict_x0 = lambda params, noisy, *args: noisy
    for side in (SIZE, 4 * SIZE):
      batch = jax.tree.map(lambda x: np.repeat(x[:1], 8, 0), _batch(g))
      for key, axes in (("values", (2, 3)), ("labels", (2, 3)), ("valid", (1, 2))):
        for axis in axes:
          batch[key] = np.repeat(batch[key], side // SIZE, axis)
      _, aux = g.loss(g.init(jax.random.key(0)), batch, jax.random.key(0))
      levels[shift, side] = np.asarray(aux["level"], np.float64)
  for side in (SIZE, 4 * SIZE):
    s, e = levels[False, side], np.exp(schedule.training_shift((side // 8) ** 2))
    np.testing.assert_allclose(levels[True, side], e * s / (1 + (e - 1) * s), rtol=1e-5)
  assert (levels[True, 4 * SIZE] > levels[True, SIZE]).all()


def test_an_encoded_negative_is_the_empty_prompt(generator, params):
  batch = _batch(generator)
  negative = generator.encode_negative(params)
  assert negative.shape == (1, *batch["tokens"].shape[1:], 16)
  once = _sample(generator, params, batch, guidance=3.0)
  np.testing.assert_allclose(
      _sample(generator, params, batch, guidance=3.0, negative=negative), once,
      atol=1e-5)
  other = _sample(generator, params, batch, guidance=3.0, negative=negative + 1)
  assert np.abs(other - once).max() > 1e-3
