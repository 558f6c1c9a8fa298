"""The paper's table with our numbers beside it, as Markdown, HTML or LaTeX."""

import dataclasses
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, paper, style, tables

_EMPTY = "–"


@dataclasses.dataclass(frozen=True)
class Row:
  """A line: cells in the order of the head; `protocol` says how ours was measured."""
  cells: tuple[str, ...]
  protocol: str


def render(results: Sequence[Mapping[str, Any]], suffix: str) -> str:
  """The table.

  Args:
    results: of `evaluator.Evaluation`, any number, in any order.
    suffix: '.md', '.html' or '.tex'.

  Raises:
    UserError: another suffix.
  """
  if suffix not in _WRITERS:
    raise UserError(f"table '{suffix}': give a file ending in {', '.join(_WRITERS)}.")
  names = list(dict.fromkeys(
      c["name"] for r in results for c in r["columns"] if "steps" in c))
  head = ("benchmark", "metric", "Vision Banana", "best other", "Open Vision Banana",
          *names, "protocol of our column")
  return _WRITERS[suffix](head, rows(results, names))


def rows(results: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Row]:
  """All rows of the paper, then rows of ours that the paper does not have."""
  tasks = {r["benchmark"]: (r, r["tasks"][0]) for r in results
           if benchmarks.get(r["benchmark"]).folder}
  made = []
  for goal in paper.GOALS:
    ours = _numbers(tasks, goal.benchmark, goal.metric, names)
    label = next(m for m in benchmarks.get(goal.benchmark).protocols[0].metrics
                 if m.key == goal.metric)
    made.append(Row(
        (goal.benchmark, f"{label.label} {'↑' if label.higher_is_better else '↓'}",
         goal.banana, goal.best or _EMPTY, goal.open or _EMPTY, *ours),
        _protocol(tasks, goal.benchmark)))
  for mean in paper.MEANS:
    made.append(Row((mean.label, "", mean.banana, mean.best or _EMPTY, _EMPTY,
                     *_means(tasks, mean, names)), "of the rows above"))
  for name, rate in paper.WIN_RATES.items():
    made.append(Row((name, "win rate ↑", rate, _EMPTY, _EMPTY,
                     *(_EMPTY for _ in names)), _protocol(tasks, name)))
  return made


def _row(tasks, benchmark: str, metric: str) -> Mapping[str, Any] | None:
  if benchmark not in tasks:
    return None
  return next((r for r in tasks[benchmark][1]["rows"] if r["metric"] == metric), None)


def _numbers(tasks, benchmark: str, metric: str, names: Sequence[str]) -> list[str]:
  row = _row(tasks, benchmark, metric)
  if row is None:
    return [_EMPTY] * len(names)
  return [tables.cell(row["values"].get(name), row["unit"]) for name in names]


def _means(tasks, mean: paper.Mean, names: Sequence[str]) -> list[str]:
  found = [_row(tasks, b, mean.metric) for b in mean.benchmarks]
  made = []
  for name in names:
    values = [None if r is None else r["values"].get(name) for r in found]
    made.append(_EMPTY if None in values else tables.cell(
        sum(values) / len(values), found[0]["unit"]))
  return made


def _protocol(tasks, benchmark: str) -> str:
  if benchmark not in tasks:
    return "not evaluated"
  result, task = tasks[benchmark]
  outside = [f"{c['name']} asks {c['outside']}" for c in result["columns"]
             if c.get("outside", "none") != "none"]
  return "; ".join((tables.coverage(result, task), tables.asked(result), *outside,
                    task["rule"]))


def _markdown(head: Sequence[str], body: Sequence[Row]) -> str:
  line = lambda cells: "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
  rule = "|" + "|".join(["---"] * 2 + ["---:"] * (len(head) - 3) + ["---"]) + "|"
  return "\n".join([line(head), rule,
                    *(line((*r.cells, r.protocol)) for r in body)]) + "\n"


_CSS = """\
main{max-width:none}
td{vertical-align:top;border-top:1px solid #e6e8ec}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2),th:last-child{
text-align:left}
td:first-child,td:nth-child(4),td:nth-child(5){white-space:normal}
td:first-child{min-width:9em}
td.protocol{white-space:normal;min-width:32em;text-align:left}
"""


def _html(head: Sequence[str], body: Sequence[Row]) -> str:
  cells = lambda tag, texts: "".join(
      f"<{tag}>{html.escape(t)}</{tag}>" for t in texts)
  lines = "".join(
      f"<tr>{cells('td', r.cells)}<td class='protocol'>{html.escape(r.protocol)}</td>"
      "</tr>" for r in body)
  return ("<!doctype html><html lang='en'><head><meta charset='utf-8'>"
          f"<title>Vision Banana: the paper's table</title><style>{style.CSS}"
          f"{_CSS}</style>"
          "</head><body><main><section><div class='scroll'><table><thead><tr>"
          f"{cells('th', head)}</tr></thead><tbody>{lines}</tbody></table></div>"
          "</section></main></body></html>\n")


_TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#",
        "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}", "δ": r"$\delta$", "↑": r"$\uparrow$",
        "↓": r"$\downarrow$", "°": r"$^\circ$", "≤": r"$\le$", "≥": r"$\ge$",
        "<": r"$<$", ">": r"$>$", "Σ": r"$\Sigma$", "×": r"$\times$", "–": "--",
        "²": r"$^2$", "“": "``", "”": "''"}


def _latex(head: Sequence[str], body: Sequence[Row]) -> str:
  text = lambda t: re.sub(".", lambda m: _TEX.get(m[0], m[0]), t)
  line = lambda cells: " & ".join(text(c) for c in cells) + r" \\"
  columns = "ll" + "r" * (len(head) - 3) + "p{9cm}"
  return "\n".join([
      r"% needs \usepackage{booktabs}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
      line(head), r"\midrule", *(line((*r.cells, r.protocol)) for r in body),
      r"\bottomrule", r"\end{tabular}"]) + "\n"


_WRITERS = {".md": _markdown, ".html": _html, ".tex": _latex}
