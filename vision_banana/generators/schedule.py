"""The noise levels FLUX.2 [klein] samples at.

Reference: `Flux2KleinPipeline` (`compute_empirical_mu`) and
`FlowMatchEulerDiscreteScheduler` (exponential dynamic shift) of diffusers. The
larger the picture, the more of the steps are spent at high levels.
"""

import math

import numpy as np

from vision_banana.errors import UserError


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
