"""The loop: exact resume, stopping, errors, one compilation."""

import pathlib
import re
import signal
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from tests.train import fakes
from vision_banana.data.pipeline import DataConfig
from vision_banana.errors import UserError
from vision_banana.train import config, loop, metrics_writer, optim


def experiment(optimizer: str = "adamw", **train) -> config.Experiment:
  train = {"steps": 20, "log_every": 5, "checkpoint_every": 6} | train
  return config.Experiment(
      train=config.TrainConfig(**train), data=DataConfig({"depth": 1.0}),
      optim=optim.OptimConfig(name=optimizer, warmup_steps=2, lr=1e-2))


def fit(workdir, data=None, **keys) -> loop.Result:
  return loop.fit(experiment(**keys), workdir, fakes.LinearGenerator(),
                  data or fakes.data(), tasks=fakes.TASKS)


def saved(workdir, step: int) -> dict[str, np.ndarray]:
  """Every array in a checkpoint, by path."""
  state = ocp.StandardCheckpointer().restore(workdir / f"checkpoints/{step}/state")
  return {optim.path_of(p): np.asarray(x)
          for p, x in jax.tree_util.tree_flatten_with_path(state)[0]}


def lines(workdir) -> list[dict]:
  return metrics_writer.read(workdir / "metrics.jsonl")


def signalled(workdir: pathlib.Path, step: int, sign: int) -> tuple[int, str]:
  """Trains in a process of its own, signalled after `step` steps; (code, output)."""
  code = (
      "import os; from tests.train import fakes, loop_test as t\n"
      f"kill = lambda: os.kill(os.getpid(), {int(sign)})\n"
      f"t.fit({str(workdir)!r}, fakes.Recorded(fakes.data(), {step}, kill),\n"
      "      optimizer='muon')\n")
  done = subprocess.run(
      [sys.executable, "-c", code], cwd=pathlib.Path(__file__).parents[2],
      text=True, capture_output=True, check=False)
  return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """An uninterrupted run: (workdir, result, data order)."""
  workdir = tmp_path_factory.mktemp("whole")
  data = fakes.Recorded(fakes.data())
  return workdir, fit(workdir, data, optimizer="muon"), data.order


def test_kill_9_at_step_13_then_resume_is_bit_equal(whole, tmp_path):
  code, output = signalled(tmp_path, 13, signal.SIGKILL)
  assert code == -signal.SIGKILL, output
  data = fakes.Recorded(fakes.data())
  assert fit(tmp_path, data, optimizer="muon").step == 20
  resumed = 20 - len(data.order)
  assert resumed in (6, 12)  # 12 may have been half-written.
  assert data.order == whole[2][resumed:]
  expected, found = saved(whole[0], 20), saved(tmp_path, 20)
  assert expected.keys() == found.keys() and len(found) > 8
  for path, value in expected.items():
    np.testing.assert_array_equal(found[path], value, err_msg=path, strict=True)
  assert [line["step"] for line in lines(tmp_path)] == [5, 10, 15, 20]


def test_sigterm_saves_the_step_and_returns(whole, tmp_path):
  code, output = signalled(tmp_path, 8, signal.SIGTERM)
  assert code == 0, output
  assert "SIGTERM: saved step 9" in output
  data = fakes.Recorded(fakes.data())
  assert fit(tmp_path, data, optimizer="muon") == loop.Result(20, "done", 1)
  assert data.order == whole[2][9:]
  assert [line["step"] for line in lines(tmp_path)] == [5, 9, 10, 15, 20]


def test_one_compilation_serves_batches_of_every_task(whole):
  assert whole[1] == loop.Result(20, "done", 1)
  seen = {key for line in lines(whole[0]) for key in line if key.startswith("loss/")}
  assert seen == {f"loss/{task}" for task in fakes.TASKS}


def test_the_first_step_of_every_shape_may_take_longer(tmp_path):
  class Buckets(fakes.Recorded):
    """Batch after batch of two shapes, as of aspect buckets."""

    def __next__(self):
      made = super().__next__()
      if len(self.order) % 2 == 0:
        made["palette"] = np.zeros((fakes.BATCH, 8, 3), np.float32)
      return made

  noted = []
  result = loop.fit(
      experiment(steps=5), tmp_path, fakes.LinearGenerator(), Buckets(fakes.data()),
      tasks=fakes.TASKS, note=lambda at, slow=False: noted.append((at, slow)))
  assert result.compilations == 2
  assert [slow for at, slow in noted if at.startswith("step")] == [
      True, True, False, False, False]
  assert [slow for at, slow in noted if at.startswith("data")] == [
      True, False, False, False, False]


def test_learns_and_logs_the_mean_of_each_window(whole):
  logged = lines(whole[0])
  assert logged[-1]["loss"] < 0.6 * logged[0]["loss"]
  assert logged[0]["samples_per_second"] > 0
  assert list((whole[0] / "tensorboard").glob("events*"))


def test_a_finished_run_is_left_alone(whole, capsys):
  before = lines(whole[0])
  data = fakes.Recorded(fakes.data())
  assert fit(whole[0], data, optimizer="muon").step == 20
  assert not data.order and lines(whole[0]) == before
  assert "already trained to step 20" in capsys.readouterr().out


def test_a_longer_run_goes_on_from_a_finished_one(whole, tmp_path):
  fit(tmp_path, steps=10)
  data = fakes.Recorded(fakes.data())
  assert fit(tmp_path, data, steps=12).step == 12
  assert data.order == whole[2][10:12]


# The NaN shows at a log line, or when the next checkpoint is due.
@pytest.mark.parametrize("log_every", [5, 1000])
def test_nan_stops_with_the_step_and_the_last_good_checkpoint(
    tmp_path, whole, log_every):
  poison = whole[2][13]
  with pytest.raises(UserError) as error:
    fit(tmp_path, fakes.data(poisoned=poison), log_every=log_every)
  message = str(error.value)
  assert re.search(r"^loss is nan at step 14; last good checkpoint: .*/12\. ", message)
  assert "\n" not in message
  assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["12", "6"]
  for path, value in saved(tmp_path, 12).items():
    assert np.isfinite(value).all(), path


def test_budget_of_minutes_ends_the_run_with_a_checkpoint(tmp_path):
  result = fit(tmp_path, steps=10_000, minutes=1e-9)
  assert result.reason == "minutes"
  assert (tmp_path / f"checkpoints/{result.step}").is_dir()


def test_data_that_ends_is_an_error(tmp_path):
  with pytest.raises(UserError, match="the data ended after step 3"):
    fit(tmp_path, fakes.data(length=3))


def test_grids_and_exports_get_the_averaged_weights(tmp_path):
  exported = {}
  c = experiment(steps=4, sample_every=2)
  loop.fit(c, tmp_path, fakes.LinearGenerator(), fakes.data(), tasks=fakes.TASKS,
           draw=lambda ema: np.full((4, 4, 3), 7, np.uint8),
           export=lambda ema, step: exported.update({step: ema}))
  assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == [
      "0000002.png", "0000004.png"]
  ema = saved(tmp_path, 4)["ema/net/image_out/kernel"]
  np.testing.assert_array_equal(exported[4]["net"]["image_out"]["kernel"], ema)


def test_a_model_that_was_not_written_at_the_end_is_written_by_the_same_command(
    tmp_path):
  exported = []
  run = lambda data: loop.fit(
      experiment(steps=4), tmp_path, fakes.LinearGenerator(), data, tasks=fakes.TASKS,
      export=lambda ema, step: exported.append((step, ema)))
  assert run(fakes.Recorded(
      fakes.data(), 3, lambda: signal.raise_signal(signal.SIGTERM))).reason == "SIGTERM"
  assert not exported
  assert run(fakes.data()) == loop.Result(4, "done", 0)
  ((step, ema),) = exported
  assert step == 4
  np.testing.assert_array_equal(
      ema["net"]["hidden"]["kernel"], saved(tmp_path, 4)["ema/net/hidden/kernel"])


def test_the_step_reuses_the_memory_of_the_state(tmp_path):
  seen = []
  loop.fit(experiment(steps=2, sample_every=1), tmp_path, fakes.LinearGenerator(),
           fakes.data(), tasks=fakes.TASKS,
           draw=lambda ema: seen.append(ema) or np.zeros((1, 1, 3), np.uint8))
  deleted = [[x.is_deleted() for x in jax.tree.leaves(ema)] for ema in seen]
  assert all(deleted[0]) and not any(deleted[1])


def test_starts_from_given_weights(tmp_path):
  generator = fakes.LinearGenerator()
  start = generator.init(jax.random.key(9))
  given = dict(start)
  loop.fit(experiment(steps=1), tmp_path, generator, fakes.data(),
           tasks=fakes.TASKS, params=given)
  assert not given  # The state is all that holds them.
  # The learning rate is zero at the first step of a warm-up.
  np.testing.assert_array_equal(
      saved(tmp_path, 1)["params/net/hidden/kernel"],
      start["net"]["hidden"]["kernel"])


def test_workdir_that_cannot_be_made_is_one_line(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="cannot be written") as error:
    fit(tmp_path / "file" / "run")
  assert "\n" not in str(error.value)
