"""Which parameters a run trains, and how the ones that stay join them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vision_banana.generators.base import Params
from vision_banana.models import lora as lora_lib
from vision_banana.models import zoo
from vision_banana.train import step

# Of a model with a learned autoencoder, as klein: text encoder and autoencoder stay
# as they were published.
_TRAINED = ("flux2",)


@dataclasses.dataclass(frozen=True)
class Trained:
  """A part of a generator's parameters.

  Attributes:
    init: key → parameters that are trained; what optimiser, average and checkpoint
      hold.
    fixed: the others.
    combine: (trained, fixed) → all parameters; pure, part of the train step.
  """
  init: Callable[[jax.Array], Params]
  fixed: Params = dataclasses.field(default_factory=dict)
  combine: Callable[[Params, Params], Params] = lambda trained, fixed: trained


def choose(generator: Any, params: Params | None, lora: lora_lib.LoraConfig,
           key: jax.Array) -> tuple[Trained, Params | None]:
  """What a run trains, and the values to start from (None: from `init`).

  Args:
    generator: the model; what is not trained is held in its `dtype`.
    params: all of its parameters, or None for fresh ones.
    lora: with a rank above zero, adapters of the transformer alone are trained.
    key: of fresh parameters, if some of them stay.

  Raises:
    UserError: a target of `lora` fits no module.
  """
  if lora.rank:
    config = generator.config.flux2
    weights = jax.eval_shape(lambda key: lora_lib.init(config, lora, key), key)
    alphas = dict.fromkeys(weights, lora.alpha)

    def combine(trained: Params, fixed: Params) -> Params:
      attached = lora_lib.attach(
          zoo.flatten(fixed["flux2"]), lora_lib.Adapter(trained, alphas), config)
      return {**fixed, "flux2": zoo.unflatten(attached)}

    fixed = generator.init(key) if params is None else params
    return Trained(lambda key: lora_lib.init(config, lora, key),
                   _held(fixed, generator), combine), None
  if "autoencoder" not in (params or {}):
    return Trained(generator.init), params
  fixed = {k: v for k, v in params.items() if k not in _TRAINED}
  trained = {k: params[k] for k in _TRAINED}
  return Trained(lambda key: {k: generator.init(key)[k] for k in _TRAINED},
                 _held(fixed, generator),
                 lambda trained, fixed: {**fixed, **trained}), trained


def _held(fixed: Params, generator: Any) -> Params:
  return fixed if generator.dtype is None else step.cast(fixed, generator.dtype)
