"""Several processes on this machine: the same run as one, and who is missing."""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.data import fake
from tests.train import hosts_run, loop_test
from vision_banana.data.builders import rooms
from vision_banana.models import orbax_folder, saved, zoo
from vision_banana.train import metrics_writer

KLEIN = pathlib.Path(__file__).parents[1] / "goldens" / "klein"


def free_port() -> int:
  with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]


def processes(count: int, **keys) -> list[tuple[int, str]]:
  """Runs `count` processes to their end: (exit status, what each printed).

  What happens happens in the last one.
  """
  coordinator = f"127.0.0.1:{free_port()}"
  with contextlib.ExitStack() as stack:
    started = []
    for this in range(count):
      mine = keys if this == count - 1 else {**keys, "at": -1}
      started.append(stack.enter_context(subprocess.Popen(
          [sys.executable, hosts_run.__file__, json.dumps(
              {**mine, "coordinator": coordinator, "count": count, "this": this},
              default=str)],
          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
          cwd=pathlib.Path(__file__).parents[2])))
      stack.callback(started[-1].kill)
    outputs = [p.communicate(timeout=500)[0] for p in started]
    return [(p.returncode, output) for p, output in zip(started, outputs)]


def fed(*outputs: str) -> dict[int, str]:
  """Sample number → digest, as printed."""
  found = [r.split() for o in outputs for r in re.findall(r"^ROW (.*)", o, re.M)]
  assert len(found) == len({number for number, _ in found})
  return {int(number): digest for number, digest in found}


def losses(workdir) -> list[float]:
  lines = metrics_writer.read(workdir / "metrics.jsonl")
  assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
  return [line["loss"] for line in lines]


def train(workdir, steps: int, source="") -> str:
  """In this process; what it printed."""
  printed = []
  with contextlib.redirect_stdout(_Lines(printed)):
    assert hosts_run.main(str(workdir), str(source), steps) == steps
  return "".join(printed)


class _Lines:
  def __init__(self, into):
    self.write, self.flush = into.append, lambda: None


def assert_close(found, expected):
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    # Two processes add gradients in another order; Adam divides by their size.
    np.testing.assert_allclose(found[path], value, rtol=1e-3, atol=2e-5, err_msg=path)


def test_two_processes_stopped_by_sigterm_in_one_go_on_as_one(tmp_path):
  whole, workdir = tmp_path / "whole", tmp_path / "run"
  expected = fed(train(whole, 12))
  (code0, out0), (code1, out1) = processes(
      2, workdir=workdir, source="", steps=12, at=5, happens="sigterm")
  assert (code0, code1) == (0, 0), out0 + out1
  stopped = [int(re.search(r"^STEP (\d+)", out, re.M)[1]) for out in (out0, out1)]
  # All stop after the same step: what is in flight is done, nothing more.
  assert stopped == [7, 7]
  assert f"SIGTERM: saved step 7 to {workdir}/checkpoints/7" in out0
  assert "SIGTERM: saved step" not in out1
  after = train(workdir, 12)
  assert f"resuming from {workdir}/checkpoints/7" in after
  assert fed(out0, out1, after) == expected and len(expected) == 48
  np.testing.assert_allclose(losses(workdir), losses(whole), rtol=1e-4)
  assert_close(loop_test.saved(workdir, 12), loop_test.saved(whole, 12))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
  """A folder with rooms of 16² pixels, splits train and test."""
  folder = tmp_path_factory.mktemp("rooms")
  for split, seeds in (("train", range(9)), ("test", range(9, 12))):
    examples = [(str(i), rooms.encode(fake.scene(i, 16))) for i in seeds]
    rooms.Rooms(size=16, split=split, examples=examples,
                data_dir=folder / split).download_and_prepare()
  return folder


def test_one_process_goes_on_as_two(source, tmp_path):
  whole, workdir = tmp_path / "whole", tmp_path / "run"
  expected = fed(train(whole, 5, source))
  before = train(workdir, 3, source)
  (code0, out0), (code1, out1) = processes(2, workdir=workdir, source=source, steps=5)
  assert (code0, code1) == (0, 0), out0 + out1
  assert f"resuming from {workdir}/checkpoints/3" in out0
  assert fed(before, out0, out1) == expected
  assert len(fed(out0)) == len(fed(out1)) == 4
  np.testing.assert_allclose(losses(workdir), losses(whole), rtol=1e-4)
  model = lambda w: zoo.flatten(zoo.load_model(str(w / "model")).params)
  assert_close(model(workdir), model(whole))
  # Process 0 alone writes what is not a checkpoint.
  assert len(list((workdir / "tensorboard").glob("events*"))) == 2
  assert len(list((workdir / "samples").glob("*.png"))) == 2


@pytest.mark.parametrize("kind, layout", [("lora", "diffusers"), ("tune", "orbax")])
def test_two_processes_train_a_klein_from_published_weights(
    source, tmp_path, kind, layout):
  init = KLEIN
  if layout == "orbax":
    init = tmp_path / "init"
    orbax_folder.write(str(init), saved.read(str(KLEIN)))
  keys = {"source": str(source), "steps": 2, "init": str(init), "kind": kind}
  whole, workdir = tmp_path / "whole", tmp_path / "run"
  assert hosts_run.main(str(whole), **keys) == 2
  (code0, out0), (code1, out1) = processes(2, workdir=workdir, **keys)
  assert (code0, code1) == (0, 0), out0 + out1
  np.testing.assert_allclose(losses(workdir), losses(whole), rtol=1e-2)  # In bfloat16.
  if kind == "lora":
    model = lambda w: saved.read(str(KLEIN), lora=str(w / "model"))
  else:
    model = lambda w: saved.read(str(w / "model"))
  found, expected = (zoo.flatten(model(w).params) for w in (workdir, whole))
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    if not path.startswith("flux2"):
      np.testing.assert_array_equal(found[path], value, err_msg=path)


def test_storage_that_fails_one_process_for_a_moment_moves_no_checkpoint(tmp_path):
  train(tmp_path, 2)
  ended = processes(2, workdir=tmp_path, source="", steps=3, timeout=20, at=0,
                    happens="flaky")
  assert [code for code, _ in ended] == [0, 0], ended[0][1] + ended[1][1]
  assert f"resuming from {tmp_path}/checkpoints/2" in ended[0][1]
  assert not list((tmp_path / "checkpoints").glob("*.corrupt*"))


def test_all_wait_with_patience_while_process_0_writes_the_model(tmp_path):
  ended = processes(2, workdir=tmp_path, source="", steps=3, timeout=8, export=16)
  assert [code for code, _ in ended] == [0, 0], ended[0][1] + ended[1][1]


@pytest.mark.parametrize("happens, named", [
    ("hang", r"no progress for 12 s .*process 1 on \S+, last at 'data of step 3'"),
    ("kill", r"process 1 on \S+, last at '"),
    ("error", r"process 1 on \S+ stopped: the disk of this host is gone"),
])
def test_a_process_that_holds_up_the_run_is_named(tmp_path, happens, named):
  (code0, out0), _ = processes(2, workdir=tmp_path, source="", steps=20, timeout=12,
                               at=3, happens=happens)
  assert code0 == 2, out0
  said = [line for line in out0.splitlines() if line.startswith("vision-banana: error")]
  assert any(re.search(named, line) for line in said), out0
