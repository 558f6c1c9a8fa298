"""a: how much vision the mixture needs, and what it costs generation.

The share of vision among the samples, everything else as in the base config. The
model before tuning is measured too: what is retained is retained of it.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

PERCENT = (1, 3, 10, 30, 100)
TASKS = ("depth", "normals", "semantic", "edges", "editing", "text_to_image")


def get_sweep(base: Base) -> Sweep:
  shares = lambda p: base.mixed(vision=p / 100, generation=1 - p / 100)
  before = (Variant("before tuning", model=base.init),) if base.init else ()
  tuned = tuple(Variant(f"{p} %", shares(p), x=p, line="tuned") for p in PERCENT)
  return Sweep(
      title="Share of vision in the mixture",
      variants=before + tuned, evaluation=Evaluation(TASKS, TASKS),
      x_label="vision, % of samples", log_x=True,
      plots=(Plot("depth/delta1", "depth δ1 ↑"),
             Plot("normals/mean", "normals mean error, ° ↓"),
             Plot("semantic/miou", "semantic mIoU ↑"),
             Plot("editing/gain", "edit PSNR over the input, dB ↑"),
             Plot("text_to_image/attributes", "named colours right ↑"),
             Plot("loss/editing", "validation loss, editing ↓"),
             Plot("loss/text_to_image", "validation loss, text to image ↓")))
