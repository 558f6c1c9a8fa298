"""j: how often training should ask for what is not there.

`data.p_negative` is the share of legends, phrases and names that do. Benchmarks ask for
all their classes of every picture, most of which are not in it.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

SHARES = (0.0, 0.1, 0.5)


def get_sweep(base: Base) -> Sweep:
  del base
  return Sweep(
      title="Asking for what is not there",
      variants=tuple(Variant(f"{100 * share:g} % of the prompts",
                             (f"config.data.p_negative={share!r}",)) for share in SHARES),
      evaluation=Evaluation(("semantic", "referring"), losses=("editing",)),
      plots=(Plot("semantic/miou", "semantic mIoU ↑"),
             Plot("semantic/iou_rug", "IoU of rugs ↑"),
             Plot("referring/ciou", "referring cIoU ↑"),
             Plot("referring/false_positives", "masks for absent things ↓"),
             Plot("referring/false_negatives", "no mask for what is there ↓"),
             Plot("referring/presence_mcc", "“is it there?” MCC ↑")))
