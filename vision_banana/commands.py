"""What each command of `vision-banana` does with its parsed arguments."""

import argparse
import json
import pathlib
import re
from typing import Any

from vision_banana import api
from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import baselines, benchmarks, evaluator, figures, files
from vision_banana.eval import images, panels, report, tables
from vision_banana.eval.decoding import Prediction
from vision_banana.models import klein_folder, orbax_folder, saved
from vision_banana.train import config, launch, rendezvous

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
        out.with_name(out.name + ".json"): _json(about),
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
  size = _size(args.size)
  references = [images.read(r) for r in args.reference]
  rgb = _load(args).generate(
      args.prompt, references, size=size, steps=args.steps, guidance=args.guidance,
      seed=args.seed)
  out = pathlib.Path(args.out)
  if out.suffix.lower() != ".png":
    raise UserError(f"--out {out}: name a .png file.")
  files.write_all({out: files.png(images.to_uint8(rgb))})
  print(out)


def _size(text: str | None) -> tuple[int, int] | None:
  if text is None:
    return None
  match = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", text)
  if not match:
    raise UserError(f"--size {text}: give one edge (64) or height x width (64x96).")
  return int(match[1]), int(match[2] or match[1])


def eval(args: argparse.Namespace) -> None:  # pylint: disable=redefined-builtin
  """Evaluates, prints the table, writes JSON and report."""
  benchmark = benchmarks.get(args.benchmark)
  model = api.load(args.model)
  if args.compare is None:
    models = [model, *_parent(model)]
  else:
    models = [model] + [
        model.random_start() if name == "random" else api.load(name, like=model)
        for name in args.compare]
  constant = baselines.fit(
      _training_scenes(), args.tasks or [p.task for p in benchmark.protocols])
  evaluation = evaluator.evaluate(
      models, benchmark, args.out, constant=constant, limit=args.limit,
      tasks=args.tasks, steps=args.steps, guidance=args.guidance)
  if args.json:
    files.write_all({pathlib.Path(args.json): _json(evaluation.results)})
  if args.report:
    page = report.render([evaluation], f"vision_banana: {model.name}",
                         logs={"Training curve": model.log})
    report.write(args.report, page)
  print()
  print(tables.text(evaluation.results))
  if args.report:
    print(f"\nreport: {args.report}")


def _parent(model: api.Model) -> list[api.Model]:
  """The model this one was tuned from, if its folder names one that is here."""
  name = model.notes.get("tuned_from") or model.notes.get("init_from")
  if not name:
    return []
  try:
    return [api.load(name, like=model)]
  except UserError as e:
    print(f"not compared with what {model.name} was tuned from: {e}")
    return []


def _training_scenes() -> list[dict[str, Any]]:
  source = sources.open_source("rooms", "train")
  return [source[i] for i in range(len(source))]


def train(args: argparse.Namespace) -> None:
  """Trains, or goes on with a run that stopped."""
  experiment = config.load(args.config, args.overrides)
  rendezvous.join(args.coordinator, args.num_processes, args.process_id,
                  args.host_timeout)
  result = launch.train(experiment, args.workdir, args.host_timeout)
  if result.reason == "SIGTERM":
    raise SystemExit(143)  # as a process ended by the signal, for schedulers


def convert(args: argparse.Namespace) -> None:
  """Writes a model in another layout."""
  source = pathlib.Path(args.model)
  if source.is_file():
    if not args.source:
      raise UserError(f"{source}: a transformer alone; name the folder with the other "
                      "parts by --source.")
    if args.lora:
      raise UserError(f"--lora {args.lora}: convert {source} first, then merge.")
    model = klein_folder.read(args.source, dtype=args.dtype, transformer=str(source))
  elif source.is_dir():
    model = saved.read(str(source), args.dtype, args.lora)
  else:
    raise UserError(f"{source}: no such model; give a model folder.")
  if args.to == "orbax":
    orbax_folder.write(args.out, model)
  else:
    parts = args.source or model.notes.get("source")
    if not parts:
      raise UserError(f"{source}: is not a klein, or does not say what it was made "
                      "from; name its diffusers folder by --source.")
    klein_folder.write(args.out, model.config, model.params, source=parts)
  print(args.out)


def render(args: argparse.Namespace) -> None:
  """Renders a dataset of rooms."""
  # pylint: disable-next=g-import-not-at-top
  from vision_banana.data.rooms import assets, generate
  if args.fetch_assets:
    assets.fetch()
    if not args.num:
      return
  generate.render_dataset(args.num, args.size, args.out, args.workers, args.seed,
                          split=args.split, num_edits=args.edits)


def _json(value: Any) -> bytes:
  return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
