"""Turns sections of an `ml_collections` config into frozen dataclasses, strictly.

Every consumer of configuration declares its keys once, as a dataclass. A key
that no dataclass declares is an error, so a typo never trains silently with a
default.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from vision_banana.errors import UserError

T = TypeVar("T")


def build(cls: type[T], section: Mapping[str, Any], path: str) -> T:
  """Makes `cls(**section)`; nested dataclass fields are built from sub-sections.

  Args:
    cls: a dataclass type; its fields are the keys that may be given.
    section: the values, a plain mapping or a `ConfigDict`.
    path: dotted path of the section, for messages (for example `config.optim`).

  Raises:
    UserError: for a key that `cls` does not declare, for a required key that is
      missing, and for a value `cls` itself refuses.
  """
  fields = {f.name: f for f in dataclasses.fields(cls)}
  for key in section:
    if key not in fields:
      close = difflib.get_close_matches(str(key), fields, n=1)
      hint = f"did you mean '{close[0]}'?" if close else (
          f"known keys: {', '.join(sorted(fields)) or 'none'}.")
      raise UserError(f"{path}.{key}: nothing reads this key; {hint}")
  missing = [
      name for name, f in fields.items()
      if name not in section and f.default is dataclasses.MISSING
      and f.default_factory is dataclasses.MISSING
  ]
  if missing:
    raise UserError(f"{path}: missing {', '.join(missing)}; add it to the config.")
  values = {}
  for key, value in section.items():
    kind = fields[key].type
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
      value = build(kind, value, f"{path}.{key}")
    elif isinstance(value, Mapping):
      value = {k: value[k] for k in value}
    values[key] = value
  try:
    return cls(**values)
  except (TypeError, ValueError) as e:
    raise UserError(f"{path}: {e}") from e


def check_patterns(name: str, patterns: Iterable[str]) -> None:
  """Raises ValueError for one text in place of several, and for no regular expression.

  Args:
    name: key of the config, for the message.
    patterns: what stands there.
  """
  if isinstance(patterns, str):
    raise ValueError(f"{name} '{patterns}': give a tuple of regular expressions, "
                     f"({patterns!r},).")
  for pattern in patterns:
    try:
      re.compile(pattern)
    except (re.error, TypeError) as e:
      raise ValueError(f"{name}: {pattern!r} is no regular expression ({e}).") from e


def check_at_least(section: Any, low: float, *names: str) -> None:
  """Raises ValueError where one of these fields is smaller than `low`, or is NaN."""
  for name in names:
    if not getattr(section, name) >= low:
      raise ValueError(f"{name} must be at least {low}, got {getattr(section, name)}.")
