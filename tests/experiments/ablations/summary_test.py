"""The summary: means and spreads of rows, tables between their marks, plots."""

import dataclasses
import json

import pytest

from experiments.ablations import codec_errors, summary, sweep


def rows(metric="depth/delta1"):
  return [{"variant": v, "line": line, "x": x, "seed": seed,
           "metrics": {metric: value + seed}}
          for v, line, x, value in (("base", "", None, 0.5), ("1 %", "tuned", 1, 1.0),
                                    ("3 %", "tuned", 3, 2.0)) for seed in (0, 1, 2)]


def asked(x_label="share"):
  return sweep.Sweep("Title", (), sweep.Evaluation(), (
      sweep.Plot("depth/delta1", "δ1"), sweep.Plot("normals/mean", "angle")), x_label)


def test_means_and_standard_deviations_over_seeds():
  found = summary.grouped(rows(), "depth/delta1")
  assert list(found) == [("", "base", None), ("tuned", "1 %", 1), ("tuned", "3 %", 3)]
  assert found["tuned", "3 %", 3] == (3.0, 1.0, 3)
  assert summary.grouped(rows(), "normals/mean") == {}
  assert summary.stats([4.0]) == (4.0, 0.0, 1)


def test_the_table_has_a_row_a_variant_and_a_dash_for_what_is_missing():
  lines = summary.table(asked(), rows()).strip().splitlines()
  assert lines[0] == "| variant | share | δ1 | angle | seeds |"
  assert lines[3] == "| 1 % | 1 | 2.000 ± 1 | – | 3 |"
  assert len(lines) == 5
  assert "share" not in summary.table(asked(x_label=""), rows())


def test_the_judge_is_told_of():
  told = summary.judge({"text_to_image/attributes_true": 0.75,
                        "text_to_image/attributes_mean": 0.25})
  assert "finds 0.750 right" in told and "rooms, 0.250." in told


def test_a_result_that_the_page_has_no_place_for_is_named_and_stops_nothing(
    monkeypatch, capsys):
  page = (summary.HERE / "README.md").read_text()
  sweeps = list(summary._sweeps())
  mine = ("my_palettes", *sweeps[0][1:])
  monkeypatch.setattr(summary, "_sweeps", lambda: [mine, *sweeps])
  assert summary.fill(page) == page
  assert "no place for my_palettes" in capsys.readouterr().out


def test_runs_that_are_not_done_are_told():
  assert summary.missing([]) == ""
  assert "a seed1, b seed0" in summary.missing(["a seed1", "b seed0"])


@pytest.mark.parametrize("x_label", ["share", ""])
def test_plots_are_pictures_and_the_same_twice(x_label, tmp_path):
  for name in ("1.png", "2.png"):
    summary.draw(asked(x_label), rows(), tmp_path / name)
  first, second = ((tmp_path / n).read_bytes() for n in ("1.png", "2.png"))
  assert first[:4] == b"\x89PNG" and first == second and len(first) > 5000


def test_codecs_are_fitted_measured_and_drawn(tmp_path, monkeypatch):
  names = list(codec_errors.CODECS)[::5]
  monkeypatch.setattr(codec_errors, "CODECS", {
      n: codec_errors.CODECS[n] for n in names})
  # One stage: what compiles in a few seconds.
  monkeypatch.setattr(codec_errors, "SIZES", dataclasses.replace(
      codec_errors.SIZES, stage_channels=(8,)))
  monkeypatch.setattr(codec_errors, "POOL", 16)
  codec_errors.main(["--seeds", "1", "--steps", "2", "--limit", "2",
                     "--out", str(tmp_path / "c.json")])
  found = json.loads((tmp_path / "c.json").read_text())["rows"]
  error = {(r["codec"], r["channel"], r["seed"]): r["abs_rel"] for r in found}
  for name in names:
    assert error[name, "8 bits", 0] < 0.05 < error[name, "latent noise 0.4", 1]
    assert error[name, "8 bits", 0] < error[name, "colour noise 0.1", 1]
  summary.draw_codecs(found, tmp_path / "c.png")
  assert (tmp_path / "c.png").stat().st_size > 5000
  assert len(summary.codec_table(found).strip().splitlines()) == 2 + len(names)


def test_the_page_shows_what_the_committed_results_say():
  page = (summary.HERE / "README.md").read_text()
  assert summary.fill(page) == page
