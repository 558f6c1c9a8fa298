"""i: what the IoU as a loss does to things that are not there, and what undoes it.

Smooth IoU is of the labels in the picture; `auxiliary.absent` is of those that were
asked for and are not in it.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

IOU = 6.0
WEIGHTS = (0.0, 1.0, 3.0, 10.0)


def get_sweep(base: Base) -> Sweep:
  return Sweep(
      title="What is not there, with the IoU as a loss",
      variants=(Variant("no IoU"), *(
          Variant(f"IoU {IOU:g}, absent {weight:g}", (
              f"config.auxiliary.iou={IOU!r}", f"config.auxiliary.absent={weight!r}"))
          for weight in WEIGHTS)),
      evaluation=Evaluation(("semantic", "referring"), losses=("editing",)),
      plots=(Plot("semantic/miou", "semantic mIoU ↑"),
             Plot("referring/ciou", "referring cIoU ↑"),
             Plot("referring/false_positives", "masks for absent things ↓"),
             Plot("referring/false_negatives", "no mask for what is there ↓"),
             Plot("referring/presence_mcc", "“is it there?” MCC ↑"),
             Plot("loss/editing", "validation loss, editing ↓")))
