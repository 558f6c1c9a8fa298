"""b: the paper's claim: what generative pre-training saves in vision samples.

The same tuning from the pre-trained base and from a random start, the same samples in
the same order, measured along the way. The rate is constant, so that a measurement at
a tenth of the run is what a run of a tenth would have given. Of depth, normals and
semantic maps those are measured that the base's mixture has.
"""

from vision_banana.errors import UserError

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

PLOTS = {"depth": Plot("depth/delta1", "depth δ1 ↑"),
         "normals": Plot("normals/mean", "normals mean error, ° ↓"),
         "semantic": Plot("semantic/miou", "semantic mIoU ↑")}


def get_sweep(base: Base) -> Sweep:
  trained = {key.partition("@")[0] for key, share in base.mixture.items() if share}
  tasks = tuple(task for task in PLOTS if task in trained)
  if not tasks:
    raise UserError(f"{base.config}: its mixture has none of {', '.join(PLOTS)}.")
  constant = ("config.optim.schedule=constant",)
  return Sweep(
      title="Pre-trained against random start",
      variants=(
          Variant("pre-trained", constant, line="pre-trained"),
          Variant("random start", (*constant, "config.random_start=true"),
                  line="random start")),
      evaluation=Evaluation(tasks),
      milestones=(0.05, 0.1, 0.2, 0.4, 0.7, 1.0),
      x_label="vision samples", log_x=True,
      plots=tuple(PLOTS[task] for task in tasks))
