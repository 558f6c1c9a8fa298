"""Flow matching: the objective and the Euler sampler around FLUX.2.

A noisy picture at level t in 0..1 is x_t = (1 − t)·x0 + t·noise, and the flow's
velocity is v = noise − x0 (rectified flow, as FLUX.2 is trained).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vision_banana import settings
from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import target as target_codec
from vision_banana.errors import UserError
from vision_banana.generators import schedule as flux2_schedule
from vision_banana.generators.base import Batch, Params, Tokenizer
from vision_banana.models import flux2, patches, sharding, text, zoo

PREDICTIONS = ("x", "v")
SCHEDULES = ("linear", "flux2")


@dataclasses.dataclass(frozen=True)
class FlowConfig:
  """The objective, and how to sample by default.

  Attributes:
    prediction: what the network puts out: 'x' the clean picture, 'v' the velocity.
    level_mean: mean of the logit-normal distribution of training levels; above
      zero it favours much noise, where perception is learned.
    level_sd: its standard deviation.
    level_shift: whether the levels are shifted with the size of the picture, see
      `schedule.training_shift`, which adds to `level_mean`.
    latent_sd: if above zero, the network sees the noisy latents through the Wiener
      filter for latents of this spread, which fades pure noise out to nothing. A
      narrow network needs it: where tokens have as many channels as the network is
      wide, noise fills the whole residual stream and drowns what attention brings
      from the references. Zero shows them as they are, as FLUX.2 does.
    level_floor: the x loss is weighted by 1 / max(t, level_floor)², which is the
      velocity loss with a cap.
    schedule: levels that sampling steps through: 'linear', or those of 'flux2',
      which depend on the size of the picture (`generators/schedule.py`).
    steps: default number of sampling steps for photos (generation and editing).
    perception_steps: the same for pictures that are decoded to values, which are
      nearly a function of the reference: few steps serve them as well or better.
    guidance: default classifier-free guidance; 1 is none.
    depth: the curve by which depth is painted, and read from what is painted.
  """
  prediction: str = "x"
  level_mean: float = 1.5
  level_sd: float = 1.5
  level_shift: bool = False
  latent_sd: float = 0.0
  level_floor: float = 0.4
  schedule: str = "linear"
  steps: int = 4
  perception_steps: int = 1
  guidance: float = 1.0
  depth: depth_codec.Curve = depth_codec.Curve()

  def __post_init__(self):
    if self.prediction not in PREDICTIONS:
      raise ValueError(
          f"prediction '{self.prediction}': use one of {', '.join(PREDICTIONS)}.")
    if self.schedule not in SCHEDULES:
      raise ValueError(
          f"schedule '{self.schedule}': use one of {', '.join(SCHEDULES)}.")
    if self.latent_sd < 0:
      raise ValueError(f"latent_sd must not be negative, got {self.latent_sd}.")
    settings.check_at_least(self, 1, "steps", "perception_steps")
    if not 0 < self.level_floor <= 1:
      raise ValueError(f"level_floor must be in (0, 1], got {self.level_floor}.")


class Flow:
  """A flow-matching generator; see `generators.base.Generator` for the methods.

  Noise levels, the steps of the sampler and pictures are float32.
  """

  def __init__(
      self,
      name: str,
      config: zoo.ModelConfig,
      flow: FlowConfig,
      tokenizer: Tokenizer,
      *,
      dtype: str | None = None,
      remat: str = "none",
  ):
    """See the class.

    Args:
      name: key of `zoo.MODELS`.
      config: sizes.
      flow: objective and sampling.
      tokenizer: of the text encoder.
      dtype: computed in by the transformer, and by a learned autoencoder that
        encodes; None: by the first that of its parameters, by the second float32.
      remat: key of `flux2.REMAT`: what training keeps of each block.

    Raises:
      UserError: the tokenizer has more tokens than the text encoder.
    """
    vocab = tokenizer.core.get_vocab_size()
    if vocab > config.text.vocab_size:
      raise UserError(
          f"the tokenizer has {vocab} tokens, the text encoder of '{name}' "
          f"{config.text.vocab_size}; set config.model.overrides.text.vocab_size.")
    self.name = name
    self.config = config
    self.flow = flow
    self.tokenizer = tokenizer
    self.dtype = None if dtype is None else jnp.dtype(dtype)
    self._remat = remat
    # nano's autoencoder learns nothing; klein's is part of the network.
    learned = not isinstance(config.autoencoder, patches.PatchesConfig)
    self.patches = None if learned else patches.Patches(config.autoencoder)
    self._graph = nnx.graphdef(zoo.abstract_network(config))
    self.generate = jax.jit(
        self._generate, static_argnames=("size", "steps", "guidance"))
    self.encode_negative = jax.jit(self._encode_negative)
    self.through_latents = jax.jit(self._through_latents)

  def init(self, key: jax.Array) -> Params:
    network = zoo.Network(self.config, nnx.Rngs(key))
    return nnx.to_pure_dict(nnx.state(network))

  def tokenize(self, prompts, strict=False):
    return self.tokenizer(prompts, strict)

  def _predict_x0(self, network, noisy, level, context, references, present, grid):
    """The clean latents [B, N, C] the network sees in `noisy` [B, N, C].

    `context` is text [B, T, D] and its mask, or None where all of it is seen;
    `references` are pairs of latents [B, N', C] and their grid (h, w); `present` is
    bool [B, R], or None where all are there.
    """
    features, text_mask = context
    t = level[:, None, None]
    parts, ids = [self._shown(noisy, t)], [flux2.grid_ids(*grid, 0)]
    for r, (latents, reference_grid) in enumerate(references):
      parts.append(latents)
      ids.append(flux2.grid_ids(*reference_grid, flux2.reference_time(r)))
    mask = None
    if text_mask is not None or present is not None:
      everything = jnp.ones(noisy.shape[:1], bool)
      seen = [everything, *(everything if present is None else present[:, r]
                            for r in range(len(references)))]
      seen = [jnp.broadcast_to(x[:, None], p.shape[:2]) for x, p in zip(seen, parts)]
      if text_mask is None:
        text_mask = jnp.ones(features.shape[:2], bool)
      mask = jnp.concatenate([text_mask, *seen], 1)
    image = jnp.concatenate(parts, 1).astype(self.dtype or network.flux2.dtype)
    out = network.flux2(
        image, features, level, np.concatenate(ids),
        flux2.text_ids(features.shape[1]), mask, self._remat)
    out = out[:, : noisy.shape[1]].astype(jnp.float32)
    if self.flow.prediction == "v":
      return noisy - t * out
    return out

  def _shown(self, noisy, t):
    """The noisy latents as the network sees them (`FlowConfig.latent_sd`)."""
    variance = self.flow.latent_sd**2
    if not variance:
      return noisy
    return noisy * (1 - t) * variance / ((1 - t) ** 2 * variance + t**2)

  def _context(self, network, tokens, text_mask):
    """Text features, and the mask the transformer shall put on them or None."""
    features = network.text(tokens, text_mask).astype(
        self.dtype or network.flux2.dtype)
    return features, text_mask if self.config.mask_text else None

  def _encode(self, network, rgb):
    """[B, H, W, 3] to latents [B, N, C] and their grid (h, w)."""
    grid = self._grid(rgb.shape[1:3])
    if self.patches:
      return self.patches.encode(rgb), grid
    latents = network.autoencoder.encode(rgb.astype(jnp.float32), self.dtype)
    return latents.reshape(len(rgb), -1, latents.shape[-1]), grid

  def _decode(self, network, latents, size):
    """[B, N, C] to float32 RGB [B, H, W, 3] of `size`, not clipped."""
    if self.patches:
      return self.patches.decode(latents, size)
    return network.autoencoder.decode(
        latents.reshape(len(latents), *self._grid(size), -1))

  def _through_latents(self, params, rgb, noise, key):
    """`api.Model.through_latents` for a batch, float [B, H, W, 3] in and out."""
    network = nnx.merge(self._graph, params)
    latents, _ = self._encode(network, rgb)
    latents = latents.astype(jnp.float32)
    latents += noise * jax.random.normal(key, latents.shape)
    return jnp.clip(self._decode(network, latents, rgb.shape[1:3]), 0, 1)

  def _level_mean(self, num_tokens: int) -> float:
    """Mean of the logit of training levels for a target of so many tokens."""
    mean = self.flow.level_mean
    if self.flow.level_shift:
      mean += flux2_schedule.training_shift(num_tokens)
    return mean

  def draw(self, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
    b, _, *size, _ = batch["values"].shape
    level_key, noise_key = jax.random.split(key)
    f = self.flow
    tokens = math.prod(self._grid(size))
    level = jax.nn.sigmoid(self._level_mean(tokens) + (
        f.level_sd * jax.random.normal(level_key, (b,))))
    noise = jax.random.normal(
        noise_key, (b, tokens, self.config.autoencoder.channels))
    return {"level": level, "noise": sharding.constrain(noise, sharding.BATCH)}

  def loss(self, params: Params, batch: Batch, key: jax.Array, drawn=None):
    drawn = self.draw(batch, key) if drawn is None else drawn
    pictures = target_codec.encode(
        batch["values"], batch["labels"], batch["palette"], batch["codec"],
        batch["colormap"], self.flow.depth)
    goal, references = pictures[:, 0], pictures[:, 1:]
    size = goal.shape[1:3]
    network = nnx.merge(self._graph, params)
    x0, grid = self._encode(network, goal)
    level, f = drawn["level"], self.flow
    t = level[:, None, None]
    noisy = (1 - t) * x0 + t * drawn["noise"]
    predicted = self._predict_x0(
        network, noisy, level,
        self._context(network, batch["tokens"], batch["text_mask"]),
        [self._encode(network, r) for r in jnp.unstack(references, axis=1)],
        batch["present"][:, 1:], grid)
    error = jnp.square(predicted - x0)
    if self.patches:
      error *= self.patches.channel_weights
    # A token counts by the share of its pixels whose target is known.
    valid = batch["valid"][..., None].astype(jnp.float32)
    p = self.config.autoencoder.pixels
    share = valid.reshape(-1, size[0] // p, p, size[1] // p, p).mean((2, 4))
    share = share.reshape(share.shape[0], -1)
    weight = share / jnp.maximum(share.mean(-1, keepdims=True), 1e-6)
    per_sample = (error.mean(-1) * weight).mean(-1)
    per_sample = per_sample / jnp.square(jnp.maximum(level, f.level_floor))
    aux = {
        "rgb": self._decode(network, predicted, size), "target": goal,
        "loss_per_sample": per_sample, "level": level}
    return per_sample.mean(), aux

  def _encode_negative(self, params):
    tokens, mask = (jnp.asarray(a) for a in self.tokenize([""]))
    return self._context(nnx.merge(self._graph, params), tokens, mask)[0]

  def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
    p = self.config.autoencoder.pixels
    if size[0] % p or size[1] % p:
      raise UserError(
          f"size {size[0]}x{size[1]}: both sides must be multiples of {p}.")
    return size[0] // p, size[1] // p

  def _generate(
      self, params, tokens, text_mask, references, present, key, *, size, steps,
      guidance, noise=None, negative=None,
  ):
    network = nnx.merge(self._graph, params)
    grid = self._grid(size)
    b, n = tokens.shape[0], grid[0] * grid[1]
    if noise is None:
      noise = jax.random.normal(key, (b, n, self.config.autoencoder.channels))
    double = lambda x: x if x is None else jnp.concatenate([x, x])
    latents = [self._encode(network, r) for r in references]
    features, text_mask = self._context(network, tokens, text_mask)
    if guidance != 1:
      # Two passes in one batch: the prompt, and the empty prompt.
      if negative is None:
        negative = self._encode_negative(params)
      features = jnp.concatenate([features, jnp.tile(negative, (b, 1, 1))])
      if text_mask is not None:
        empty_mask = jnp.tile(self.tokenize([""])[1], (b, 1))
        text_mask = jnp.concatenate([text_mask, empty_mask])
      latents = [(double(x), g) for x, g in latents]
      present = double(present)
    context = features, text_mask

    def euler(x, levels):
      now, after = levels
      doubled = double(x) if guidance != 1 else x
      x0 = self._predict_x0(
          network, doubled, jnp.full(doubled.shape[:1], now), context, latents,
          present, grid)
      if guidance != 1:
        positive, negative = jnp.split(x0, 2)
        x0 = negative + guidance * (positive - negative)
      velocity = (x - x0) / now
      return x + (after - now) * velocity, None

    if self.flow.schedule == "flux2":
      levels = jnp.asarray(flux2_schedule.levels(n, steps))
    else:
      levels = jnp.linspace(1.0, 0.0, steps + 1)
    x, _ = jax.lax.scan(euler, noise, (levels[:-1], levels[1:]))
    return jnp.clip(self._decode(network, x, size), 0, 1)


def build(
    name: str,
    overrides: Mapping[str, Any] = {},
    flow: Mapping[str, Any] = {},
    tokenizer: Tokenizer | None = None,
) -> Flow:
  """Makes the generator `name` of `models.zoo.MODELS`.

  Args:
    name: a key of it.
    overrides: nested changes of its sizes.
    flow: fields of `FlowConfig`.
    tokenizer: None reads bytes, one token each; only nano can do with it.

  Raises:
    UserError: unknown name, key or value.
  """
  config = zoo.model_config(name, overrides)
  tokenizer = tokenizer or text.Tokenizer.bytes_only(config.text.max_length)
  return Flow(name, config, settings.build(FlowConfig, flow, "flow"), tokenizer)


def from_saved(saved: zoo.SavedModel) -> Flow:
  """The generator of a model folder."""
  flow = settings.build(FlowConfig, saved.flow, "flow")
  return Flow(saved.name, saved.config, flow, saved.tokenizer)
