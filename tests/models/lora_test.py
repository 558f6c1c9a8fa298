"""Adapters: against diffusers with the same one loaded, beside and inside matrices."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from vision_banana.errors import UserError
from vision_banana.models import flux2, klein_folder, layers, lora, lora_file, zoo

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens"
FILE = GOLDENS / "klein_lora_file.safetensors"


@pytest.fixture(scope="module")
def saved():
  return klein_folder.read(str(GOLDENS / "klein"))


@pytest.fixture(scope="module")
def config(saved):
  return saved.config.flux2


def _run(config, flat):
  """(what the network puts out for the golden inputs, the golden arrays)."""
  golden = safetensors.numpy.load_file(GOLDENS / "klein_lora.safetensors")
  network = nnx.merge(
      nnx.graphdef(nnx.eval_shape(lambda: flux2.Flux2(config, nnx.Rngs(0)))),
      zoo.unflatten(flat))
  return network(
      golden["hidden_states"], golden["encoder_hidden_states"], golden["timestep"],
      flux2.grid_ids(3, 4, 0), flux2.text_ids(7)), golden


@pytest.mark.parametrize("join", [lora.merge, lora.attach])
def test_joined_equals_diffusers_with_the_adapter_loaded(saved, config, join):
  flat = zoo.flatten(saved.params["flux2"])
  got, golden = _run(config, flat)
  np.testing.assert_allclose(got, golden["plain"], atol=2e-5)
  adapter = lora_file.read(str(FILE), config)
  # Two ranks, two alphas, as the golden's maker says.
  scales = {adapter.scale(m) for m in adapter.weights}
  assert scales == {2.0, 0.5}
  got, _ = _run(config, join(flat, adapter, config))
  np.testing.assert_allclose(
      got, golden["adapted"], atol=2e-5 * np.abs(golden["adapted"]).max())


@pytest.mark.parametrize("targets", [
    ("transformer_blocks",), (r"\.0\.attn\.to_[qv]$", r"^single.*to_out$", "^x_emb")])
def test_gradients_beside_the_matrices_are_those_inside(saved, config, targets):
  flat = zoo.flatten(saved.params["flux2"])
  weights = lora.init(
      config, lora.LoraConfig(rank=2, targets=targets), jax.random.key(0))
  noise = np.random.default_rng(0)
  weights = jax.tree.map(  # Else only B has a gradient.
      lambda x: x + 0.1 * noise.standard_normal(x.shape).astype(np.float32), weights)

  def loss(join):
    def of(weights):
      adapter = lora.Adapter(weights, dict.fromkeys(weights, 3.0))
      return jnp.square(_run(config, join(flat, adapter, config))[0]).mean()
    return of
  want, got = (jax.jit(jax.grad(loss(join)))(weights)
               for join in (lora.merge, lora.attach))
  for name, pair in want.items():
    for side, value in pair.items():
      assert np.abs(value).max() > 0, name
      np.testing.assert_allclose(
          got[name][side], value, atol=1e-4 * np.abs(value).max(), err_msg=name)


def test_in_bfloat16_a_small_change_counts_beside_the_matrix():
  """Inside, what is less than half of an entry's last bit is lost."""
  base = jnp.ones((32, 16), jnp.bfloat16).at[::2].set(-1)
  a, b = jnp.full((32, 1), 2.0**-5), jnp.full((1, 16), 2.0**-5)
  inside = (base.astype(jnp.float32) + a @ b).astype(jnp.bfloat16)
  np.testing.assert_array_equal(inside, base)
  x = jnp.ones((4, 32), jnp.bfloat16)
  assert not layers.project(x, base).any()
  beside = layers.project(x, layers.LowRank(base, a, b))
  np.testing.assert_array_equal(beside, jnp.full((4, 16), 2.0**-5, jnp.bfloat16))


def test_a_fresh_adapter_changes_nothing_and_its_gradient_is_not_zero(saved, config):
  flat = zoo.flatten(saved.params["flux2"])
  weights = lora.init(config, lora.LoraConfig(rank=2, alpha=4), jax.random.key(0))
  alphas = dict.fromkeys(weights, 4.0)
  merged = lora.merge(flat, lora.Adapter(weights, alphas), config)
  assert merged.keys() == flat.keys()
  for path, value in merged.items():
    np.testing.assert_array_equal(value, flat[path])

  def size(weights):
    attached = lora.attach(flat, lora.Adapter(weights, alphas), config)
    return jnp.square(_run(config, attached)[0]).mean()

  for pair in jax.jit(jax.grad(size))(weights).values():
    assert np.abs(pair["b"]).max() > 0
  assert len(weights) == 2 * 12 + 3 * 2  # Every matrix of the blocks.


def test_targets_choose_modules(config):
  key = jax.random.key(0)
  some = lora.init(config, lora.LoraConfig(rank=2, targets=(r"attn\.to_[qk]$",)), key)
  assert set(some) == {f"transformer_blocks.{i}.attn.to_{p}" for i in (0, 1)
                       for p in "qk"}
  with pytest.raises(UserError, match="'to_z' fits no module"):
    lora.init(config, lora.LoraConfig(rank=2, targets=("to_q", "to_z")), key)
  with pytest.raises(ValueError, match=r"targets 'to_q': give a tuple .*\('to_q',\)"):
    lora.LoraConfig(rank=2, targets="to_q")
