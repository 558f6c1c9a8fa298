"""`report.html`: numbers, curve and pictures in one file that needs no network."""

import base64
import html
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision_banana.eval import baselines, charts, figures, files, style, tables
from vision_banana.eval.evaluator import Evaluation, Example

_TITLES = {"modality": "Depth to normals", "text_to_image": "Text to image"}


Log = Sequence[Mapping[str, float]]


def render(evaluations: Sequence[Evaluation], title: str, intro: str = "",
           logs: Mapping[str, Log] | None = None,
           plots: Mapping[str, tuple[str, Sequence[pathlib.Path]]] | None = None
           ) -> str:
  """Makes the page.

  Args:
    evaluations: in order; the first column is the model the report is about.
    title: heading.
    intro: a sentence under it, plain text.
    logs: heading → lines of a run's `metrics.jsonl`, for its curve.
    plots: heading → a few words, plain text, and PNG files to show under them.

  Returns:
    A whole HTML page; its pictures are PNGs in base64.
  """
  parts = [
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width,initial-scale=1'>"
      f"<title>{_esc(title)}</title><style>{style.CSS}</style></head><body><main>"
      f"<h1>{_esc(title)}</h1>"]
  if intro:
    parts.append(f"<p class='intro'>{_esc(intro)}</p>")
  parts += [_numbers(e.results) for e in evaluations]
  parts += [_curve(heading, log) for heading, log in (logs or {}).items()]
  parts += [_plots(heading, *plot) for heading, plot in (plots or {}).items()]
  parts += [_pictures(e) for e in evaluations]
  return "".join(parts) + "</main></body></html>\n"


def write(path: files.PathLike, page: str) -> None:
  """Writes a page, whole or not at all."""
  files.write_all({pathlib.Path(path): page.encode()})


def _esc(text: str) -> str:
  return html.escape(str(text))


def _numbers(results: dict[str, Any]) -> str:
  return (f"<section><h2>Benchmark: {_esc(results['benchmark'])}</h2>"
          f"<p>{_esc(results['about'])}</p>"
          f"<p class='protocol'>{_esc(tables.headline(results))}</p>"
          f"{''.join(f'<p>Note: {_esc(n)}</p>' for n in results['notes'])}"
          f"{_cards(results)}{_table(results)}</section>")


def _pictures(evaluation: Evaluation) -> str:
  results = evaluation.results
  names = [c["name"] for c in results["columns"] if c["name"] != baselines.NAME]
  parts = []
  for task in results["tasks"]:
    examples = evaluation.examples.get(task["task"], [])
    if examples:
      parts.append(f"<h3>{_esc(_title(task['task']))}</h3><div class='examples'>"
                   + "".join(example(e, names) for e in examples) + "</div>")
  if not parts:
    return ""
  return (f"<section><h2>Pictures: {_esc(results['benchmark'])}</h2>"
          "<p class='protocol'>The first questions of each task, not chosen. Truth: in "
          f"the colours the prompt asks for.</p>{''.join(parts)}</section>")


def _title(task: str) -> str:
  return _TITLES.get(task, task.capitalize())


def _cards(results: dict[str, Any]) -> str:
  """How far the first column is from the constant picture, in words."""
  model = results["columns"][0]["name"]
  cards = []
  if results["columns"][-1]["name"] != baselines.NAME:
    return ""
  for task in results["tasks"]:
    row = task["rows"][0]
    mine, constant = row["values"][model], row["values"][baselines.NAME]
    # Colours of a set of pictures: a constant picture means nothing there.
    if task["task"] == "text_to_image" or mine is None or constant is None:
      continue
    better = mine != constant and (mine > constant) == row["higher_is_better"]
    gap = tables.cell(abs(mine - constant), row["unit"])
    rival = ("handing back the input" if task["task"] == "editing"
             else "the best constant picture")
    verdict = (f"equal to {rival}" if mine == constant
               else f"{'beats' if better else 'behind'} {rival} by {gap}")
    cards.append(
        f"<div class='card {'good' if better else 'bad'}'><div class='what'>"
        f"{_esc(_title(task['task']))} {_esc(row['label'])} {tables.arrow(row)}</div>"
        f"<div class='value'>{_esc(tables.cell(mine, row['unit']))}</div>"
        f"<div>{_esc(verdict)}</div></div>")
  return f"<div class='cards'>{''.join(cards)}</div>" if cards else ""


def _table(results: dict[str, Any]) -> str:
  columns = results["columns"]
  head = "".join(
      f"<th>{_esc(c['name'])}"
      f"<small>{_esc(tables.sampler(c) or 'no model')}</small></th>"
      for c in columns)
  body = []
  for task in results["tasks"]:
    body.append(
        f"<tr class='task'><th colspan='{len(columns) + 1}'>"
        f"{_esc(_title(task['task']))}<small>{_esc(tables.coverage(results, task))} · "
        f"seed {results['seed']} · {_esc(task['rule'])}</small></th></tr>")
    for row in task["rows"]:
      known = [v for v in row["values"].values() if v is not None]
      best = None  # nothing to point out in a row of equal numbers
      if len(set(known)) > 1:
        best = (max if row["higher_is_better"] else min)(known)
      cells = "".join(
            f"<td{' class=best' if best is not None and v == best else ''}>"
          f"{_esc(tables.cell(v, row['unit']))}</td>"
          for v in (row["values"].get(c["name"]) for c in columns))
      body.append(f"<tr><th scope='row'>{_esc(row['label'])} {tables.arrow(row)}</th>"
                  f"{cells}</tr>")
  return (f"<div class='scroll'><table><thead><tr><th></th>{head}</tr></thead>"
          f"<tbody>{''.join(body)}</tbody></table></div>"
          "<p class='protocol'>Bold: best of the row. Constant picture: one answer for "
          "every picture, the best of the training scenes (for editing: the input, "
          "handed back).</p>")


def example(shown: Example, names: Sequence[str]) -> str:
  """One question: input, truth, what was painted, what it says, as HTML.

  Args:
    shown: the question.
    names: columns in order; those that were not asked it are passed over.
  """
  item, pictures = shown.item, []
  names = [name for name in names if name in shown.answers]
  truth = figures.plain_truth(item.request, item.truth, item.picture)
  if item.picture is not None:
    pictures.append(_figure(item.picture, "input"))
  if truth is not None:
    pictures.append(_figure(figures.painted_truth(item.request, truth), "truth"))
  for name in names:
    pictures.append(_figure(shown.answers[name].rgb, f"painted: {name}"))
  limits = None
  if item.request.codec == "depth" and truth is not None:
    known = truth[np.isfinite(truth)]
    limits = (float(known.min()), float(known.max())) if known.size else None
  first = shown.answers[names[0]]
  for caption, value in (("decoded: truth", truth),
                         (f"decoded: {names[0]}", first.value)):
    made = None if value is None else figures.decoded(
        item.request, value, item.picture, limits)
    if made is not None:
      pictures.append(_figure(made.rgb, caption, _legend(made)))
  if first.disagreement is not None:
    pictures.append(_figure(
        figures.viridis(np.clip(first.disagreement, 0, 1)), "disagreement",
        f"mean {float(first.disagreement.mean()):.3f}"))
  return (f"<div class='example'><p class='prompt'>“{_esc(item.request.prompt)}”</p>"
          f"<div class='row'>{''.join(pictures)}</div></div>")


def _legend(shown: figures.Decoded) -> str:
  if shown.bar:
    low, high = shown.bar
    return f"<span class='bar'>{low:.1f}<i></i>{high:.1f} m</span>"
  return "".join(f"<span class='swatch'><i style='background:rgb{color}'></i>"
                 f"{_esc(text)}</span>" for color, text in shown.swatches) or _esc(
                     shown.note)


def _figure(rgb: np.ndarray, caption: str, legend: str = "") -> str:
  data = base64.b64encode(files.png(rgb)).decode()
  small = " class='pixels'" if max(rgb.shape[:2]) <= 160 else ""
  below = f"<div class='legend'>{legend}</div>" if legend else ""
  return (f"<figure><img{small} alt='{_esc(caption)}' "
          f"src='data:image/png;base64,{data}'>"
          f"<figcaption>{_esc(caption)}{below}</figcaption></figure>")


def _plots(heading: str, words: str, paths: Sequence[pathlib.Path]) -> str:
  images = "".join(
      f"<div class='scroll'><img alt='{_esc(path.stem)}' src='data:image/png;base64,"
      f"{base64.b64encode(path.read_bytes()).decode()}'></div>" for path in paths)
  return f"<section><h2>{_esc(heading)}</h2><p>{_esc(words)}</p>{images}</section>"


def _curve(heading: str, log: Log) -> str:
  """Training loss, all tasks together and one by one."""
  # Means over at most 200 stretches: a long run's curve stays small and readable.
  size = -(-len(log) // 200)
  bins = [log[i:i + size] for i in range(0, len(log), size or 1)]
  series = {}
  for key in sorted({k for line in log for k in line if k.startswith("loss")}):
    kept = [[line for line in lines if key in line] for lines in bins]
    series[key] = [(lines[-1]["step"], float(np.mean([line[key] for line in lines])))
                   for lines in kept if lines]
  chart = charts.curve(series, "training step", "loss")
  if not chart:
    return ""
  return (f"<section><h2>{_esc(heading)}</h2><div class='scroll'>{chart}</div>"
          "</section>")
