"""Between pictures of any size and a generator's fixed shapes.

Where a picture lies on the canvas, how many are painted at once, what noise they
start from: what decides which samplers are compiled.
"""

from typing import Any

import jax
import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import images
from vision_banana.generators import flow

BATCH = 32


class Painter:
  """Paints with a generator.

  A generator of one size is given pictures fitted into it, in batches; one of
  `any_size` sees each picture at its own, one at a time.
  """

  def __init__(self, generator: flow.Flow):
    self.generator = generator
    self.config = generator.config
    self._negative: tuple[Any, jax.Array] | None = None

  def box(self, picture: np.ndarray, canvas: tuple[int, int]) -> images.Letterbox:
    """Where the model sees a picture, when what it paints is `canvas`."""
    if not self.config.any_size:
      return images.Letterbox(picture.shape[:2], canvas)
    own = images.canvas_for(picture.shape[:2], self.config.image_size)
    return images.Letterbox(picture.shape[:2], own, largest_scale=1.0)

  def rounded(self, size: tuple[int, int]) -> tuple[int, int]:
    """The canvas for a picture of `size`: up to whole latents."""
    pixels = self.config.autoencoder.pixels
    return tuple(-(-side // pixels) * pixels for side in size)

  def tokens_of(self, noise, canvas: tuple[int, int]) -> np.ndarray | None:
    """Noise as it is given to `Model.generate`, as tokens [1, N, C].

    Raises:
      UserError: it is of neither shape.
    """
    if noise is None:
      return None
    noise, latents = np.asarray(noise, np.float32), self.config.autoencoder
    height, width = (side // latents.pixels for side in canvas)
    if noise.shape == (1, latents.channels, height, width):
      return noise.reshape(1, latents.channels, -1).transpose(0, 2, 1)
    if noise.shape == (height * width, latents.channels):
      return noise[None]
    raise UserError(
        f"noise of shape {noise.shape}: for a picture of {canvas[0]}x{canvas[1]} give "
        f"[{height * width}, {latents.channels}] or [1, {latents.channels}, {height}, "
        f"{width}].")

  def paint(self, params, prompts, references, canvas, steps, guidance, seed,
            noise=None) -> np.ndarray:
    """Paints pictures, whatever their number.

    Args:
      params: of the generator.
      prompts: N texts.
      references: for each, its reference pictures, uint8 as `box` placed them.
      canvas: (height, width) to paint, whole latents.
      steps: network evaluations.
      guidance: classifier-free guidance.
      seed: of the starting noise.
      noise: starting noise [1, N, C] for a single picture, or None.

    Returns:
      float32 [N, *canvas, 3] in 0..1.

    Raises:
      UserError: too many references, a prompt that is too long.
    """
    most = max(map(len, references), default=0)
    if most > self.config.num_references:
      raise UserError(f"{most} references: '{self.generator.name}' reads at most "
                      f"{self.config.num_references}.")
    n = len(prompts)
    tokens, mask = self.generator.tokenize(list(prompts), strict=True)
    pictures, present = self._stack(references, canvas, most)
    # Batches are filled up, so that one compiled sampler serves them all and an
    # item's noise depends on its place alone.
    batch = 1 if n == 1 or self.config.any_size else BATCH
    painted = []
    negative = None if guidance == 1 else self._empty(params)
    for start in range(0, n, batch):
      rows = np.minimum(np.arange(start, start + batch), n - 1)
      key = jax.random.fold_in(jax.random.key(seed), start)
      rgb = self.generator.generate(
          params, tokens[rows], mask[rows], [p[rows] for p in pictures],
          None if present is None else present[rows], key, size=canvas, steps=steps,
          guidance=guidance, noise=noise, negative=negative)
      painted.append(np.asarray(rgb))
    return np.concatenate(painted)[:n]

  def _empty(self, params) -> jax.Array:
    """Features of the empty prompt, encoded once for the parameters in use."""
    if self._negative is None or self._negative[0] is not params:
      self._negative = params, self.generator.encode_negative(params)
    return self._negative[1]

  def _stack(self, references, canvas, most):
    """Reference pictures float32 [N,H,W,3], one array a place, and which are there.

    One compiled sampler of a model of one size serves any number of references:
    those that are not there are hidden. A larger model is not given them at all.
    """
    if self.config.any_size:
      if any(len(given) != most for given in references):
        raise UserError("pictures with and without references in one batch: ask for "
                        "them in two.")
      return [np.stack([given[r] for given in references]) / np.float32(255)
              for r in range(most)], None
    present = np.zeros((len(references), self.config.num_references), bool)
    pictures = np.zeros((self.config.num_references, len(references), *canvas, 3), np.float32)
    for i, given in enumerate(references):
      for r, picture in enumerate(given):
        pictures[r, i], present[i, r] = picture / np.float32(255), True
    return list(pictures), present
