"""Results as text: one row per metric, and above each task its protocol."""

from typing import Any


def cell(value: float | None, unit: str) -> str:
  """A number as it is printed everywhere: three decimals, angles and dB two."""
  if value is None:
    return "–"
  text = f"{value:.2f}" if unit in ("°", "dB") else f"{value:.3f}"
  return f"{text} {unit}" if unit and unit != "°" else text + unit


def arrow(row: dict[str, Any]) -> str:
  return "↑" if row["higher_is_better"] else "↓"


def headline(results: dict[str, Any]) -> str:
  """The protocol that all rows share, in one line."""
  return (f"{results['benchmark']}, split {results['split']} "
          f"({results['scenes']} scenes, hash {results['split_hash']}), "
          f"{results['resolution']} px, crop {results['crop']}, "
          f"seed {results['seed']}")


def sampler(column: dict[str, Any]) -> str:
  """Steps and guidance of a column; '' for the constant picture."""
  if "steps" not in column:
    return ""
  steps, photo_steps = column["steps"], column["photo_steps"]
  return (f"{steps} step{'s' if steps > 1 else ''}"
          + (f" ({photo_steps} for photos)" if photo_steps != steps else "")
          + ("" if column["guidance"] == 1 else f", guidance {column['guidance']:g}"))


def text(results: dict[str, Any]) -> str:
  """A table for the terminal."""
  names = [c["name"] for c in results["columns"]]
  width = max(16, *(len(n) + 2 for n in names))
  label = 2 + max(len(r["label"]) + 2 for t in results["tasks"] for r in t["rows"])
  lines = [headline(results), " " * label + "".join(f"{n:>{width}}" for n in names),
           " " * label + "".join(f"{sampler(c):>{width}}" for c in results["columns"])]
  for task in results["tasks"]:
    lines += ["", f"{task['task']} (n = {task['n']}): {task['rule']}"]
    for row in task["rows"]:
      name = f"  {row['label']} {arrow(row)}"
      lines.append(f"{name:<{label}}" + "".join(
          f"{cell(row['values'][n], row['unit']):>{width}}" for n in names))
  return "\n".join(lines)
