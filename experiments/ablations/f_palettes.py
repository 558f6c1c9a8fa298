"""f: random legends against one fixed palette.

Rugs and tables are asked for in no training sample, only in the test, so their IoU
is that of unseen class names, which captions of the generation data still tell of.
Each model is asked in random colours, none of which it has to have seen, and in the
fixed palette, which one of them was trained on.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

UNASKED = ("rug", "table")


def get_sweep(base: Base) -> Sweep:
  unasked = f"config.data.unasked={UNASKED!r}"
  return Sweep(
      title="Palettes",
      variants=tuple(Variant(f"trained on {name} palettes", (
          f"config.data.palette={name}", unasked)) for name in ("random", "fixed")),
      evaluation=Evaluation(("semantic",), palettes=("random", "fixed")),
      plots=(Plot("semantic/miou", "mIoU, random palettes ↑"),
             Plot("semantic_fixed/miou", "mIoU, fixed palette ↑"),
             Plot("semantic/iou_floor", "IoU floor, random ↑"),
             Plot("semantic_fixed/iou_floor", "IoU floor, fixed ↑"),
             Plot("semantic/iou_rug", "IoU rug (unseen), random ↑"),
             Plot("semantic_fixed/iou_rug", "IoU rug (unseen), fixed ↑")))
