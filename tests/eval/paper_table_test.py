"""The paper's table, whole, with ours where it was measured."""

import html.parser
import re

import pytest

from tests.eval.datasets import fake_painter
from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, evaluator, extremes, paper, paper_table
from vision_banana.eval import tables


@pytest.fixture(scope="module")
def made(layouts, tmp_path_factory):
  out = tmp_path_factory.mktemp("out")
  return [evaluator.evaluate(
      [fake_painter.Nonsense()], b, out, data=layouts, samples=2, num_extremes=1,
      log=lambda line: None) for b in benchmarks.find(layouts)[0]]


@pytest.fixture(scope="module")
def results(made):
  return [e.results for e in made]


def test_every_goal_names_a_metric_of_its_benchmark():
  for goal in paper.GOALS:
    keys = {m.key for m in benchmarks.get(goal.benchmark).protocols[0].metrics}
    assert goal.metric in keys, goal
  listed = {g.benchmark for g in paper.GOALS} | set(paper.WIN_RATES)
  assert listed == {b.name for b in benchmarks.BENCHMARKS.values() if b.folder}


def _parsed(text):
  rows = [re.split(r"(?<!\\) \| ", line.strip("| \n")) for line in text.splitlines()]
  return rows[0], {(r[0], r[1]): r for r in rows[2:]}


def _ours(text):
  return _parsed(text)[1]


def test_ours_stands_beside_the_papers(results):
  rows = _ours(paper_table.render(results, ".md"))
  assert rows["cityscapes", "mIoU ↑"][2] == "69.9"
  assert "one confusion matrix" in rows["cityscapes", "mIoU ↑"][-1]
  by_name = {r["benchmark"]: r for r in results}
  for goal in paper.GOALS:
    task = by_name[goal.benchmark]["tasks"][0]
    row = next(r for r in task["rows"] if r["metric"] == goal.metric)
    cell, = [r[5] for k, r in rows.items() if k[0] == goal.benchmark
             and k[1].startswith(row["label"] + " ")]
    assert cell == tables.cell(row["values"]["nonsense"], row["unit"])
  six = [next(r["values"]["nonsense"] for r in by_name[b]["tasks"][0]["rows"]
              if r["metric"] == "delta1") for b in paper.MEANS[0].benchmarks]
  mean = rows["mean of six, δ1", ""]
  assert mean[5] == tables.cell(sum(six) / 6, "") and mean[2] == ".882"
  assert "2 samples voted" in rows["kitti", "δ1 ↑"][-1]


def test_what_was_not_measured_has_no_number(results):
  rows = _ours(paper_table.render(results[:1], ".md"))
  assert rows["kitti", "δ1 ↑"][5:] == ["–", "not evaluated"]
  assert rows["mean of six, δ1", ""][5] == "–"


def test_evaluations_that_differ_have_a_column_each(layouts, results, tmp_path):
  ibims = benchmarks.get("ibims")
  more = [evaluator.evaluate(
      [fake_painter.Nonsense()], record, tmp_path, data=layouts, limit=limit,
      log=lambda line: None).results
          for record, limit in ((ibims, None), (ibims.under("zoe"), None), (ibims, 1))]
  head, rows = _parsed(paper_table.render([*results, more[0]], ".md"))
  assert head[5:-1] == ["nonsense, 2 samples", "nonsense, 1 sample"]
  value = lambda r: tables.cell(r["tasks"][0]["rows"][0]["values"]["nonsense"], "")
  two = next(r for r in results if r["benchmark"] == "ibims")
  row = rows["ibims", "δ1 ↑"]
  assert row[5:7] == [value(two), value(more[0])]
  assert "2 samples: n = 2" in row[-1] and "1 sample: n = 2" in row[-1]
  mean = rows["mean of six, δ1", ""]
  assert mean[5] != "–" and mean[6] == "–"
  head, rows = _parsed(paper_table.render(more, ".md"))
  assert head[5:-1] == [f"nonsense, {words} images" for words in (
      "unidepth, 2 of 2", "zoe, 2 of 2", "unidepth, 1 of 2")]
  with pytest.raises(UserError, match="two evaluations of ibims by nonsense"):
    paper_table.render([more[0], more[0]], ".md")


def test_html_and_latex_hold_the_same_rows(results):
  count = len(paper.GOALS) + len(paper.MEANS) + len(paper.WIN_RATES)
  page = paper_table.render(results, ".html")
  assert page.count("<tr>") == count + 1
  html.parser.HTMLParser().feed(page)
  tex = paper_table.render(results, ".tex")
  assert tex.count(r"\\") == count + 1 and r"\begin{tabular}" in tex
  body = tex.split(r"\midrule")[1].split(r"\bottomrule")[0]
  cells = {len(re.findall(r"(?<!\\)&", row)) for row in body.strip().splitlines()}
  assert cells == {6}
  assert not re.search(r"(?<!\\)[_%#]", body) and "δ" not in tex
  with pytest.raises(UserError, match="'.pdf'"):
    paper_table.render(results, ".pdf")


def test_best_median_and_worst_are_shown(made):
  page = extremes.render(made)
  for evaluation in made:
    assert f"{evaluation.results['benchmark']}, " in page
    for groups in evaluation.extremes.values():
      # Of two answers none is left for the middle.
      assert set(groups) in ({"best", "median", "worst"}, {"best", "worst"}, set())
  assert page.count("<h3>Worst</h3>") == 14  # all but pictures that people compare
  assert ">disagreement<" in page
