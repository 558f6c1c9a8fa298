"""c, after training: how depth is painted. Without training: `codec_errors.py`.

Every depth picture of a variant is painted in its own way, and asked for and read in
the same way. Curves that end do so at 20 m, the farthest that rooms have.
"""

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

FAR = 20.0
# Name → (colour map, lam, c, far). The first is the paper's.
CODECS = {
    "cube, λ -3, c 10/3": ("cube", -3.0, 10 / 3, 0.0),
    "cube, λ -2": ("cube", -2.0, 10 / 3, 0.0),
    "cube, λ -8": ("cube", -8.0, 10 / 3, 0.0),
    "cube, c 1": ("cube", -3.0, 1.0, 0.0),
    "cube, c 10": ("cube", -3.0, 10.0, 0.0),
    "cube, linear": ("cube", 0.0, 1.0, FAR),
    "gray, λ -3, c 10/3": ("grayscale", -3.0, 10 / 3, 0.0),
    "gray, linear": ("grayscale", 0.0, 1.0, FAR),
    "gray, logarithm": ("grayscale", -1.0, 0.1, FAR),
    "Turbo, λ -3, c 10/3": ("turbo", -3.0, 10 / 3, 0.0),
    "Turbo, linear": ("turbo", 0.0, 1.0, FAR),
}


def get_sweep(base: Base) -> Sweep:
  variants = []
  for name, (colormap, lam, c, far) in CODECS.items():
    variants.append(Variant(
        name, (f"config.data.colormap={colormap}", f"config.flow.depth.lam={lam!r}",
               f"config.flow.depth.c={c!r}", f"config.flow.depth.far={far!r}"),
        evaluation=Evaluation(("depth",), colormap=colormap)))
  return Sweep(
      title="Depth codecs after training", variants=tuple(variants),
      evaluation=Evaluation(("depth",)),
      plots=(Plot("depth/delta1", "depth δ1 ↑"), Plot("depth/abs_rel", "AbsRel ↓"),
             Plot("depth/rmse", "RMSE, m ↓")))
