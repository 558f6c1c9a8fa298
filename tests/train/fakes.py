"""A generator and a data source that are tiny, and obey the contracts."""

import grain
import jax
import jax.numpy as jnp
import numpy as np

TASKS = ("depth", "normals", "editing")
BATCH, EDGE = 4, 4


class LinearGenerator:
  """Predicts the target picture as a linear map of the reference and noise."""

  def init(self, key):
    size = EDGE * EDGE * 3
    return {"net": {
        "hidden": {"kernel": jax.random.normal(key, (2, size, size)) * 0.01},
        "image_out": {"kernel": jnp.zeros((size, size))},
        "norm": {"scale": jnp.ones((size,))}}}

  def draw(self, batch, key):
    return {"noise": jax.random.normal(key, (len(batch["values"]), EDGE * EDGE * 3))}

  def loss(self, params, batch, key, drawn=None):
    drawn = drawn or self.draw(batch, key)
    target = batch["values"][:, 0]
    reference = batch["values"][:, 1].reshape(len(target), -1)
    x = reference + 0.1 * drawn["noise"]
    for kernel in params["net"]["hidden"]["kernel"]:
      x = x + jnp.tanh(x @ kernel)
    x = (x * params["net"]["norm"]["scale"]) @ params["net"]["image_out"]["kernel"]
    rgb = x.reshape(target.shape)
    per_sample = jnp.square(rgb - target).mean((1, 2, 3))
    aux = {"rgb": rgb, "target": target, "loss_per_sample": per_sample,
           "level": jnp.ones(len(target))}
    return per_sample.mean(), aux


def batch(index: int) -> dict[str, np.ndarray]:
  """The batch number `index`: a mix of tasks, one of them poisoned on demand."""
  rng = np.random.default_rng(index)
  return {
      "values": rng.random((BATCH, 2, EDGE, EDGE, 3), np.float32),
      "task": rng.integers(0, len(TASKS), BATCH).astype(np.int32),
      "index": np.full(BATCH, index, np.int32),
  }


def data(poisoned: int | None = None, length: int | None = None):
  """A grain iterator over `batch(i)`; batch `poisoned` holds a NaN."""
  def make(index):
    made = batch(int(index))
    if index == poisoned:
      made["values"][0, 0, 0, 0, 0] = np.nan
    return made

  indices = grain.MapDataset.range(length or 10_000)
  return iter(indices.seed(3).shuffle().map(make).to_iter_dataset())


class Recorded:
  """An iterator that remembers the batches it gave, and may call at one of them."""

  def __init__(self, iterator, call_at: int = -1, call=lambda: None):
    self.iterator, self.order = iterator, []
    self._call_at, self._call = call_at, call

  def __next__(self):
    if len(self.order) == self._call_at:
      self._call()
    made = next(self.iterator)
    self.order.append(int(made["index"][0]))
    return made

  def get_state(self):
    return self.iterator.get_state()

  def set_state(self, state):
    self.iterator.set_state(state)
