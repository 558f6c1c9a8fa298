"""What the votes say: the win rate of A over B, of each rater and of all people."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.eval.compare import judge
from vision_banana.eval.compare.pairs import Pairs
from vision_banana.eval.compare.votes import CHOICES, Votes
from vision_banana.eval.metrics import winrate

_ALL = "all people"


def summary(a: str, b: str, pairs: Pairs, votes: Votes) -> dict[str, Any]:
  """Plain JSON: who voted how, and what was not counted.

  Args:
    a: name of the first folder.
    b: of the second.
    pairs: what was compared.
    votes: on it.

  Returns:
    a, b, pairs (how many), rows (one a rater, models last; with several people a
    row of all of them first), agreement (share of pairs that two people voted on
    alike, None without such), stale, unreadable, left_out. A row is `WinRate`'s
    fields and `rater`; None stands for what is not defined.
  """
  by_rater = votes.by_rater()
  people = {r: v for r, v in by_rater.items() if not r.startswith(judge.MODEL)}
  groups: list[tuple[str, Sequence[Mapping[str, str]]]] = []
  if len(people) > 1:
    groups.append((_ALL, list(people.values())))
  groups += [(r, [v]) for r, v in people.items()]
  groups += [(r, [v]) for r, v in by_rater.items() if r not in people]
  return {
      "a": a, "b": b, "pairs": len(pairs.items),
      "rows": [{"rater": name, **_row(given)} for name, given in groups],
      "agreement": _agreement(list(people.values())), "stale": votes.stale,
      "unreadable": votes.unreadable, "left_out": list(pairs.left_out)}


def _row(given: Sequence[Mapping[str, str]]) -> dict[str, Any]:
  names = sorted(set().union(*given))
  found = winrate.win_rate(
      [[CHOICES[v[name]] for v in given if name in v] for name in names])
  return {k: None if isinstance(v, float) and math.isnan(v) else v
          for k, v in dataclasses.asdict(found).items()}


def _agreement(people: Sequence[Mapping[str, str]]) -> float | None:
  same = total = 0
  for n, one in enumerate(people):
    for other in people[n + 1:]:
      shared = one.keys() & other.keys()
      total += len(shared)
      same += sum(one[name] == other[name] for name in shared)
  return same / total if total else None


def text(found: Mapping[str, Any]) -> str:
  """The summary for the terminal."""
  lines = [f"A = {found['a']}", f"B = {found['b']}",
           f"{found['pairs']} pairs; ties count half; intervals are 95 %"]
  if not found["rows"]:
    lines.append("no votes yet")
  for row in found["rows"]:
    lines.append(f"\n{row['rater']}: {row['prompts']} pairs; A {row['wins']}, tie "
                 f"{row['ties']}, B {row['losses']}")
    lines.append(f"  A's win rate {_percent(row['rate'])} "
                 f"{_interval(row['low'], row['high'])} (bootstrap over pairs)")
    if row["decided"] is None:
      lines.append("  nothing but ties")
      continue
    lines.append(f"  without ties {row['wins']}/{row['wins'] + row['losses']} = "
                 f"{_percent(row['decided'])} "
                 f"{_interval(row['decided_low'], row['decided_high'])} (Wilson), "
                 f"p = {row['p_value']:.3g} (exact binomial)")
  notes = []
  if found["agreement"] is not None:
    notes.append(f"two people say the same of {_percent(found['agreement'])} of the "
                 "pairs that both saw")
  if found["stale"]:
    notes.append(f"not counted: {found['stale']} votes on pictures or prompts that are "
                 "others now")
  if found["unreadable"]:
    notes.append(f"not counted: {found['unreadable']} lines that are no votes")
  notes += [f"left out: {reason}" for reason in found["left_out"]]
  return "\n".join([*lines, *([""] if notes else []), *notes])


def _percent(share: float) -> str:
  return f"{100 * share:.1f} %"


def _interval(low: float, high: float) -> str:
  return f"[{100 * low:.1f}, {100 * high:.1f}]"
