"""Collectives of a compiled program, read from the text XLA prints."""

import collections
import re
from collections.abc import Iterator

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all",
         "collective-permute", "ragged-all-to-all")

_COMPUTATION = re.compile(r"(ENTRY )?%?([^\s(]+) \(.*\) -> .* \{$")
_INSTRUCTION = re.compile(r"\s+(?:ROOT )?%?(\S+) = (.+?) ([a-z][a-z0-9-]*)\((.*)")
_ARRAY = re.compile(r"\b(pred|token|[a-z]+(\d+)\w*)\[([\d,]*)\]")
_CALLED = re.compile(
    r"(?:calls|to_apply|body|branch_computations|called_computations|"
    r"true_computation|false_computation)=(\{[^}]*\}|%?[\w.-]+)")
_CHANNEL = re.compile(r"channel_id=(\d+)")


def collectives(text: str) -> dict[str, dict[str, int]]:
  """Counts what one run of a program exchanges, loops as often as they turn.

  A loop is taken to count up to a constant, as `lax.scan` does; one that does not
  counts once. The bytes of a collective are
  those of its larger side on one device: what an all-gather makes, what a
  reduce-scatter takes.

  Args:
    text: `Compiled.as_text()`.

  Returns:
    {kind: {'count': how often it runs, 'bytes': in all}}, kinds of `KINDS`.
  """
  computations, entry = _parse(text)
  # A TPU runs one collective as a chain of fusions, each with a copy of it; they
  # share its channel.
  found: dict[str, tuple[str, int, int]] = {}
  for name, times in _visited(computations, entry):
    shapes = {i: kind for i, kind, _, _ in computations[name]}
    for instruction, shape, op, rest in computations[name]:
      kind = op.removesuffix("-start")
      if kind not in KINDS:
        continue
      size = _bytes(shape, largest=op.endswith("-start"))
      if kind == "reduce-scatter":
        size = sum(_bytes(shapes.get(o, "")) for o in _operands(rest)) or size
      elif kind == "all-reduce" and "all-reduce-scatter" in name:
        kind = "reduce-scatter"  # A fusion that keeps only its part of the sum.
      channel = _CHANNEL.search(rest)
      key = channel[1] if channel else f"{name}/{instruction}"
      _, before, _ = found.get(key, (kind, 0, 0))
      found[key] = kind, max(size, before), times
  totals: dict[str, dict[str, int]] = collections.defaultdict(
      lambda: {"count": 0, "bytes": 0})
  for kind, size, times in found.values():
    totals[kind]["count"] += times
    totals[kind]["bytes"] += size * times
  return {kind: totals[kind] for kind in KINDS if kind in totals}


def _parse(text: str) -> tuple[dict[str, list[tuple[str, str, str, str]]], str]:
  """{computation: [(instruction, type, operation, rest of line)]}, and the entry."""
  computations, entry, current = {}, "", []
  for line in text.splitlines():
    if match := _COMPUTATION.match(line):
      current = computations[match[2]] = []
      entry = match[2] if match[1] else entry
    elif match := _INSTRUCTION.match(line):
      current.append(match.groups())
  return computations, entry


def _visited(computations, name: str, times: int = 1) -> Iterator[tuple[str, int]]:
  """Every computation reached from one, with how often it runs."""
  if name not in computations:
    return
  yield name, times
  for _, _, op, rest in computations[name]:
    inside = times * (_turns(computations, rest) if op == "while" else 1)
    for called in _CALLED.findall(rest):
      for inner in re.findall(r"[\w.-]+", called):
        yield from _visited(computations, inner, inside)


def _turns(computations, loop: str) -> int:
  """Of a while instruction: the constant that its condition compares with."""
  condition = computations[re.search(r"condition=%?([\w.-]+)", loop)[1]]
  constants = {name: rest for name, _, op, rest in condition if op == "constant"}
  _, _, op, rest = condition[-1]
  limits = [constants[name] for name in _operands(rest) if name in constants]
  if op != "compare" or "direction=LT" not in rest or len(limits) != 1:
    return 1
  return int(limits[0].partition(")")[0])


def _operands(rest: str) -> list[str]:
  return re.findall(r"%([\w.-]+)", rest.partition(")")[0])


def _bytes(shape: str, largest: bool = False) -> int:
  """Of an array or of all in a tuple; of the largest when it starts a collective."""
  sizes = []
  for kind, bits, dims in _ARRAY.findall(shape):
    size = 8 if kind == "pred" else int(bits or 0)
    for dim in filter(None, dims.split(",")):
      size *= int(dim)
    sizes.append(-(-size // 8))
  return max(sizes, default=0) if largest else sum(sizes)
