"""e: sampler steps, guidance and votes: quality against compute.

Nothing is trained. Compute is counted in runs of the network for one picture: steps,
twice that with guidance, times the pictures that are voted on. The seed draws rooms,
questions and noise.
"""

from vision_banana.errors import UserError

from experiments.ablations.sweep import Base, Evaluation, Plot, Sweep, Variant

STEPS = (1, 2, 4, 8, 28)
GUIDANCE = (1.5, 2.5, 4.0)  # At four steps.
ROOMS = 32  # Of each seed, drawn by it.
# At two steps: where noise is shown faded (`flow.latent_sd`), one step starts from none,
# and all votes are the same picture.
VOTES = (4, 8)
VISION = ("depth", "normals", "semantic", "edges")


def get_sweep(base: Base) -> Sweep:
  if not base.model:
    raise UserError("ablation e samples from a tuned model; name it by --model.")
  settings = [(f"{s} step{'s'[:s > 1]}", "steps", s, 1.0, 1) for s in STEPS]
  settings += [(f"4 steps, guidance {g:g}", f"4 steps, guidance {g:g}", 4, g, 1)
               for g in GUIDANCE]
  settings += [(f"{v} votes, 2 steps", "votes, 2 steps", 2, 1.0, v) for v in VOTES]
  variants = []
  for name, line, steps, guidance, votes in settings:
    # Pictures cannot be voted on.
    tasks = VISION if votes > 1 else (*VISION, "editing", "text_to_image")
    variants.append(Variant(
        name, x=steps * votes * (1 if guidance == 1 else 2), line=line,
        model=base.model, evaluation=Evaluation(tasks, steps=steps, guidance=guidance,
                                           samples=votes, limit=base.limit or ROOMS)))
  return Sweep(
      title="Sampling", variants=tuple(variants), evaluation=Evaluation(VISION),
      x_label="runs of the network for a picture", log_x=True,
      plots=(Plot("depth/delta1", "depth δ1 ↑"),
             Plot("normals/mean", "normals mean error, ° ↓"),
             Plot("semantic/miou", "semantic mIoU ↑"), Plot("edges/f1", "edges F1 ↑"),
             Plot("editing/psnr", "edit PSNR, dB ↑"),
             Plot("text_to_image/attributes", "named colours right ↑")))
