"""g: one task alone against all together; any-to-any on or off.

A task alone keeps its own share, so it sees as many samples of itself as with all
others; what the others had goes to generation. So does what any-to-any had.
"""

from experiments.ablations.sweep import (
    GENERATION, Base, Evaluation, Plot, Sweep, Variant)

ALONE = ("depth", "normals", "semantic")


def get_sweep(base: Base) -> Sweep:
  share = {task: sum(w for k, w in base.mixture.items() if k.partition("@")[0] == task)
           for task in (*ALONE, "modality")}
  generation = sum(w for k, w in base.mixture.items()
                   if k.partition("@")[0] in GENERATION)
  alone = lambda task: base.mixed(
      **{task: share[task], "generation": 1 - share[task], "vision": 0.0})
  off = base.mixed(modality=0.0, generation=generation + share["modality"])
  return Sweep(
      title="Tasks together and alone",
      variants=(Variant("all"), Variant("no any-to-any", off),
                *(Variant(f"{task} alone", alone(task)) for task in ALONE)),
      evaluation=Evaluation((*ALONE, "modality")),
      plots=(Plot("depth/delta1", "depth δ1 ↑"),
             Plot("normals/mean", "normals mean error, ° ↓"),
             Plot("semantic/miou", "semantic mIoU ↑"),
             Plot("modality/mean", "normals from depth, mean error, ° ↓")))
