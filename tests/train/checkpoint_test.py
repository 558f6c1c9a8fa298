"""Checkpoints: damage, other models, full disks."""

import pathlib
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.train import checkpoint


def state(step: int, width: int = 300) -> dict:
  key = jax.random.key(step)
  return {"params": {"w": jax.random.normal(key, (width, 4))},
          "step": jnp.asarray(step, jnp.int32)}


def target(width: int = 300):
  sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
      jax.eval_shape(lambda: state(0, width)))


@pytest.fixture
def filled(tmp_path):
  """A folder with checkpoints of steps 2 and 4, after 1 was dropped."""
  saved = checkpoint.Checkpointer(tmp_path, keep=2)
  for step in (1, 2, 4):
    saved.save(state(step), {"next": step * 10})
  saved.close()
  return tmp_path


def damage(folder: pathlib.Path) -> None:
  """Cuts every file of a checkpoint short, as a disk that lost its tail would."""
  for file in folder.rglob("*"):
    if file.is_file():
      file.write_bytes(file.read_bytes()[:-20])


def test_keeps_the_newest_and_restores_exactly(filled):
  saved = checkpoint.Checkpointer(filled, keep=2)
  assert sorted(p.name for p in (filled / "checkpoints").iterdir()) == ["2", "4"]
  restored, data = saved.restore(target())
  assert data == {"next": 40} and int(restored["step"]) == 4
  np.testing.assert_array_equal(restored["params"]["w"], state(4)["params"]["w"])


def test_nothing_there_is_none(tmp_path):
  assert checkpoint.Checkpointer(tmp_path, keep=2).restore(target()) is None


def test_a_damaged_checkpoint_is_set_aside_with_a_warning(filled):
  damage(filled / "checkpoints/4")
  saved = checkpoint.Checkpointer(filled, keep=2)
  with pytest.warns(UserWarning, match=f"{filled}/checkpoints/4 cannot be read"):
    restored, data = saved.restore(target())
  assert int(restored["step"]) == 2 and data == {"next": 20}
  assert (filled / "checkpoints/4.corrupt").is_dir()
  saved.save(state(4), {"next": 40})  # The step can be reached and saved again.
  saved.close()
  assert (filled / "checkpoints/4").is_dir()


def failing(monkeypatch, saved, *errors: Exception | None) -> list[int]:
  """Has the reads of `saved` fail like this, one after the other; steps tried."""
  original, left, tried = saved._manager.restore, list(errors), []

  def restore(step, **keys):
    tried.append(step)
    if error := left.pop(0):
      raise error
    return original(step, **keys)
  monkeypatch.setattr(saved._manager, "restore", restore)
  monkeypatch.setattr(checkpoint, "_PAUSE", 0)
  return tried


def test_storage_that_fails_for_a_moment_is_read_again(filled, monkeypatch):
  saved = checkpoint.Checkpointer(filled, keep=2)
  tried = failing(monkeypatch, saved, OSError(5, "Input/output error"), None)
  assert int(saved.restore(target())[0]["step"]) == 4 and tried == [4, 4]
  assert sorted(p.name for p in (filled / "checkpoints").iterdir()) == ["2", "4"]


def test_all_processes_read_again_when_storage_failed_for_one(filled, monkeypatch):
  saved = checkpoint.Checkpointer(filled, keep=2)
  tried = failing(monkeypatch, saved, None, None)
  # Shapes are right; another's first try failed; again; all went well, all is moved.
  answers = iter([True, False, True, True, True])
  monkeypatch.setattr(checkpoint.hosts, "together", lambda good: next(answers))
  assert int(saved.restore(target())[0]["step"]) == 4 and tried == [4, 4]


@pytest.mark.parametrize("error, reason", [
    (MemoryError(), "MemoryError"),
    (PermissionError(13, "Permission denied"), "Permission denied"),
    (ConnectionResetError(104, "reset by peer"), "reset by peer"),
    (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 8 bytes"), "RESOURCE_EXHAUSTED"),
])
def test_what_is_no_damage_is_one_line_and_moves_nothing(
    filled, monkeypatch, error, reason):
  saved = checkpoint.Checkpointer(filled, keep=2)
  failing(monkeypatch, saved, error, error)
  with pytest.raises(
      UserError, match=f"checkpoints/4: cannot be read now.*{reason}") as e:
    saved.restore(target())
  assert "\n" not in str(e.value)
  assert sorted(p.name for p in (filled / "checkpoints").iterdir()) == ["2", "4"]


def test_a_step_that_is_damaged_again_gets_another_name(filled):
  (filled / "checkpoints/4.corrupt").mkdir()
  (filled / "checkpoints/4.corrupt/kept").touch()
  damage(filled / "checkpoints/4")
  with pytest.warns(UserWarning, match="moved to 4.corrupt2"):
    checkpoint.Checkpointer(filled, keep=2).restore(target())
  assert (filled / "checkpoints/4.corrupt/kept").exists()
  assert (filled / "checkpoints/4.corrupt2").is_dir()


@pytest.mark.parametrize("name", ["state", "data"])
def test_a_checkpoint_that_lacks_a_part_is_set_aside(filled, name):
  for file in sorted((filled / "checkpoints/4" / name).rglob("*"), reverse=True):
    file.rmdir() if file.is_dir() else file.unlink()
  restored, _ = checkpoint.Checkpointer(filled, keep=2).restore(target())
  assert int(restored["step"]) == 2


def test_a_half_written_checkpoint_is_removed_with_a_warning(filled):
  # What a kill leaves behind: orbax writes under a temporary name.
  half = filled / "checkpoints/6.orbax-checkpoint-tmp"
  shutil.copytree(filled / "checkpoints/4", half)
  (half / "commit_success.txt").unlink(missing_ok=True)
  with pytest.warns(UserWarning, match=f"{half} was not written to its end"):
    saved = checkpoint.Checkpointer(filled, keep=2)
  assert saved.latest() == 4
  saved.save(state(6), {})
  saved.close()
  assert sorted(p.name for p in (filled / "checkpoints").iterdir()) == ["4", "6"]


def test_what_eight_devices_saved_is_restored_on_other_meshes(tmp_path):
  run = pathlib.Path(__file__).parent / "topology_run.py"
  done = subprocess.run([sys.executable, str(run), str(tmp_path)], text=True,
                        capture_output=True, check=False)
  assert done.stdout.endswith("EQUAL\n"), done.stderr
  restored, data = checkpoint.Checkpointer(tmp_path, keep=1).restore(target(304))
  assert data == {"samples": 12}
  np.testing.assert_array_equal(
      restored["params"]["w"], state(3, 304)["params"]["w"], strict=True)


def test_when_none_can_be_read_it_is_one_line(filled):
  damage(filled / "checkpoints/2")
  damage(filled / "checkpoints/4")
  with pytest.raises(
      UserError, match=r"none of the checkpoints \[2, 4\].*2: \w+.*; 4: \w+") as error:
    checkpoint.Checkpointer(filled, keep=2).restore(target())
  assert "\n" not in str(error.value) and "move the folder away" in str(error.value)
  with pytest.raises(UserError):  # And again: it does not start from scratch then.
    checkpoint.Checkpointer(filled, keep=2).restore(target())


def test_a_checkpoint_of_another_model_is_named_and_kept(filled):
  with pytest.raises(UserError, match=r"params/w is \(300, 4\).*\(5, 4\)"):
    checkpoint.Checkpointer(filled, keep=2).restore(target(5))
  assert (filled / "checkpoints/4").is_dir()


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
  code = (
      "import resource, pathlib, sys\n"
      "from tests.train import checkpoint_test as t\n"
      "from vision_banana.errors import UserError\n"
      "saved = t.checkpoint.Checkpointer(pathlib.Path(sys.argv[1]), 1)\n"
      "saved.save(t.state(1), {})\n"
      "saved.wait()\n"
      "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
      "try:\n"
      "  saved.save(t.state(2, width=100_000), {})\n"
      "  saved.wait()\n"
      "except UserError as e:\n"
      "  print('ERROR', e)\n")
  done = subprocess.run(
      [sys.executable, "-c", code, str(tmp_path)], text=True, capture_output=True,
      cwd=pathlib.Path(__file__).parents[2], check=False)
  assert "ERROR" in done.stdout, done.stderr
  message = done.stdout[done.stdout.index("ERROR"):].strip()
  assert "cannot be written" in message and "\n" not in message
  assert checkpoint.Checkpointer(tmp_path, 2).latest() == 1
