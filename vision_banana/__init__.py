"""Image generators as generalist vision learners, in JAX."""

from typing import Any

__all__ = ("load",)


def __getattr__(name: str) -> Any:
  # Imported on first use: the package itself costs nothing to import.
  if name == "load":
    from vision_banana import api  # pylint: disable=g-import-not-at-top
    return api.load
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
