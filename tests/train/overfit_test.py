"""Learning one batch by heart: the loss falls, and every codec reads its target."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train import small_models
from vision_banana.codecs import depth, metrics, normals, segmentation
from vision_banana.codecs import target as target_codec
from vision_banana.generators import flow
from vision_banana.models.lora import LoraConfig
from vision_banana.train import optim, trained
from vision_banana.train import step as step_lib

SIZE, STEPS = small_models.SIZE, 300
TASKS = ("depth", "normals", "semantic")


@pytest.fixture(scope="module")
def generator():
  return flow.build("debug", overrides={
      "flux2": {"num_heads": 4, "rope_axes": (4, 4, 4, 4)}})


@pytest.fixture(scope="module")
def batch(generator):
  """A slanted floor, two walls and three labels, each with a picture beside it."""
  rng = np.random.default_rng(0)
  tokens, mask = generator.tokenize(list(TASKS))
  y, x = np.mgrid[:SIZE, :SIZE] / SIZE
  values = rng.random((3, 2, SIZE, SIZE, 3), np.float32)
  values[0, 0, ..., 0] = 1.5 + 4 * y
  values[1, 0] = np.where((x < 0.5)[..., None], (-0.6, 0.0, 0.8), (0.0, 0.6, 0.8))
  labels = np.zeros((3, 2, SIZE, SIZE), np.int32)
  labels[2, 0] = (x > 0.3).astype(int) + (y > x)
  palette = np.zeros((3, 2, 8, 3), np.float32)
  palette[2, 0, :3] = (0.9, 0.1, 0.1), (0.1, 0.8, 0.2), (0.2, 0.2, 0.9)
  return {
      "values": values, "labels": labels, "palette": palette,
      "codec": np.array([[1, 0], [2, 0], [3, 0]], np.int32),
      "colormap": np.zeros((3, 2), np.int32), "present": np.ones((3, 2), bool),
      "valid": np.ones((3, SIZE, SIZE), bool), "tokens": tokens, "text_mask": mask,
      "task": np.arange(3, dtype=np.int32)}


def learn(generator, batch, *, lora: LoraConfig, accumulate: int):
  """(loss of every step, what the model paints for the batch)."""
  part, params = trained.choose(
      generator, small_models.awake(generator), lora, jax.random.key(0))
  if params is None:
    params = part.init(jax.random.key(1))
  tx = optim.make(optim.OptimConfig(
      name="adamw", lr=5e-3, schedule="cosine", warmup_steps=10, weight_decay=0.0),
      STEPS)
  step = jax.jit(step_lib.make_step(
      generator, tx, ema_decay=0.9, seed=0, tasks=TASKS, combine=part.combine,
      accumulate=accumulate), donate_argnums=0)
  state, losses = jax.jit(lambda p: step_lib.init_state(p, tx))(params), []
  for _ in range(STEPS):
    state, values = step(state, batch, part.fixed)
    losses.append(values["loss"])
  reference = target_codec.encode(
      batch["values"], batch["labels"], batch["palette"], batch["codec"],
      batch["colormap"])[:, 1]
  painted = generator.generate(
      part.combine(step_lib.averaged(state), part.fixed), batch["tokens"],
      batch["text_mask"], [reference], batch["present"][:, 1:], jax.random.key(7),
      size=(SIZE, SIZE), steps=2, guidance=1.0)
  return np.asarray(losses), painted


@pytest.mark.parametrize("lora,accumulate", [
    (LoraConfig(), 1),
    # Of the layers at the ends as well: the base has not learned to paint.
    (LoraConfig(rank=16, alpha=16.0, targets=("",)), 1),
    (LoraConfig(), 3),
], ids=["full", "lora", "accumulated"])
def test_one_batch_is_learned_and_read_back(generator, batch, lora, accumulate):
  losses, painted = learn(generator, batch, lora=lora, accumulate=accumulate)
  assert losses[-20:].mean() < losses[0] / 10, (losses[0], losses[-20:].mean())
  everywhere = jnp.ones((SIZE, SIZE), bool)
  metres = batch["values"][0, 0, ..., 0]
  assert metrics.abs_rel(depth.decode(painted[0]), metres, everywhere) < 0.1
  assert metrics.angular_error(
      normals.decode(painted[1]), batch["values"][1, 0], everywhere) < 8
  found = segmentation.decode(painted[2], batch["palette"][2, 0], 3)
  assert (found == batch["labels"][2, 0]).mean() > 0.97
