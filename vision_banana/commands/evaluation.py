"""eval and score: benchmarks, painted and scored."""

import argparse
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from vision_banana import api
from vision_banana.commands import outside
from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.eval import asking, baselines, benchmarks, evaluator, extremes
from vision_banana.eval import files, paper_table, report, tables
from vision_banana.eval.outside import bridge
from vision_banana.eval.records import Benchmark
from vision_banana.generators import schedule

_EXTREMES = 10  # best, median and worst pictures each


def eval(args: argparse.Namespace) -> None:  # pylint: disable=redefined-builtin
  """Paints what is asked, scores it, prints the table, writes JSON and report."""
  _check_table(args)
  schedule.check(args.steps, args.guidance, args.seed)
  wanted, missing = _benchmarks(args)
  shard = _shard(args.split_hosts)
  for benchmark in wanted:
    if benchmark.folder and args.benchmark != "all":
      benchmark.open(args.data)  # What is missing is said before anything is loaded.
  asker = outside.asked(args, "outside", pathlib.Path(args.out) / "answers")
  told = asking.Outside() if asker is None else bridge.outside(asker)
  models = _models(args)
  model = models[0]
  done = []
  for benchmark in wanted:
    constant = None
    if benchmark.constant:
      constant = baselines.fit(
          _training_scenes(), [p.task for p in benchmark.protocols])
    evaluation = evaluator.evaluate(
        models, benchmark, args.out, constant=constant,
        data=args.data if benchmark.folder else None, limit=args.limit, seed=args.seed,
        samples=args.samples, steps=args.steps, guidance=args.guidance, shard=shard,
        outside=told, num_extremes=_EXTREMES if args.pictures else 0)
    if evaluation is not None:
      done.append(evaluation)
  _publish(args, done, f"vision_banana: {model.name}", {"Training curve": model.log})
  for name, reason in missing.items():
    print(f"not evaluated: {name}: {reason}")


def score(args: argparse.Namespace) -> None:
  """Scores predictions that lie on disk, without any model."""
  _check_table(args)
  fingerprint = api.load(args.model).fingerprint if args.model else ""
  done = evaluator.rescore(
      args.folder, data=args.data, protocol=args.protocol, fingerprint=fingerprint,
      num_extremes=_EXTREMES if args.pictures else 0)
  _publish(args, done, f"vision_banana: {args.folder}", {})


def _benchmarks(args: argparse.Namespace) -> tuple[list[Benchmark], dict[str, str]]:
  """The benchmarks to evaluate, and reasons by name why others are not."""
  if args.benchmark != "all":
    wanted = benchmarks.get(args.benchmark)
    if args.protocol:
      wanted = wanted.under(args.protocol)
    return [wanted.only(args.tasks)], {}
  if args.data is None:
    raise UserError("--benchmark all: name the folder with the benchmarks by --data.")
  found, missing = benchmarks.find(args.data)
  if not found:
    folders = [b.folder for b in benchmarks.BENCHMARKS.values() if b.folder]
    raise UserError(f"{args.data}: no benchmark in it; each lies in its own folder: "
                    f"{', '.join(dict.fromkeys(folders))}.")
  protocols = {p.name for b in found for p in b.variants}
  known = {p.task for b in found for p in b.protocols}
  for what, asked, there in (("protocol", [args.protocol or ""], {"", *protocols}),
                             ("tasks", args.tasks, known)):
    for name in asked:
      if name not in there:
        raise UserError(f"--{what} {name}: no benchmark in {args.data} has it; known: "
                        f"{', '.join(sorted(there - {''})) or 'none'}.")
  wanted = []
  for benchmark in found:
    has = [p.task for p in benchmark.protocols if p.task in args.tasks]
    try:
      if args.protocol and benchmark.variants:
        benchmark = benchmark.under(args.protocol)
      wanted.append(benchmark.only(has or args.tasks))
    except UserError as e:
      missing[benchmark.name] = str(e)
  return wanted, missing


def _shard(text: str) -> tuple[int, int]:
  """'I/N' → (i, n)."""
  match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
  if not match or not int(match[1]) < int(match[2]):
    raise UserError(f"--split-hosts {text}: give I/N, from 0/N to N-1/N.")
  return int(match[1]), int(match[2])


def _check_table(args: argparse.Namespace) -> None:
  """Raises UserError when no such table can be written, before anything is painted."""
  if args.table:
    paper_table.check(pathlib.Path(args.table).suffix)


def _publish(args: argparse.Namespace, done, title: str, logs) -> None:
  """Prints the tables and writes the files that were asked for."""
  contents = {}
  results = [e.results for e in done]
  if args.json and results:
    contents[pathlib.Path(args.json)] = files.json_text(
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


def _models(args: argparse.Namespace) -> list[api.Model]:
  """The models of all columns, each of a name of its own."""
  model = api.load(args.model)
  found = [(model, args.model)]
  if args.compare is not None:
    found += [(model.random_start() if name == "random" else api.load(name, like=model),
               name) for name in args.compare]
  elif not args.data:  # Published benchmarks take long: only what is asked for.
    found += _parent(model)
  _tell_apart(found)
  return [m for m, _ in found]


def _tell_apart(found: Sequence[tuple[api.Model, str]]) -> None:
  """Puts as many folders before names that clash as it takes: 'a/nano', 'b/nano'.

  What lies in no folder ('random', embedded models) keeps its name.
  """
  parts = [(m, api.name_parts(f)) for m, f in found if pathlib.Path(f).exists()]
  for length in range(2, max((len(p) for _, p in parts), default=0) + 1):
    names = [m.name for m, _ in found]
    for model, path in parts:
      if names.count(model.name) > 1:
        model.name = "/".join(path[-length:])


def _parent(model: api.Model) -> list[tuple[api.Model, str]]:
  """The model this one was tuned from and its folder, if its notes name one."""
  name = model.notes.get("tuned_from") or model.notes.get("init_from")
  if not name:
    return []
  try:
    return [(api.load(name, like=model), name)]
  except UserError as e:
    print(f"not compared with what {model.name} was tuned from: {e}")
    return []


def _training_scenes() -> list[dict[str, Any]]:
  source = sources.open_source("rooms", "train")
  return [source[i] for i in range(len(source))]
