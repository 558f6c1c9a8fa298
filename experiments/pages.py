"""Tables in Markdown pages, made anew between marks: <!-- name --> … <!-- end name -->."""

import re
from collections.abc import Iterable, Sequence
from typing import Any


def put(page: str, name: str, content: str) -> str:
  """The page with new content between its two marks of that name.

  Raises:
    ValueError: it has no such place, or several.
  """
  marks = rf"(?<=<!-- {name} -->\n).*?(?=<!-- end {name} -->)"
  made, count = re.subn(marks, lambda _: content, page, flags=re.DOTALL)
  if count != 1:
    raise ValueError(f"README.md has {count} places marked {name}.")
  return made


def table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
  """Markdown of a table; cells are written as `str` has them."""
  return "".join(
      f"| {' | '.join(map(str, line))} |\n" for line in (head, ["---"] * len(head), *lines))
