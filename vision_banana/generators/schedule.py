"""Noise levels that depend on the size of the picture.

The same noise hides less of a larger picture, so the larger it is, the more of
sampling and of training is spent at high levels (Esser et al. 2024, "Scaling
Rectified Flow Transformers", section 5.3.2): a level s becomes
e^mu · s / (1 + (e^mu − 1) · s), which adds mu to its logit.

Sampling, as FLUX.2 [klein]: `Flux2KleinPipeline` (`compute_empirical_mu`) and
`FlowMatchEulerDiscreteScheduler` (exponential dynamic shift) of diffusers.
"""

import math

import numpy as np

from vision_banana.errors import UserError


def check(steps: int | None, guidance: float | None, seed: int | None) -> None:
  """Raises UserError when no picture is sampled so; None stands for a default."""
  if steps is not None and not 1 <= steps <= 1000:
    raise UserError(f"steps {steps}: give 1 to 1000.")
  if guidance is not None and not math.isfinite(guidance):
    raise UserError(f"guidance {guidance}: give a finite number, 1 for none.")
  if seed is not None and not 0 <= seed < 2**32:
    raise UserError(f"seed {seed}: give 0 to {2**32 - 1}.")


def shift(num_tokens: int, steps: int) -> float:
  """The logarithm mu of the shift, as fitted by the authors of FLUX.2.

  Args:
    num_tokens: latent tokens of the target (references do not count).
    steps: sampling steps.
  """
  at_200 = 0.00016927 * num_tokens + 0.45666666
  if num_tokens > 4300:
    return at_200
  at_10 = 8.73809524e-05 * num_tokens + 1.89833333
  slope = (at_200 - at_10) / 190.0
  return slope * steps + (at_200 - 200.0 * slope)


def training_shift(num_tokens: int) -> float:
  """The logarithm mu of the shift of training levels, linear in the tokens.

  0.5 at 256 tokens (256²) and 1.15 at 4096 (1024²), the line of FLUX.1 (`sampling.py`
  of black-forest-labs/flux, `calculate_shift` of diffusers). How FLUX.2 was trained
  is not published.

  Args:
    num_tokens: latent tokens of the target (references do not count).
  """
  return 0.5 + (1.15 - 0.5) * (num_tokens - 256) / (4096 - 256)


def levels(num_tokens: int, steps: int) -> np.ndarray:
  """Noise levels from 1 (pure noise) down to 0.

  Args:
    num_tokens: latent tokens of the target.
    steps: sampling steps, at least 1.

  Returns:
    float32 [steps + 1]; step i goes from level i to level i + 1.

  Raises:
    UserError: if there is no step.
  """
  if steps < 1:
    raise UserError(f"steps is {steps}; use 1 or more.")
  # float32 from here on, as the reference.
  even = np.linspace(1.0, 1.0 / steps, steps).astype(np.float32)
  factor = np.float32(math.exp(shift(num_tokens, steps)))
  return np.append(factor / (factor + (1 / even - 1)), np.float32(0))
