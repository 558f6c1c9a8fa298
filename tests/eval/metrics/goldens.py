"""The official evaluators' numbers, as `tests/goldens/make_metrics.py` stored them."""

import json
import pathlib

_FILE = pathlib.Path(__file__).parents[2] / "goldens" / "metrics.json"


def load(name: str) -> dict:
  """One part of the file: semantic, masks, saco or nuscenes."""
  return json.loads(_FILE.read_text())[name]
