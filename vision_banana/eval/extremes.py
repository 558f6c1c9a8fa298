"""A page of the best, median and worst answers: what a mean does not show."""

import html
from collections.abc import Sequence

from vision_banana.eval import report, style, tables
from vision_banana.eval.evaluator import Evaluation


def render(evaluations: Sequence[Evaluation]) -> str:
  """One HTML page with its pictures in it.

  Args:
    evaluations: made with `num_extremes`.
  """
  parts = []
  for evaluation in evaluations:
    results = evaluation.results
    for task in results["tasks"]:
      groups = evaluation.extremes.get(task["task"], {})
      names = [c["name"] for c in results["columns"] if "steps" in c]
      body = "".join(
          f"<h3>{name.capitalize()}</h3><div class='examples'>"
          + "".join(report.example(e, names) for e in examples) + "</div>"
          for name, examples in groups.items())
      first = next((name for examples in groups.values() for e in examples
                    for name in e.answers), "")
      order = f"Sorted by the number of one picture of {first}. " if first else ""
      parts.append(
          f"<section><h2>{html.escape(results['benchmark'])}, {task['task']}</h2>"
          f"<p class='protocol'>{html.escape(tables.headline(results))}. "
          f"{html.escape(order + task['rule'])}</p>"
          + (body or "<p>One answer has no number of its own here.</p>") + "</section>")
  return ("<!doctype html><html lang='en'><head><meta charset='utf-8'>"
          f"<title>Best, median and worst</title><style>{style.CSS}</style></head>"
          f"<body><main><h1>Best, median and worst</h1>{''.join(parts)}</main></body>"
          "</html>\n")
