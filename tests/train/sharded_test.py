"""Meshes of eight devices against one: losses, gradients, what a device holds."""

import json
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def runs() -> dict[str, dict]:
  done = subprocess.run(
      [sys.executable, str(pathlib.Path(__file__).parent / "sharded_run.py")],
      text=True, capture_output=True, check=False)
  assert done.returncode == 0, done.stderr
  lines = map(json.loads, done.stdout.splitlines())
  return {line["name"]: line for line in lines}


def test_eight_devices_compute_what_one_does(runs):
  assert len(runs) == 6
  for name, run in runs.items():
    exact = "bfloat16" not in name
    first, second = (pytest.approx(x, rel=tolerance) for x, tolerance in zip(
        run["reference"], (1e-5, 1e-3) if exact else (2e-2, 2e-2)))
    assert run["losses"] == [first, second], name
    assert run["gradient"] < (1e-4 if exact else 0.1), name


def test_every_device_does_its_share_of_the_work(runs):
  for name, run in runs.items():
    # Pieces and blocks under a loop are counted once, whatever their number.
    assert run["work"] < 0.25, name
