"""Results as text: one row per metric, and above each task its protocol."""

from typing import Any


def cell(value: float | None, unit: str) -> str:
  """A number as it is printed everywhere: three decimals, angles and dB two."""
  if value is None:
    return "–"
  text = f"{value:.2f}" if unit in ("°", "dB", "%") else f"{value:.3f}"
  return f"{text} {unit}" if unit and unit != "°" else text + unit


def arrow(row: dict[str, Any]) -> str:
  return "↑" if row["higher_is_better"] else "↓"


def headline(results: dict[str, Any]) -> str:
  """The protocol that all rows share, in one line."""
  official = "" if results["official"] else ", no official list to compare with"
  limit = "" if results["limit"] is None else f" of {results['found']}"
  size = results["size"]
  lack = "" if size in (0, results["found"]) else f", the official split has {size}"
  return (f"{results['benchmark']}, split {results['split']} "
          f"({results['scenes']}{limit} {results['units']}{lack}, hash "
          f"{results['split_hash']}{official}), {asked(results)}")


def asked(results: dict[str, Any]) -> str:
  """How it was asked: resolution, crop, seed, samples."""
  samples = results["samples"]
  votes = "" if samples == 1 else f", {samples} samples voted"
  resolution = results["resolution"]
  pixels = " px" if resolution.replace("x", "").isdigit() else ""
  return (f"{resolution}{pixels}, crop {results['crop']}, seed {results['seed']}"
          f"{votes}")


def coverage(results: dict[str, Any], task: dict[str, Any]) -> str:
  """How many questions count, and what was left out of which column."""
  parts = [f"n = {task['n']}"]
  if results["size"] and results["size"] != results["scenes"]:
    parts.append(f"{results['scenes']} of {results['size']} {results['units']} asked")
  for name, lost in task["left_out"].items():
    parts.append(f"{name}: {lost['count']} of {task['asked']} left out "
                 f"({lost['reasons'][0]})")
  return ", ".join(parts)


def sampler(column: dict[str, Any]) -> str:
  """Steps, guidance, outside model of a column; '' for the constant picture."""
  if "steps" not in column:
    return ""
  return (steps(column["steps"], column["photo_steps"])
          + ("" if column["guidance"] == 1 else f", guidance {column['guidance']:g}")
          + ("" if column["outside"] == "none" else f", asks {column['outside']}"))


def steps(values: int, photos: int) -> str:
  """Sampling steps of pictures that are read as values, and of photos."""
  return (f"{values} step{'s' if values > 1 else ''}"
          + (f" ({photos} for photos)" if photos != values else ""))


def text(results: dict[str, Any]) -> str:
  """A table for the terminal."""
  names = [c["name"] for c in results["columns"]]
  told = [sampler(c) for c in results["columns"]]
  width = max(16, *(len(n) + 2 for n in names + told))
  label = 2 + max([len(r["label"]) + 2 for t in results["tasks"] for r in t["rows"]],
                  default=0)
  lines = [headline(results), *(f"  note: {note}" for note in results["notes"]),
           " " * label + "".join(f"{n:>{width}}" for n in names),
           " " * label + "".join(f"{t:>{width}}" for t in told)]
  for task in results["tasks"]:
    lines += ["", f"{task['task']} ({coverage(results, task)}): {task['rule']}"]
    for row in task["rows"]:
      name = f"  {row['label']} {arrow(row)}"
      lines.append(f"{name:<{label}}" + "".join(
          f"{cell(row['values'].get(n), row['unit']):>{width}}" for n in names))
  return "\n".join(lines)
