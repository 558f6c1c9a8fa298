"""What each command of `vision-banana` does with its parsed arguments."""

import argparse
import dataclasses
import json
import pathlib
import re
from typing import Any

from vision_banana import api
from vision_banana.data import fingerprints, sources
from vision_banana.errors import UserError
from vision_banana.eval import baselines, benchmarks, evaluator, extremes, figures
from vision_banana.eval import files, images, panels, paper_table, report, tables
from vision_banana.eval.compare import result, session
from vision_banana.eval.decoding import Prediction
from vision_banana.eval.outside import answers, asker, connect
from vision_banana.models import klein_folder, orbax_folder, saved
from vision_banana.train import aot, config, launch, partitioning, rendezvous
from vision_banana.train import search

_EXTREMES = 10  # best, median and worst pictures each
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
  """Paints what is asked, scores it, prints the table, writes JSON and report."""
  wanted, missing = _benchmarks(args)
  shard = _shard(args.split_hosts)
  for benchmark in wanted:
    if benchmark.folder and args.benchmark != "all":
      benchmark.open(args.data)  # What is missing is said before anything is loaded.
  model = api.load(args.model)
  if args.compare is None:
    # Published benchmarks take long: only what is asked for.
    models = [model, *([] if args.data else _parent(model))]
  else:
    models = [model] + [
        model.random_start() if name == "random" else api.load(name, like=model)
        for name in args.compare]
  done = []
  for benchmark in wanted:
    constant = None
    if benchmark.constant:
      constant = baselines.fit(
          _training_scenes(), args.tasks or [p.task for p in benchmark.protocols])
    evaluation = evaluator.evaluate(
        models, benchmark, args.out, constant=constant,
        data=args.data if benchmark.folder else None, limit=args.limit, seed=args.seed,
        samples=args.samples, tasks=args.tasks, steps=args.steps,
        guidance=args.guidance, shard=shard,
        num_extremes=_EXTREMES if args.pictures else 0)
    if evaluation is not None:
      done.append(evaluation)
  _publish(args, done, f"vision_banana: {model.name}", {"Training curve": model.log})
  for name, reason in missing.items():
    print(f"not evaluated: {name}: {reason}")


def score(args: argparse.Namespace) -> None:
  """Scores predictions that lie on disk, without any model."""
  fingerprint = api.load(args.model).fingerprint if args.model else ""
  done = evaluator.rescore(
      args.folder, data=args.data, protocol=args.protocol, fingerprint=fingerprint,
      num_extremes=_EXTREMES if args.pictures else 0)
  _publish(args, done, f"vision_banana: {args.folder}", {})


def _benchmarks(args: argparse.Namespace):
  """The benchmarks to evaluate, and reasons by name why others are not."""
  missing = {}
  if args.benchmark != "all":
    wanted = [benchmarks.get(args.benchmark)]
  elif args.data is None:
    raise UserError("--benchmark all: name the folder with the benchmarks by --data.")
  else:
    wanted, missing = benchmarks.find(args.data)
    if not wanted:
      folders = [b.folder for b in benchmarks.BENCHMARKS.values() if b.folder]
      raise UserError(f"{args.data}: no benchmark in it; each lies in its own folder: "
                      f"{', '.join(dict.fromkeys(folders))}.")
  if args.protocol:
    wanted = [b.under(args.protocol) if b.variants or args.benchmark != "all" else b
              for b in wanted]
  return wanted, missing


def _shard(text: str) -> tuple[int, int]:
  """'I/N' → (i, n)."""
  match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
  if not match or not int(match[1]) < int(match[2]):
    raise UserError(f"--split-hosts {text}: give I/N, from 0/N to N-1/N.")
  return int(match[1]), int(match[2])


def _publish(args: argparse.Namespace, done, title: str, logs) -> None:
  """Prints the tables and writes the files that were asked for."""
  contents = {}
  results = [e.results for e in done]
  if args.json and results:
    contents[pathlib.Path(args.json)] = _json(
        results[0] if len(results) == 1 else results)
  if args.pictures and done:
    contents[pathlib.Path(args.pictures)] = extremes.render(done).encode()
  if args.table:
    contents[pathlib.Path(args.table)] = paper_table.render(
        results, pathlib.Path(args.table).suffix).encode()
  files.write_all(contents)
  if args.report and done:
    report.write(args.report, report.render(done, title, logs=logs))
  for result in results:
    print()
    print(tables.text(result))
  if args.report and done:
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


def compile(args: argparse.Namespace) -> None:  # pylint: disable=redefined-builtin
  """Compiles training and sampling for a pod; prints what they take as JSON."""
  if not 0 < args.mfu <= 1:
    raise UserError(f"--mfu {args.mfu:g}: give a share of the peak in 0..1.")
  experiment = config.load(args.config, args.overrides)
  if args.mesh:
    experiment = dataclasses.replace(experiment, mesh=_mesh(args.mesh))
  if args.search:
    experiment, found = search.search(experiment, args.topology, mfu=args.mfu)
    if args.what != "step":
      found |= aot.report(experiment, args.topology, what="sampler", mfu=args.mfu)
  else:
    found = aot.report(experiment, args.topology, what=args.what, mfu=args.mfu)
  if args.json:
    files.write_all({pathlib.Path(args.json): _json(found)})
  print(_json(found).decode(), end="")


def _mesh(text: str) -> partitioning.MeshConfig:
  """'data=1,fsdp=16,tensor=1' to a mesh; axes not named keep their defaults."""
  axes = {}
  for part in text.split(","):
    match = re.fullmatch(r"(data|fsdp|tensor)=(-1|\d{1,6})", part.strip())
    if not match:
      raise UserError(f"--mesh {text}: '{part}' is no axis; write "
                      "data=1,fsdp=16,tensor=1.")
    axes[match[1]] = int(match[2])
  return partitioning.MeshConfig(**axes)


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


def compare(args: argparse.Namespace) -> None:
  """Serves two folders to vote on, or has a model judge them; prints the result."""
  comparison = session.Session(args.a, args.b, out=args.out, prompts=args.prompts,
                               inputs=args.inputs)
  unread = 0
  if args.judge:
    unread = comparison.judge(_asker(args, comparison.out / "answers"))
  elif args.serve:
    comparison.serve(args.seed, args.port)
  found = comparison.summary()
  if args.json:
    files.write_all({pathlib.Path(args.json): _json(found)})
  print(result.text(found))
  if unread:
    print(f"left out: {unread} pairs without a readable answer of {args.judge_model}")


def _asker(args: argparse.Namespace, folder: pathlib.Path) -> asker.Asker:
  if not args.judge_model:
    raise UserError("--judge: name the model with --judge-model.")
  price = args.price and answers.Price(*args.price)
  return asker.Asker(connect.connect(args.judge, args.judge_model, args.base_url),
                     folder, concurrency=args.concurrency, price=price)


def build(args: argparse.Namespace) -> None:
  """Builds a dataset from its official files."""
  # pylint: disable-next=g-import-not-at-top
  from vision_banana.data import build as builder
  builder.build(args.dataset, args.data, args.out, split=args.split, limit=args.limit,
                size=args.size, workers=args.workers, leak_lists=args.leak_lists)
  print(args.out)


def hashes(args: argparse.Namespace) -> None:
  """Lists the perceptual hashes of a benchmark's pictures."""
  name = args.benchmark or pathlib.Path(args.folder).resolve().name
  known = fingerprints.make_list(args.folder, name, args.pattern)
  files.write_all({pathlib.Path(args.out): fingerprints.dump(known)})
  print(f"{args.out}: {len(known.names)} pictures of {name}")


def _json(value: Any) -> bytes:
  return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
