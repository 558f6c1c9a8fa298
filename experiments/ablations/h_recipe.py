"""h: what makes nano learn from few samples: objective, sizes, optimiser, batch.

Depth and normals alone, from a random start, since other sizes fit no weights there
are; each variant changes one thing and sees as many samples. What a sample costs is
beside what it taught.
"""

from vision_banana.errors import UserError
from vision_banana.train import config as train_config

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant


def get_sweep(base: Base) -> Sweep:
  if train_config.load(base.config, base.overrides).model.name != "nano":
    raise UserError(f"{base.config}: ablation h is of nano's sizes; use scale nano.")
  # Not config.random_start: `init_from` would still say what sizes there are.
  start = ("config.init_from=", f"config.model.tokenizer={base.init}/tokenizer.json"
           ) if base.init else ()
  shared = (*base.mixed(depth=0.5, normals=0.5), *start)
  sizes = lambda part, **values: (f"config.model.overrides.{part}={values}",)
  flow = lambda **values: tuple(f"config.flow.{k}={v}" for k, v in values.items())
  patches = lambda p: (*sizes("autoencoder", size=p), *sizes(
      "flux2", in_channels=3 * p * p))
  width = lambda heads: (*sizes("flux2", num_heads=heads, text_dim=64 * heads),
                         *sizes("text", width=64 * heads))
  # Name → (overrides, steps over the base's, so that samples are equal).
  changes = {
      "as it is": ((), 1),
      "v prediction": (flow(prediction="v"), 1),
      "levels: mean 0, sd 1": (flow(level_mean=0.0, level_sd=1.0), 1),
      "levels: mean 1.5, sd 1.5": (flow(level_mean=1.5, level_sd=1.5), 1),
      "noise shown as it is": (flow(latent_sd=0.0), 1),
      "patches of 4": (patches(4), 1),
      "patches of 16": (patches(16), 1),
      "width 128": (width(2), 1),
      "width 256": (width(4), 1),
      "one text layer": (sizes("text", num_layers=1), 1),
      "four text layers": (sizes("text", num_layers=4), 1),
      "batch 16": (("config.data.batch_size=16",), 2),
      "batch 64": (("config.data.batch_size=64",), 0.5),
      "rate 1e-3": (("config.optim.lr=1e-3",), 1),
      "rate 4e-3": (("config.optim.lr=4e-3",), 1),
      "AdamW, rate 1e-3": (("config.optim.name=adamw", "config.optim.lr=1e-3"), 1),
  }
  return Sweep(
      title="What learns from few samples",
      variants=tuple(Variant(name, (*shared, *overrides), steps=steps)
                     for name, (overrides, steps) in changes.items()),
      evaluation=Evaluation(("depth", "normals")),
      plots=(Plot("depth/delta1", "depth δ1 ↑"), Plot("depth/abs_rel", "AbsRel ↓"),
             Plot("normals/mean", "normals mean error, ° ↓"),
             Plot("train/gflop", "GFLOP to train on a sample ↓")))
