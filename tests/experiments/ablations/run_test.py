"""The runner on the debug model: rows, failures, kills."""

import json
import os
import signal
import threading
import time

import pytest

from experiments.ablations import one, run
from tests.data import fake
from vision_banana.data.builders import rooms
from vision_banana.errors import UserError


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
  folder = tmp_path_factory.mktemp("rooms")
  examples = [(str(i), rooms.encode(fake.scene(i, 16))) for i in range(6)]
  rooms.Rooms(size=16, split="train", examples=examples,
              data_dir=folder).download_and_prepare()
  return folder


def about(shard, steps: int, milestones=(1.0,), **changes) -> dict:
  return {"sweep": "t", "variant": "v", "seed": 3, "x": None, "line": "l",
          "question_seed": 0, "config": f"configs/debug.py:source={shard}",
          "steps": steps, "milestones": list(milestones),
          "overrides": ["config.optim.schedule=constant", "config.seed=3",
                        "config.train.checkpoint_every=50"],
          "evaluation": {
              "tasks": ["depth"], "losses": ["depth"], "steps": 1, "guidance": None,
              "samples": 1, "colormap": "", "palettes": ["random"], "limit": 2},
          **changes}


def test_a_killed_run_goes_on_and_a_done_one_is_not_repeated(shard, tmp_path):
  folder, runner = tmp_path / "t" / "v" / "seed3", run.Runner(tmp_path / "compiled")
  spec = about(shard, 200, (0.75, 1.0))
  said = []
  thread = threading.Thread(target=lambda: said.append(runner(folder, spec)))
  thread.start()
  until = time.monotonic() + 120
  while not list((folder / "train" / "checkpoints").glob("[0-9]*")):
    assert time.monotonic() < until and thread.is_alive(), said
    time.sleep(0.01)
  for process in list(runner._processes):
    os.kill(process.pid, signal.SIGKILL)
  thread.join()
  assert "exit status -9" in said[0] and not (folder / one.ROWS).exists()

  assert runner(folder, spec) == ""
  log = (folder / "log.txt").read_text()
  assert "resuming from" in log
  rows = json.loads((folder / one.ROWS).read_text())
  assert [row["step"] for row in rows] == [150, 200]
  # Two thirds of the debug mixture is vision; x is counted in it.
  assert [row["x"] for row in rows] == [400, 533]
  for row in rows:
    assert row["seed"] == 3 and row["samples"] == 4 * row["step"]
    assert {"depth/delta1", "loss/depth"} <= set(row["metrics"])
  assert rows[0]["fingerprint"] != rows[1]["fingerprint"]

  written = (folder / one.ROWS).stat().st_mtime_ns
  assert runner(folder, spec) == ""
  assert (folder / one.ROWS).stat().st_mtime_ns == written
  assert "another run" in runner(folder, about(shard, 300))


def test_failures_are_told_and_do_not_stop_the_others(tmp_path, capsys):
  started = []

  class Start:
    def __call__(self, folder, about):
      started.append(folder.name)
      return "it broke" if about["bad"] else ""

  runs = {tmp_path / "v" / f"seed{i}": {"bad": i == 1} for i in range(4)}
  failed = run.schedule(runs, 2, Start())
  assert sorted(started) == ["seed0", "seed1", "seed2", "seed3"]
  assert failed == {tmp_path / "v" / "seed1": "it broke"}
  assert "v seed1: it broke" in capsys.readouterr().out


def test_rows_of_all_runs_and_the_missing_are_one_file(tmp_path, monkeypatch, capsys):
  def start(self, folder, about):
    if about["variant"] == "trained on fixed palettes":
      return "exit status 2: error: no"
    folder.mkdir(parents=True)
    (folder / one.ROWS).write_text(json.dumps(
        [{"variant": about["variant"], "seed": about["seed"]}]))
    return ""

  monkeypatch.setattr(run.Runner, "__call__", start)
  argv = ["f", "--out", str(tmp_path), "--seeds", "0,1", "--limit", "2"]
  assert run.main(argv) == 1
  table = json.loads((tmp_path / "f.json").read_text())
  assert [row["seed"] for row in table["rows"]] == [0, 1] and table["seeds"] == [0, 1]
  assert len(table["missing"]) == 2
  assert "failed" in capsys.readouterr().err


def test_a_schedule_that_knows_its_end_is_not_measured_along_the_way(shard, tmp_path):
  folder = tmp_path / "run"
  folder.mkdir()
  (folder / one.RUN).write_text(json.dumps(about(
      shard, 8, (0.5, 1.0), overrides=["config.optim.schedule=cosine"])))
  assert one.main([str(folder)]) == 2
  assert not (folder / "train").exists()


def test_runs_at_a_time_share_out_the_cores(monkeypatch):
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 1, 2, 3, 0}, raising=False)
  assert run.shares(2) == [[0, 1], [2, 3, 5]]
  assert run.shares(5) == [[0], [1], [2], [3], [5]]
  assert run.shares(1) == [[]] and run.shares(6) == [[]] * 6
  monkeypatch.delattr(os, "sched_getaffinity")
  assert run.shares(2) == [[], []]


def test_each_run_is_on_its_share_and_gives_it_back(tmp_path, monkeypatch):
  monkeypatch.setattr(run, "shares", lambda jobs: [[7]])
  monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: given.append(cores),
                      raising=False)
  given, runner = [], run.Runner(tmp_path / "compiled")
  for name in ("first", "second"):
    folder = tmp_path / name
    folder.mkdir()
    assert "exit status 1" in runner(folder, {"no": "run"})  # It ends at once.
  assert given == [[7], [7]]


@pytest.mark.parametrize("options, message", [
    (("--jobs", "0"), "--jobs 0: give at least 1"),
    (("--benchmarks", "citiscapes", "--data", "x"), "citiscapes")])
def test_what_no_run_could_do_is_told_before_any(tmp_path, options, message):
  with pytest.raises(UserError, match=message):
    run.main(["a", "--out", str(tmp_path), *options])
  assert not list(tmp_path.iterdir())


def test_a_name_to_publish_by_is_no_path(tmp_path):
  with pytest.raises(UserError, match="--publish ../b: give a name"):
    run.main(["b", "--out", str(tmp_path), "--publish", "../b"])
