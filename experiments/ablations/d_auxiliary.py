"""d: codec metrics of the predicted picture as additional losses, by weight.

Depth pictures are all in the cube's colours here: the metric reads no other.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

WEIGHTS = (0.01, 0.1, 1.0, 10.0)


def get_sweep(base: Base) -> Sweep:
  cube = ("config.data.colormap=cube",)
  variants = [Variant("none", cube)]
  for line, names in (("δ1", ("delta1",)), ("angle", ("angle",)), ("IoU", ("iou",)),
                      ("all", ("delta1", "angle", "iou"))):
    for weight in WEIGHTS:
      variants.append(Variant(f"{line} {weight:g}", (*cube, *(
          f"config.auxiliary.{name}={weight!r}" for name in names)), x=weight,
          line=line))
  return Sweep(
      title="Codec metrics as auxiliary losses", variants=tuple(variants),
      evaluation=Evaluation(("depth", "normals", "semantic"),
                            losses=("depth", "normals", "semantic", "editing")),
      x_label="weight", log_x=True,
      plots=(Plot("depth/delta1", "depth δ1 ↑"),
             Plot("normals/mean", "normals mean error, ° ↓"),
             Plot("semantic/miou", "semantic mIoU ↑"),
             Plot("loss/editing", "validation loss, editing ↓")))
