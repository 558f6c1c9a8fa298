"""The paper's table with our numbers beside it, as Markdown, HTML or LaTeX."""

import dataclasses
import html
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, paper, style, tables

_EMPTY, _NOT = "–", "not evaluated"


@dataclasses.dataclass(frozen=True)
class Row:
  """A line: cells in the order of the head; `protocol` says how ours was measured."""
  cells: tuple[str, ...]
  protocol: str


# What evaluations of one benchmark may differ in, as the head of a column says it.
_SAY = (
    lambda r: r["tasks"][0]["protocol"],
    lambda r: f"{r['samples']} sample{'s' if r['samples'] > 1 else ''}",
    lambda r: f"{r['scenes']} of {r['found']} {r['units']}",
    lambda r: f"seed {r['seed']}",
    lambda r: f"split {r['split_hash']}")
_Result = Mapping[str, Any]
_Columns = Mapping[str, Mapping[str, tuple[_Result, str]]]  # head → benchmark → whose


def render(results: Sequence[_Result], suffix: str) -> str:
  """The table.

  Args:
    results: of `evaluator.Evaluation`, any number, in any order.
    suffix: '.md', '.html' or '.tex'.

  Raises:
    UserError: another suffix, or two evaluations that no head tells apart.
  """
  check(suffix)
  results = [r for r in results if benchmarks.get(r["benchmark"]).folder]
  labels = _labels(results)
  columns = _columns(results, labels)
  head = ("benchmark", "metric", "Vision Banana", "best other", "Open Vision Banana",
          *columns, "protocol of our column")
  told = [_told(r, label) for r, label in zip(results, labels, strict=True)]
  protocols = {r["benchmark"]: "; ".join(
      t for t, o in zip(told, results, strict=True) if o["benchmark"] == r["benchmark"])
               for r in results}
  return _WRITERS[suffix](head, _rows(columns, protocols))


def check(suffix: str) -> None:
  """Raises UserError when there is no table of that kind of file."""
  if suffix not in _WRITERS:
    raise UserError(f"table '{suffix}': give a file ending in {', '.join(_WRITERS)}.")


def _labels(results: Sequence[_Result]) -> list[str]:
  """What tells each result from another of its benchmark; '' where none does."""
  varying = [say for say in _SAY if any(
      a["benchmark"] == b["benchmark"] and say(a) != say(b)
      for a, b in itertools.combinations(results, 2))]
  return [", ".join(filter(None, (say(r) for say in varying))) for r in results]


def _columns(results: Sequence[_Result], labels: Sequence[str]) -> _Columns:
  columns: dict[str, dict[str, tuple[_Result, str]]] = {}
  for result, label in zip(results, labels, strict=True):
    for name in (c["name"] for c in result["columns"] if "steps" in c):
      here = columns.setdefault(", ".join(filter(None, (name, label))), {})
      if result["benchmark"] in here:
        raise UserError(
            f"two evaluations of {result['benchmark']} by {name} ({tables.asked(result)})"
            " have one column of the table; score one folder of predictions at a time.")
      here[result["benchmark"]] = result, name
  return columns


def _rows(columns: _Columns, protocols: Mapping[str, str]) -> list[Row]:
  """All rows of the paper; `protocols` says by benchmark how ours was measured."""
  made = []
  for goal in paper.GOALS:
    ours = [tables.cell(*_number(column, goal.benchmark, goal.metric))
            for column in columns.values()]
    label = next(m for m in benchmarks.get(goal.benchmark).protocols[0].metrics
                 if m.key == goal.metric)
    made.append(Row(
        (goal.benchmark, f"{label.label} {'↑' if label.higher_is_better else '↓'}",
         goal.banana, goal.best or _EMPTY, goal.open or _EMPTY, *ours),
        protocols.get(goal.benchmark, _NOT)))
  for mean in paper.MEANS:
    ours = [_mean([_number(column, b, mean.metric) for b in mean.benchmarks])
            for column in columns.values()]
    made.append(Row((mean.label, "", mean.banana, mean.best or _EMPTY, _EMPTY, *ours),
                    "of the rows above"))
  for name, rate in paper.WIN_RATES.items():
    made.append(Row((name, "win rate ↑", rate, _EMPTY, _EMPTY,
                     *(_EMPTY for _ in columns)), protocols.get(name, _NOT)))
  return made


def _number(column: Mapping[str, tuple[_Result, str]], benchmark: str, metric: str
            ) -> tuple[float | None, str]:
  """The value, None where it was not measured, and its unit."""
  if benchmark not in column:
    return None, ""
  result, name = column[benchmark]
  row = next(r for r in result["tasks"][0]["rows"] if r["metric"] == metric)
  return row["values"].get(name), row["unit"]


def _mean(numbers: Sequence[tuple[float | None, str]]) -> str:
  """The mean of numbers that are all there."""
  values = [value for value, _ in numbers]
  return _EMPTY if None in values else tables.cell(
      sum(values) / len(values), numbers[0][1])


def _told(result: _Result, label: str) -> str:
  """How a result was measured, what it lacks, whom it asked."""
  task = result["tasks"][0]
  outside = [f"{c['name']} asks {c['outside']}" for c in result["columns"]
             if c.get("outside", "none") != "none"]
  told = "; ".join((tables.coverage(result, task), tables.asked(result),
                    *result["notes"], *outside, task["rule"]))
  return f"{label}: {told}" if label else told


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
