"""Floating-point operations of a train step and of the sampler, from the sizes alone.

Matrix products and convolutions are counted, two operations a multiply-add; what is
done element by element is not (a percent or two at klein's widths). XLA's own
`cost_analysis` counts the body of a loop once and leaves kernels out, so it cannot
serve; on unrolled models the two agree (tests/train/flops_test.py).
"""

import dataclasses

from vision_banana.data import buckets
from vision_banana.models import lora as lora_lib
from vision_banana.models import weight_tables, zoo
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.text import TextConfig
from vision_banana.train.config import Experiment

# Shares of the blocks' matrices and of attention's forward pass that the backward
# pass computes again, by remat policy.
RECOMPUTED = {"none": (0.0, 0.0), "dots": (0.0, 1.0), "full": (1.0, 1.0)}
# What the gradient kernels of splash attention compute again in any case: the logits
# in both, and the gradients of the weights once more; seven products for four.
_KERNEL = 1.5


def largest_shape(config: Experiment) -> buckets.Shape:
  """(height, width) in pixels of the largest pictures that a run trains on."""
  return buckets.largest(config.data.size, config.data.aspects)


def step(config: Experiment) -> dict[str, float]:
  """Of a whole train step, over all samples and chips, at its largest pictures.

  Returns:
    transformer_forward, transformer_backward, text_encoder, autoencoder, adapters
    (forward and backward); model, the sum of these, which MFU is a share of;
    recomputed, what remat and the attention kernel do again; executed, all.
  """
  sizes, batch, rank = _sizes(config), config.data.batch_size, config.lora.rank
  cost = _transformer(config)
  beside = adapters(sizes.flux2, config.lora, _image_tokens(config),
                    sizes.text.max_length) if rank else 0.0
  text = text_encoder(sizes.text)
  if isinstance(sizes.text, TextConfig) and not rank:
    text *= 3  # It is trained as well.
  pictures = 1 + config.data.num_references
  parts = {
      "transformer_forward": batch * cost.forward,
      "transformer_backward": batch * (
          cost.backward_adapters if rank else cost.backward),
      "text_encoder": batch * text,
      "autoencoder": batch * pictures * _encoder(config),
      "adapters": batch * 3 * beside,
  }
  blocks, attention = RECOMPUTED[config.train.remat]
  parts["model"] = sum(parts.values())
  parts["recomputed"] = batch * (
      blocks * (cost.blocks + beside) + (attention + _KERNEL) * cost.attention)
  return parts | {"executed": parts["model"] + parts["recomputed"]}


def sampler(config: Experiment, pictures: int) -> dict[str, float]:
  """Of painting so many pictures, each with all its references.

  The empty prompt of guidance is encoded once for a model, and not counted.

  Returns:
    transformer, text_encoder, autoencoder; model, their sum.
  """
  sizes, size = _sizes(config), largest_shape(config)
  passes = 1 if config.flow.guidance == 1 else 2
  parts = {
      "transformer": _transformer(config).forward * passes * config.flow.steps,
      "text_encoder": text_encoder(sizes.text),
      "autoencoder": config.data.num_references * _encoder(config) + (
          decoder(sizes.autoencoder, size) if _learned(sizes) else 0.0)}
  parts = {name: pictures * value for name, value in parts.items()}
  return parts | {"model": sum(parts.values())}


def _sizes(config: Experiment) -> zoo.ModelConfig:
  return zoo.model_config(config.model.name, config.model.overrides)


def _learned(sizes: zoo.ModelConfig) -> bool:
  return isinstance(sizes.autoencoder, AutoencoderConfig)


def _image_tokens(config: Experiment) -> int:
  """Of the target and of all references."""
  edge = _sizes(config).autoencoder.pixels
  height, width = (side // edge for side in largest_shape(config))
  return (1 + config.data.num_references) * height * width


def _transformer(config: Experiment) -> "Cost":
  sizes = _sizes(config)
  return transformer(sizes.flux2, _image_tokens(config), sizes.text.max_length)


def _encoder(config: Experiment) -> float:
  sizes = _sizes(config)
  if not _learned(sizes):
    return 0.0
  return encoder(sizes.autoencoder, largest_shape(config))


@dataclasses.dataclass(frozen=True)
class Cost:
  """Operations of one pass forward through the transformer.

  Attributes:
    inputs: projections of image and text tokens.
    condition: noise level and modulation, once a sample.
    blocks: matrices of all blocks.
    output: projection to latents.
    attention: queries with keys, and weights with values.
  """
  inputs: float
  condition: float
  blocks: float
  output: float
  attention: float

  @property
  def forward(self) -> float:
    return sum(dataclasses.astuple(self))

  @property
  def backward(self) -> float:
    """When all weights are trained: their gradients and those of what layers read.

    The network's own inputs need none.
    """
    return 2 * self.forward - self.inputs

  @property
  def backward_adapters(self) -> float:
    """When adapters of the blocks are trained, without those.

    Matrices have no gradients, only what the layers read; nothing before the blocks
    needs any.
    """
    return self.blocks + 2 * self.attention + self.output


def transformer(config: Flux2Config, image_tokens: int, text_tokens: int) -> Cost:
  """Of one sample: `image_tokens` are those of the target and of all references."""
  c, d, h = config, config.width, config.mlp_width
  n, t = image_tokens, text_tokens
  s = n + t
  stream = 3 * d * d + d * d + 2 * d * h + h * d
  single = d * (3 * d + 2 * h) + (d + h) * d
  return Cost(
      inputs=2.0 * (n * c.in_channels * d + t * c.text_dim * d),
      condition=2.0 * (c.timestep_channels * d + d * d + (6 + 6 + 3 + 2) * d * d),
      blocks=2.0 * s * (c.num_double * stream + c.num_single * single),
      output=2.0 * n * d * c.in_channels,
      attention=4.0 * s * s * d * (c.num_double + c.num_single))


def adapters(config: Flux2Config, lora: lora_lib.LoraConfig, image_tokens: int,
             text_tokens: int) -> float:
  """Of one sample forward through the adapters; backward is twice that.

  What fused modules of a rank each multiply by zeros is not counted.
  """
  both = image_tokens + text_tokens
  tokens = {"double/image": image_tokens, "double/text": text_tokens, "single": both,
            "image_in": image_tokens, "image_out": image_tokens, "text_in": text_tokens}
  pieces = weight_tables.weight_map(config).by_key
  total = 0.0
  for name, (out, features) in lora_lib.modules(config).items():
    if lora.adapts(name):
      path = pieces[f"{name}.weight"][0].path
      # Noise level and modulation are once a sample.
      seen = next((n for start, n in tokens.items() if path.startswith(f"{start}/")), 1)
      total += 2.0 * seen * lora.rank * (features + out)
  return total


def text_encoder(config: Qwen3Config | TextConfig) -> float:
  """Of one prompt, forward; attention over all pairs, causal or not."""
  c, t = config, config.max_length
  if isinstance(c, Qwen3Config):
    layers, heads = c.built_layers, c.num_heads * c.head_dim
    layer = c.width * (heads + 2 * c.num_kv_heads * c.head_dim) + heads * c.width
    layer += 3 * c.width * c.mlp_width
  else:
    layers, heads = c.num_layers, c.width
    layer = 4 * c.width**2 + 3 * c.width * int(c.width * c.mlp_ratio)
  return layers * (2.0 * t * layer + 4.0 * t * t * heads)


def encoder(config: AutoencoderConfig, size: tuple[int, int]) -> float:
  """Of one picture of (height, width) pixels to latents."""
  c, pixels = config.stage_channels, size[0] * size[1]
  total = pixels * 9 * 3 * c[0]
  for i, (before, now) in enumerate(zip(c[:1] + c, c)):
    total += _resnets(before, now, config.layers_per_stage, pixels)
    if i < len(c) - 1:
      pixels /= 4
      total += pixels * 9 * now * now
  total += _middle(c[-1], pixels)
  latent = 2 * config.latent_channels
  return 2.0 * (total + pixels * (9 * c[-1] * latent + latent * latent))


def decoder(config: AutoencoderConfig, size: tuple[int, int]) -> float:
  """Of one picture of (height, width) pixels from latents."""
  c, latent = config.stage_channels[::-1], config.latent_channels
  pixels = size[0] * size[1] / 4 ** (len(c) - 1)
  total = pixels * (latent * latent + 9 * latent * c[0]) + _middle(c[0], pixels)
  for i, (before, now) in enumerate(zip(c[:1] + c, c)):
    total += _resnets(before, now, config.layers_per_stage + 1, pixels)
    if i < len(c) - 1:
      pixels *= 4
      total += pixels * 9 * now * now
  return 2.0 * (total + pixels * 9 * c[-1] * 3)


def _resnets(before: int, now: int, num: int, pixels: float) -> float:
  total = 0.0
  for features in (before,) + (now,) * (num - 1):
    total += 9 * features * now + 9 * now * now + (features != now) * features * now
  return pixels * total


def _middle(features: int, pixels: float) -> float:
  attention = pixels * 4 * features**2 + 2 * pixels**2 * features
  return _resnets(features, features, 2, pixels) + attention
