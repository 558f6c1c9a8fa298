"""predict and generate: what a model paints for a user's pictures and words."""

import argparse
import json
import pathlib
import re

from vision_banana import api
from vision_banana.errors import UserError
from vision_banana.eval import figures, files, images, panels
from vision_banana.eval.decoding import Prediction

_TASK_ARGUMENTS = ("classes", "name", "phrase", "prompt", "color", "background",
                   "colormap", "source", "target", "source_colormap", "caption")


def predict(args: argparse.Namespace) -> None:
  """Asks one question of each picture and writes the answers."""
  paths = [pathlib.Path(p) for p in args.images]
  stems = [p.stem for p in paths]
  twice = {s for s in stems if stems.count(s) > 1}
  if twice:
    raise UserError(f"two pictures are named '{twice.pop()}': their results would "
                    "overwrite each other; use two --out folders.")
  arguments = {k: getattr(args, k) for k in _TASK_ARGUMENTS
               if getattr(args, k) is not None}
  if "classes" in arguments:
    arguments["classes"] = parse_classes(arguments["classes"])
  pictures = [images.read(p) for p in paths]
  model = _load(args)
  for path, picture in zip(paths, pictures, strict=True):
    result = model.predict(picture, args.task, steps=args.steps,
                           guidance=args.guidance, seed=args.seed, **arguments)
    out = pathlib.Path(args.out) / f"{path.stem}_{args.task}"
    about = {"model": model.name, "fingerprint": model.fingerprint,
             "image": str(path), "task": args.task, "prompt": result.request.prompt,
             "names": result.names, "seed": args.seed,
             "steps": (model.default_steps(result.request.codec)
                       if args.steps is None else args.steps),
             "guidance": model.guidance if args.guidance is None else args.guidance}
    files.write_all({
        out.with_name(out.name + ".png"): files.png(images.to_uint8(result.rgb)),
        out.with_name(out.name + ".npy"): files.npy(result.value),
        out.with_name(out.name + ".json"): files.json_text(about),
        out.with_name(out.name + "_picture.png"): files.png(_panel(picture, result)),
    })
    print(f"{out}.png, .npy, .json, _picture.png")


def _load(args: argparse.Namespace) -> api.Model:
  return api.load(args.model, **({"lora": args.lora} if args.lora else {}))


def _panel(picture, result: Prediction):
  shown = figures.decoded(result.request, result.value, picture)
  columns = [("input", picture), ("painted", images.to_uint8(result.rgb))]
  if shown is not None:
    columns.append(("decoded", shown.rgb))
  return panels.panel(columns, shown, result.request.prompt)


def parse_classes(text: str) -> list[str] | dict[str, str | None]:
  """'floor=red,wall' or a JSON map to {'floor': 'red', 'wall': None}.

  A comma inside brackets belongs to a colour: 'floor=(255, 0, 0),wall=blue'.

  Raises:
    UserError: broken JSON, or a colour without a class.
  """
  if text.lstrip().startswith("{"):
    try:
      classes = json.loads(text)
    except json.JSONDecodeError as e:
      raise UserError(f"classes '{text}': not JSON ({e.msg} at {e.pos}); write "
                      "floor=red,wall=blue.") from e
    return {str(name): str(color) for name, color in classes.items()}
  classes = {}
  for part in re.split(r",(?![^(<\[]*[)>\]])", text):
    name, equals, color = (s.strip() for s in part.partition("="))
    if not name or (equals and not color):
      raise UserError(f"classes '{text}': '{part.strip()}' is no class=colour; write "
                      "floor=red,wall=blue.")
    if name in classes:
      raise UserError(f"classes '{text}': '{name}' comes twice; give it once.")
    classes[name] = color or None
  return classes


def generate(args: argparse.Namespace) -> None:
  """Paints a picture."""
  out = pathlib.Path(args.out)
  if out.suffix.lower() != ".png":
    raise UserError(f"--out {out}: name a .png file.")
  size = _size(args.size)
  references = [images.read(r) for r in args.reference]
  rgb = _load(args).generate(
      args.prompt, references, size=size, steps=args.steps, guidance=args.guidance,
      seed=args.seed)
  files.write_all({out: files.png(images.to_uint8(rgb))})
  print(out)


def _size(text: str | None) -> tuple[int, int] | None:
  if text is None:
    return None
  match = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", text)
  if not match:
    raise UserError(f"--size {text}: give one edge (64) or height x width (64x96).")
  return int(match[1]), int(match[2] or match[1])
