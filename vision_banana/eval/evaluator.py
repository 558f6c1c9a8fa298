"""Evaluation: stage one paints, stage two scores what lies on disk.

`evaluate` does both for several models side by side; `rescore` does the second for
folders that are there, and never paints.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import (
    baselines, benchmarks, columns, files, painting, predictions, records, scoring)
from vision_banana.eval.asking import Outside
from vision_banana.eval.painting import Painter
from vision_banana.eval.predictions import Job
from vision_banana.eval.records import Benchmark, Protocol, Split
from vision_banana.eval.scoring import Example, Score
from vision_banana.generators import schedule

Log = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What evaluation found.

  Attributes:
    results: plain JSON: benchmark, split, split_hash, official (whether the hash is
      the record's), found, size, units, notes, seed, limit, samples, crop,
      resolution, columns (name, steps, guidance, fingerprint of each model; the
      constant picture last) and tasks (task, protocol, rule, n, asked, seconds and
      left_out by column, rows), where a row holds metric, label, unit,
      higher_is_better and values by column (None = not defined).
    examples: by task, the first few questions.
    extremes: by task, best, median and worst questions of the first column it has.
  """
  results: dict[str, Any]
  examples: dict[str, list[Example]]
  extremes: dict[str, dict[str, list[Example]]] = dataclasses.field(
      default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Run:
  """One benchmark as it is asked: all that the models share."""
  benchmark: Benchmark
  split: Split
  seed: int
  limit: int | None
  samples: int
  data: str | None
  jobs: dict[Protocol, Job] = dataclasses.field(default_factory=dict)

  def job(self, protocol: Protocol) -> Job:
    """The questions of a task; drawn once."""
    if protocol not in self.jobs:
      self.jobs[protocol] = self._make(protocol)
    return self.jobs[protocol]

  def _make(self, protocol: Protocol) -> Job:
    keep = records.pick(self.split, self.limit, self.seed)
    questions = records.viewed(
        self.split.ask(protocol.task, keep, self.seed), protocol.view)
    return Job(self.benchmark.name, protocol.task, self.benchmark.split,
               self.split.sha256, questions, self.seed, self.limit, self.samples,
               self.data, protocol.view.name if protocol.view else "",
               protocol.name if self.benchmark.variants else "")


def evaluate(
    models: Sequence[Painter], benchmark: Benchmark, out: files.PathLike, *,
    constant: baselines.Constant | None = None, data: files.PathLike | None = None,
    limit: int | None = None, seed: int | None = None, samples: int = 1,
    tasks: Sequence[str] = (), steps: int | None = None, guidance: float | None = None,
    shard: tuple[int, int] = (0, 1), outside: Outside = Outside(),
    num_examples: int = 4, num_extremes: int = 0, log: Log = print,
) -> Evaluation | None:
  """Evaluates models side by side, and the best constant picture where there is one.

  Args:
    models: of different names.
    benchmark: the record.
    out: folder that keeps the predictions.
    constant: fitted to training scenes for the tasks of the benchmark, or None.
    data: folder of a published benchmark.
    limit: only so many pictures, drawn by the seed.
    seed: of the draw, the questions and the noise; None = the record's.
    samples: pictures painted for each question and voted on.
    tasks: only these; empty = all of the benchmark.
    steps: sampling steps of all models; None = each one's default.
    guidance: of all models; None = each one's default.
    shard: (i, n): this host paints every n-th batch from the i-th; it scores when
      the answers of all hosts are there.
    outside: what an outside model answers.
    num_examples: questions per task to keep for the report.
    num_extremes: best, median and worst questions to keep, each.
    log: takes progress lines.

  Returns:
    The results; None when other hosts have not finished.

  Raises:
    UserError: two models of one name, an unknown task, no data, a seed, step count
      or guidance that no model can use, or a folder that cannot be written.
  """
  schedule.check(steps, guidance, seed)
  names = [m.name for m in models]
  if len(set(names)) < len(names) or baselines.NAME in names:
    raise UserError(f"models named {', '.join(names)}: give each model once, under its "
                    "own name.")
  if samples < 1:
    raise UserError(f"samples {samples}: give at least 1.")
  benchmark = benchmark.only(tasks)
  seed = benchmark.seed if seed is None else seed
  run = _Run(benchmark, benchmark.open(data), seed, limit, samples,
             None if data is None else str(data))
  folders: dict[str, dict[str, pathlib.Path]] = {}
  seconds: dict[str, dict[str, float]] = {}
  waiting = 0
  for protocol in benchmark.protocols:
    job = run.job(protocol)
    for model in models:
      start = time.monotonic()
      painted = painting.paint(model, job, out, steps=steps, guidance=guidance,
                               shard=shard, outside=outside, log=log)
      folders.setdefault(protocol.task, {})[model.name] = painted.folder
      seconds.setdefault(protocol.task, {})[model.name] = round(
          time.monotonic() - start, 2)
      if shard[1] > 1:
        waiting += sum(not predictions.was_tried(painted.folder, q.name)
                       for q in job.questions)
  if waiting:
    log(f"{benchmark.name}: host {shard[0]} of {shard[1]} is done; {waiting} answers "
        f"of other hosts are not there yet; when they are: vision-banana score {out}")
    return None
  return _evaluation(run, benchmark.protocols, folders, seconds, constant,
                     num_examples, num_extremes, log)


def rescore(
    folder: files.PathLike, *, data: files.PathLike | None = None, protocol: str = "",
    num_examples: int = 4, num_extremes: int = 0, fingerprint: str = "",
    log: Log = print) -> list[Evaluation]:
  """Scores all predictions under a folder again, without any model.

  Args:
    folder: of one job, or one that holds several.
    data: where the benchmarks lie now; None = where they lay.
    protocol: score by another of the named protocols what has protocols to choose
      from; what does not have this one, or was painted for another, is left out.
    num_examples: questions per task to keep for the report.
    num_extremes: best, median and worst questions to keep, each.
    fingerprint: the predictions must be of this model; '' = of any.
    log: takes progress lines.

  Returns:
    One evaluation for each benchmark and way of asking, in the order of the records.

  Raises:
    UserError: there are no predictions, or none of what has this protocol; they are
      of another model or of other questions than the data has now, or the data is not
      there.
  """
  found = sorted(pathlib.Path(folder).rglob(predictions.PROTOCOL))
  if not found:
    raise UserError(f"{folder}: no {predictions.PROTOCOL} in it or below; give a "
                    "folder that eval wrote.")
  groups: dict[tuple[Any, ...], list[tuple[pathlib.Path, dict[str, Any]]]] = {}
  for path in found:
    about = predictions.read_protocol(path.parent)
    if fingerprint and about.get("fingerprint") != fingerprint:
      raise UserError(f"{path.parent}: predictions of the model "
                      f"{about.get('fingerprint')}, not of {fingerprint}; name the "
                      "folder of the right model.")
    if about["protocol"]:
      about["protocol"] = protocol or about["protocol"]
    key = tuple(about.get(k) for k in (
        "benchmark", "seed", "limit", "samples", "data", "view", "protocol"))
    groups.setdefault(key, []).append((path.parent, about))
  order = {name: i for i, name in enumerate(benchmarks.BENCHMARKS)}
  able, unable = [], []  # (record, folders) and (name, why not)
  for _, group in sorted(groups.items(), key=lambda kv: (
      order.get(kv[0][0], len(order)), repr(kv[0]))):
    try:
      able.append((_scored_by(*group[0]), group))
    except UserError as e:
      unable.append((group[0][1]["benchmark"], e))
  if not able or protocol and not any(b.variants for b, _ in able):
    raise unable[0][1] if unable else UserError(
        f"{folder}: nothing in it is scored by protocol '{protocol}' or another that "
        "can be named; give no --protocol.")
  for name, reason in unable:
    log(f"not evaluated: {name}: {reason}")
  return [_rescored(benchmark, group, data, num_examples, num_extremes, log)
          for benchmark, group in able]


def _scored_by(folder: pathlib.Path, about: Mapping[str, Any]) -> Benchmark:
  """The record by whose protocol a folder is scored.

  Raises:
    UserError: it has no such protocol, or what was painted is another view.
  """
  benchmark = benchmarks.get(about["benchmark"])
  if not about["protocol"]:
    return benchmark
  benchmark = benchmark.under(about["protocol"])
  view = benchmark.protocols[0].view
  shown = view.name if view else ""
  if about["view"] != shown:
    raise UserError(
        f"{folder}: painted for the {about['view'] or 'whole picture'}, protocol "
        f"'{about['protocol']}' shows the {shown or 'whole picture'}; run eval "
        f"--protocol {about['protocol']}.")
  return benchmark


def _rescored(benchmark, group, data, num_examples, num_extremes, log) -> Evaluation:
  """One benchmark's folders; each model and sampler is a column."""
  about = group[0][1]
  data = about["data"] if data is None else str(data)
  run = _Run(benchmark, benchmark.open(data), about["seed"], about["limit"],
             about["samples"], data)
  folders = columns.sort(group)
  wanted = [p for p in benchmark.protocols if p.task in folders]
  for p in wanted:
    now = predictions.questions_hash(run.job(p).questions)
    for folder in folders[p.task].values():
      about = predictions.read_protocol(folder)
      if about["questions"] != now:
        raise UserError(
            f"{folder}: answers to other questions than {benchmark.name} has in "
            f"{data} now; restore the data, or run eval again.")
  return _evaluation(run, wanted, folders, {}, None, num_examples, num_extremes, log)


def _evaluation(
    run: _Run, wanted: Sequence[Protocol],
    folders: columns.Folders,
    seconds: Mapping[str, Mapping[str, float]], constant: baselines.Constant | None,
    num_examples: int, num_extremes: int, log: Log) -> Evaluation:
  """Stage two: all numbers and pictures from disk."""
  benchmark, split = run.benchmark, run.split
  described = columns.describe(folders)
  fingerprints = {c["name"]: c["fingerprint"] for c in described}
  found, examples, extremes = [], {}, {}
  for protocol in wanted:
    questions = run.job(protocol).questions
    here = folders[protocol.task]
    scores = {name: scoring.score(folder, fingerprints[name], protocol, questions)
              for name, folder in here.items()}
    numbers = {name: s.numbers for name, s in scores.items()}
    if constant is not None:
      items = [q.read() for q in questions]
      numbers[baselines.NAME] = protocol.score(
          zip(constant.values(protocol.task, items), items, strict=True))
    first = next(iter(scores.values()))
    for name, score in scores.items():
      if protocol.metrics:
        head = protocol.metrics[0]
        log(f"{benchmark.name} {protocol.task}: {name}, {head.label} "
            f"{score.numbers[head.key] * head.scale:.4g}")
    found.append({
        "task": protocol.task, "protocol": protocol.name, "rule": protocol.rule,
        "n": first.scored, "asked": len(questions),
        "seconds": dict(seconds.get(protocol.task, {})),
        "left_out": scoring.left_out(scores),
        "rows": scoring.rows(protocol, numbers)})
    take = lambda places, q=questions, h=here: _examples(q, places, h, fingerprints)
    examples[protocol.task] = take(range(min(num_examples, len(questions))))
    extremes[protocol.task] = {
        name: take(places)
        for name, places in _extremes(first, num_extremes).items()}
  results = {
      "benchmark": benchmark.name, "about": benchmark.about, "split": benchmark.split,
      "split_hash": split.sha256, "official": bool(benchmark.sha256),
      "scenes": len(records.pick(split, run.limit, run.seed)),
      "found": len(split.ids), "size": benchmark.size, "units": benchmark.units,
      "notes": list(split.notes), "seed": run.seed, "limit": run.limit,
      "samples": run.samples, "crop": benchmark.crop,
      "resolution": benchmark.resolution or "each picture's own size",
      "columns": described + (
          [{"name": baselines.NAME}] if constant is not None else []),
      "tasks": found}
  return Evaluation(results, examples, extremes)


def _extremes(score: Score, count: int) -> dict[str, list[int]]:
  """Places of the best, median and worst questions, best first; none is in two."""
  ranked = [place for place, _ in sorted(score.ranking, key=lambda r: (-r[1], r[0]))]
  side = min(count, round(len(ranked) / 3))
  rest = ranked[side:len(ranked) - side]
  middle = max(0, (len(rest) - count) // 2)
  groups = {"best": ranked[:side], "median": rest[middle:middle + count],
            "worst": ranked[len(ranked) - side:]}
  return {name: places for name, places in groups.items() if places}


def _examples(questions, places, folders, fingerprints) -> list[Example]:
  """Those of the questions that every model answered."""
  made = []
  for place in places:
    question = questions[place]
    try:
      made.append(Example(question.read(), {
          name: predictions.read(folder, question.name, fingerprints[name])
          for name, folder in folders.items()}))
    except UserError:
      continue  # Counted among what is left out.
  return made
