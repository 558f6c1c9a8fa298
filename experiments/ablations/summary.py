"""Makes the plots here of results/*.json, and the tables in README.md.

    python -m experiments.ablations.summary

Means over seeds; bands and ± are one standard deviation of them.
"""

import collections
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from experiments import pages
from experiments.ablations import sweep

HERE = pathlib.Path(__file__).parent
PLOTS_IN_A_ROW = 3
Stats = tuple[float, float, int]  # Mean, standard deviation (0 of one), how many.


def main() -> None:
  matplotlib.use("Agg")
  for name, asked, found in _sweeps():
    draw(asked, found["rows"], HERE / "plots" / f"{name}.png")
  draw_codecs(_read("c_codec_errors")["rows"], HERE / "plots" / "c_codec_errors.png")
  (HERE / "README.md").write_text(fill((HERE / "README.md").read_text()))


def fill(page: str) -> str:
  """The page with its tables made anew from results/.

  A result of yours that the page has no place for keeps its plot, and is named.
  """
  for name, asked, found in _sweeps():
    if f"<!-- {name} -->" not in page:
      print(f"README.md has no place for {name}: write <!-- {name} --> and "
            f"<!-- end {name} --> where its table shall stand.")
      continue
    page = pages.put(
        page, name, table(asked, found["rows"]) + missing(found["missing"]))
  # Of a, which asks it of all 128 rooms.
  page = pages.put(page, "judge", judge(_read("a")["rows"][0]["metrics"]))
  return pages.put(page, "c_codec_errors", codec_table(_read("c_codec_errors")["rows"]))


def _sweeps() -> Iterable[tuple[str, sweep.Sweep, dict[str, Any]]]:
  """Of each published result its name, what was asked and what was found."""
  for path in sorted((HERE / "results").glob("*.json")):
    found = _read(path.stem)
    if "ablation" in found:
      yield path.stem, sweep.load(found["ablation"], sweep.base(
          found["config"], found["steps"], tuple(found["overrides"]),
          model="nano")), found


def _read(name: str) -> dict[str, Any]:
  return json.loads((HERE / "results" / f"{name}.json").read_text())


def stats(values: Iterable[float]) -> Stats:
  """Of the seeds."""
  values = list(values)
  return (float(np.mean(values)), float(np.std(values, ddof=1)) if values[1:] else 0.0,
          len(values))


def grouped(rows: Sequence[dict[str, Any]], metric: str
            ) -> dict[tuple[str, str, float | None], Stats]:
  """(line, variant, x) → the metric over seeds, in the order of the rows.

  A run that was measured along the way has a key for each x.
  """
  values = collections.defaultdict(list)
  for row in rows:
    if metric in row["metrics"]:
      values[row["line"], row["variant"], row["x"]].append(row["metrics"][metric])
  return {key: stats(found) for key, found in values.items()}


def draw(asked: sweep.Sweep, rows: Sequence[dict[str, Any]], out: pathlib.Path) -> None:
  """One panel a metric: lines with bands over x, or points side by side."""
  columns = min(PLOTS_IN_A_ROW, len(asked.plots))
  lines = -(-len(asked.plots) // columns)
  # Names side by side need a line each.
  height = 3.1 if asked.x_label else max(3.1, 1 + 0.2 * len(asked.variants))
  figure, axes = plt.subplots(
      lines, columns, figsize=(4.4 * columns, height * lines), squeeze=False)
  for axis, plot in zip(axes.flat, asked.plots):
    points = grouped(rows, plot.metric)
    axis.set_title(plot.label, fontsize=10)
    (_over_x if asked.x_label else _side_by_side)(axis, asked, points)
  for axis in axes.flat[len(asked.plots):]:
    axis.axis("off")
  handles, labels = axes.flat[0].get_legend_handles_labels()
  if asked.x_label and handles:
    figure.legend(handles, labels, loc="lower center", ncol=4, fontsize=9,
                  bbox_to_anchor=(0.5, -0.06))
  figure.suptitle(asked.title)
  _save(figure, out)


def _over_x(axis: Any, asked: sweep.Sweep, points: dict) -> None:
  by_line = collections.defaultdict(list)
  for (line, variant, x), (mean, sd, _) in points.items():
    if x is None:  # No place on the axis: a level to compare with.
      axis.axhline(mean, color="gray", linestyle="--", linewidth=1, label=variant)
      axis.axhspan(mean - sd, mean + sd, color="gray", alpha=0.15, linewidth=0)
    else:
      by_line[line].append((x, mean, sd))
  for line, places in by_line.items():
    x, mean, sd = map(np.array, zip(*sorted(places)))
    drawn, = axis.plot(x, mean, marker="o", markersize=3, linewidth=1.3, label=line)
    if len(x) == 1:  # A band has no width here.
      axis.errorbar(x, mean, yerr=sd, capsize=3, color=drawn.get_color(), linewidth=1)
    axis.fill_between(x, mean - sd, mean + sd, alpha=0.2, color=drawn.get_color(),
                      linewidth=0)
  if asked.log_x:
    axis.set_xscale("log")
    measured = sorted({x for _, _, x in points if x is not None})
    axis.set_xticks(measured, [f"{x:g}" for x in measured], fontsize=7)
    axis.minorticks_off()
  axis.set_xlabel(asked.x_label, fontsize=9)


def _side_by_side(axis: Any, asked: sweep.Sweep, points: dict) -> None:
  names = [variant for _, variant, _ in points][::-1]
  mean = [s[0] for s in points.values()][::-1]
  sd = [s[1] for s in points.values()][::-1]
  # Points, not bars: what differs little is not to be measured from zero.
  axis.errorbar(mean, names, xerr=sd, fmt="o", markersize=5, capsize=3, color="#2a5fb4")
  axis.grid(axis="y", linewidth=0.5, color="#ddd")
  axis.set_ylim(-0.5, len(names) - 0.5)
  axis.margins(x=0.2)
  axis.locator_params(axis="x", nbins=4)
  axis.tick_params(axis="y", labelsize=8)


def _save(figure: Any, out: pathlib.Path) -> None:
  figure.tight_layout()
  out.parent.mkdir(exist_ok=True)
  # Without the library's version and date, the same rows give the same file.
  figure.savefig(out, dpi=80, bbox_inches="tight", metadata={"Software": None})
  plt.close(figure)


def table(asked: sweep.Sweep, rows: Sequence[dict[str, Any]]) -> str:
  """Markdown: a row a variant (and x), a column a panel."""
  columns = [grouped(rows, plot.metric) for plot in asked.plots]
  keys = list(dict.fromkeys(key for column in columns for key in column))
  head = ["variant", *([asked.x_label] if asked.x_label else []),
          *(p.label for p in asked.plots), "seeds"]
  lines = []
  for key in keys:
    x = [f"{key[2]:g}" if key[2] is not None else "–"] if asked.x_label else []
    seeds = max(c[key][2] for c in columns if key in c)
    lines.append([key[1], *x, *(cell(c.get(key)) for c in columns), str(seeds)])
  return f"\n{pages.table(head, lines)}\n"


def missing(runs: Sequence[str]) -> str:
  """What the table lacks, in words; '' when nothing."""
  return f"Not done: {', '.join(runs)}.\n" if runs else ""


def judge(metrics: Mapping[str, float]) -> str:
  """A sentence: what the judge of named colours says of pictures that are no model's."""
  true, mean = (metrics[f"text_to_image/attributes_{w}"] for w in ("true", "mean"))
  return (f"Of the true held-out pictures the judge finds {true:.3f} right, of one "
          f"picture for all, the mean of the training rooms, {mean:.3f}.\n")


def cell(found: Stats | None) -> str:
  """'0.123 ± 0.004', three digits that count."""
  if found is None:
    return "–"
  mean, sd, count = found
  text = f"{mean:.2f}" if abs(mean) >= 10 else f"{mean:.3f}"
  return text if count == 1 else f"{text} ± {sd:.2g}"


def codec_table(rows: Sequence[dict[str, Any]]) -> str:
  """Markdown: AbsRel by codec (a row) and channel (a column)."""
  channels = list(dict.fromkeys(row["channel"] for row in rows))
  lines = []
  for codec in dict.fromkeys(row["codec"] for row in rows):
    lines.append([codec, *(_small(stats(
        r["abs_rel"] for r in rows if (r["codec"], r["channel"]) == (codec, channel)))
        for channel in channels)])
  return f"\n{pages.table(['AbsRel', *channels], lines)}\n"


def _small(found: Stats) -> str:
  mean, sd, count = found
  return f"{mean:.2g}" if count == 1 else f"{mean:.2g} ± {sd:.1g}"


def draw_codecs(rows: Sequence[dict[str, Any]], out: pathlib.Path) -> None:
  """AbsRel over the noise: of colours, of latents; and 8 bits as a level."""
  figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), width_ratios=(1, 1, 1))
  codecs = list(dict.fromkeys(row["codec"] for row in rows))
  exact = {row["codec"]: row["abs_rel"] for row in rows if row["channel"] == "8 bits"}
  # Points, not bars: a logarithmic axis has no zero that lengths could start from.
  axes[0].plot([exact[c] for c in codecs[::-1]], codecs[::-1], "o", color="#2a5fb4")
  axes[0].grid(axis="y", linewidth=0.5, color="#ddd")
  axes[0].set_xscale("log")
  axes[0].tick_params(axis="y", labelsize=8)
  for axis, kind in zip(axes[1:], ("colour noise", "latent noise")):
    for i, codec in enumerate(codecs):
      points = collections.defaultdict(list)
      for row in rows:
        if row["codec"] == codec and row["channel"].startswith(kind):
          points[float(row["channel"].split()[-1])].append(row["abs_rel"])
      x = sorted(points)
      mean, sd = (np.array(v) for v in zip(*(stats(points[p])[:2] for p in x)))
      style = {"cube": "-", "gray": "--", "Turbo": ":"}[re.split("[, ]", codec)[0]]
      axis.plot(x, mean, style, marker="o", markersize=3, linewidth=1.3, label=codec,
                color=f"C{i % 10}")
      axis.fill_between(x, mean - sd, mean + sd, alpha=0.15, color=f"C{i % 10}",
                        linewidth=0)
    axis.set_yscale("log")
    axis.set_xlabel(f"{kind}, standard deviation", fontsize=9)
  for axis, title in zip(axes, ("through 8 bits", "noise on colours",
                                "autoencoder, noise on latents")):
    axis.set_title(f"AbsRel ↓, {title}", fontsize=10)
  axes[2].legend(fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left")
  _save(figure, out)


if __name__ == "__main__":
  main()
