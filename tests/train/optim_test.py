"""The optimiser: which rule moves which leaf, schedules, decay, multipliers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from vision_banana import settings
from vision_banana.errors import UserError
from vision_banana.generators import flow
from vision_banana.train import optim


def tree(seed: int = 0) -> dict:
  keys = iter(jax.random.split(jax.random.key(seed), 9))
  normal = lambda *shape: jax.random.normal(next(keys), shape)
  return {
      "blocks": {"qkv": {"kernel": normal(3, 8, 24), "bias": normal(3, 24)},
                 "norm": {"scale": normal(3, 8)}},
      "image_in": {"kernel": normal(4, 8)},
      "text": {"embedding": {"embedding": normal(10, 8)}},
  }


def updates(config: optim.OptimConfig, grads, params=None) -> dict:
  """The first update at a constant learning rate of `config.lr`."""
  tx = optim.make(config, 10)
  params = params if params is not None else jax.tree.map(jnp.zeros_like, grads)
  return jax.jit(lambda g, p: tx.update(g, tx.init(p), p)[0])(grads, params)


def plain(**kwargs) -> optim.OptimConfig:
  return optim.OptimConfig(**{
      "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0,
      "clip_norm": 0.0, "lr": 1.0} | kwargs)


def test_muon_moves_each_stacked_matrix_by_an_orthogonal_one_of_adams_size():
  moved = updates(plain(), tree())["blocks"]["qkv"]["kernel"]
  for update in moved:
    values = np.linalg.svd(update / (0.2 * 24**0.5), compute_uv=False)
    # Five Newton-Schulz steps leave singular values within 0.7..1.2 (Jordan 2024).
    assert 0.6 < values.min() and values.max() < 1.3
    # Orthogonal rows of length one give a root mean square of 0.2·√(24/24).
    assert 0.12 < float(jnp.sqrt(jnp.mean(update**2))) < 0.25
  # Each layer is orthogonalised alone.
  grads = tree()
  grads["blocks"]["qkv"]["kernel"] = grads["blocks"]["qkv"]["kernel"].at[1].mul(50)
  np.testing.assert_allclose(
      updates(plain(), grads)["blocks"]["qkv"]["kernel"], moved, atol=1e-4)


def test_vectors_embeddings_and_projections_at_the_ends_get_adam():
  grads = tree()
  moved = updates(plain(), grads)
  for path in (("blocks", "qkv", "bias"), ("blocks", "norm", "scale"),
               ("image_in", "kernel"), ("text", "embedding", "embedding")):
    grad, update = grads, moved
    for key in path:
      grad, update = grad[key], update[key]
    np.testing.assert_allclose(update, -jnp.sign(grad), atol=1e-3)


def test_labels_of_a_real_model():
  params = jax.eval_shape(flow.build("debug").init, jax.random.key(0))
  labels = {
      optim.path_of(p): optim.label(optim.path_of(p), x.ndim, optim.OptimConfig())
      for p, x in jax.tree_util.tree_flatten_with_path(params)[0]}
  muon = {path for path, label in labels.items() if label == "muon"}
  assert muon == {
      *(f"flux2/double/{side}/{name}/kernel" for side in ("image", "text")
        for name in ("qkv", "out", "mlp_in", "mlp_out")),
      "flux2/single/fused_in/kernel", "flux2/single/fused_out/kernel",
      *(f"text/blocks/{name}/kernel" for name in ("qkv", "out", "mlp_in", "mlp_out"))}
  assert set(optim.label(p, 3, optim.OptimConfig(name="adamw")) for p in labels) == {
      "adam"}


def test_weight_decay_shrinks_matrices_only():
  params = tree()
  zero = jax.tree.map(jnp.zeros_like, params)
  moved = updates(plain(weight_decay=0.1, lr=0.5), zero, params)
  np.testing.assert_allclose(
      moved["blocks"]["qkv"]["kernel"], -0.05 * params["blocks"]["qkv"]["kernel"],
      rtol=1e-5)
  assert not moved["blocks"]["qkv"]["bias"].any()
  assert not moved["blocks"]["norm"]["scale"].any()


def test_multipliers_by_path_first_match_holds():
  grads = tree()
  one = updates(plain(), grads)
  moved = updates(plain(lr_multipliers={"blocks/qkv": 0.1, "blocks": 3.0}), grads)
  ratio = jax.tree.map(lambda a, b: float((a / b).mean()), moved, one)
  assert ratio["blocks"]["qkv"]["kernel"] == pytest.approx(0.1, rel=1e-4)
  assert ratio["blocks"]["norm"]["scale"] == pytest.approx(3.0, rel=1e-4)
  assert ratio["image_in"]["kernel"] == pytest.approx(1.0)


def test_clipping_bounds_the_global_norm_before_the_moments():
  tx = optim.make(plain(name="adamw", clip_norm=0.5), 10)
  grads = tree()
  _, state = jax.jit(lambda g: tx.update(g, tx.init(g), g))(grads)
  mu = state[1].inner_states["adam"].inner_state.mu
  # Adam's first moment is 0.1 of the gradient it saw.
  assert float(optax.tree.norm(mu)) / 0.1 == pytest.approx(0.5, rel=1e-4)


def test_adafactor_keeps_two_vectors_of_a_matrix_and_clips_each():
  grads = {"blocks": {"out": {"kernel": jax.random.normal(
      jax.random.key(0), (3, 256, 384))}, "norm": {"scale": jnp.ones((3, 256))}}}
  # Layers of any scale move alike: each matrix has its own means.
  grads["blocks"]["out"]["kernel"] *= jnp.array([1e-3, 1.0, 1e3])[:, None, None]
  config = plain(name="adafactor", b1=0.0)
  tx = optim.make(config, 10)
  state = jax.jit(tx.init)(grads)
  held = sum(x.size for x in jax.tree.leaves(state))
  assert held < 3 * (256 + 384) + 2 * 3 * 256 + 20
  moved = updates(config, grads)["blocks"]["out"]["kernel"]
  rms = jnp.sqrt(jnp.mean(moved**2, (1, 2)))
  np.testing.assert_allclose(rms, 1.0, atol=0.02)
  # Of a rank-one gradient it knows the squares exactly: signs are left.
  row, column = jnp.linspace(1, 2, 256)[:, None], jnp.linspace(-3, -1, 384)
  one = {"x": {"kernel": row * column}}
  np.testing.assert_allclose(updates(config, one)["x"]["kernel"], 1.0, rtol=1e-3)


@pytest.mark.parametrize("name", ["adamw", "muon", "adafactor"])
def test_first_moments_may_be_bfloat16(name):
  grads = {"blocks": {"out": {"kernel": jax.random.normal(
      jax.random.key(0), (2, 128, 128))}}}

  def dtypes(dtype):
    state = optim.make(plain(name=name, moment_dtype=dtype), 10).init(grads)
    return sorted(x.dtype.name for x in jax.tree.leaves(state) if x.size >= 2**14)

  assert dtypes("float32").count("bfloat16") == 0
  assert dtypes("bfloat16").count("bfloat16") == 1
  exact, rounded = (updates(plain(name=name, moment_dtype=d), grads)
                    ["blocks"]["out"]["kernel"] for d in ("float32", "bfloat16"))
  assert np.abs(rounded).max() > 0
  np.testing.assert_allclose(rounded, exact, atol=0.03 * np.abs(exact).max())


@pytest.mark.parametrize("name,at", [
    ("constant", {0: 0.0, 5: 0.5, 10: 1.0, 100: 1.0}),
    ("cosine", {0: 0.0, 5: 0.5, 10: 1.0, 55: 0.55, 100: 0.1}),
    ("wsd", {0: 0.0, 5: 0.5, 10: 1.0, 80: 1.0, 90: 0.55, 100: 0.1}),
])
def test_schedules(name, at):
  config = optim.OptimConfig(schedule=name, lr=1.0, warmup_steps=10, end_lr=0.1)
  rate = optim.schedule(config, 100)
  for step, value in at.items():
    assert float(rate(step)) == pytest.approx(value, abs=1e-6), step


def test_a_decay_of_the_whole_run_ends_where_it_should_after_a_warm_up():
  config = optim.OptimConfig(
      schedule="wsd", lr=1.0, warmup_steps=200, decay_fraction=1.0, end_lr=0.1)
  rate = optim.schedule(config, 1000)
  for step, value in {100: 0.5, 200: 1.0, 600: 0.55, 1000: 0.1}.items():
    assert float(rate(step)) == pytest.approx(value, abs=1e-6), step


@pytest.mark.parametrize("section,message", [
    ({"name": "adam"}, "use 'adamw', 'muon' or 'adafactor'"),
    ({"moment_dtype": "float16"}, "use 'float32' or 'bfloat16'"),
    ({"schedule": "linear"}, "use 'constant', 'cosine' or 'wsd'"),
    ({"decay_fraction": 2}, "0..1"),
    ({"clip_norm": -1.0}, "clip_norm must be at least 0, got -1"),
    ({"lr": -1e-3}, "lr must be at least 0"), ({"lr": float("nan")}, "got nan"),
    ({"warmup_steps": -3}, "warmup_steps must be at least 0"),
    ({"adam_paths": "embedding"}, r"give a tuple of regular expressions, \('embedding',"),
    ({"lr_multipliers": {"(": 0.1}}, r"lr_multipliers: '\(' is no regular expression"),
])
def test_refuses_unknown_values(section, message):
  with pytest.raises(UserError, match=message):
    settings.build(optim.OptimConfig, section, "config.optim")
