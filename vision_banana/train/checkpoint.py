"""Checkpoints: parameters, optimiser, EMA, step and data position, in one piece."""

import itertools
import pathlib
import time
import warnings
from typing import Any

import jax
import orbax.checkpoint as ocp

from vision_banana.errors import UserError
from vision_banana.train import hosts
from vision_banana.train.optim import path_of


# In the names of orbax's temporary folders.
_HALF = ".orbax-checkpoint-tmp"
_PAUSE = 1.0  # Seconds before what failed is read again.
# Not damage: of the machine, or of the way to the storage.
_TROUBLE = (MemoryError, PermissionError, ConnectionError, TimeoutError)
_TROUBLE_SAID = ("RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAVAILABLE")


class Checkpointer:
  """Numbered checkpoints in `<workdir>/checkpoints`.

  A checkpoint appears under its number only when it is whole (orbax writes to a
  temporary folder and renames), so a kill at any time leaves the one before.

  Several processes each write and read their parts; all must make the same calls.
  A state can be restored onto any mesh and any number of processes.
  """

  def __init__(self, workdir: pathlib.Path, keep: int):
    """Opens (and makes) the folder; removes what a kill left half-written, and says so.

    Args:
      workdir: folder of the run.
      keep: how many of the newest checkpoints stay.

    Raises:
      UserError: the folder cannot be made or written.
    """
    self.directory = pathlib.Path(workdir).absolute() / "checkpoints"
    try:
      self.directory.mkdir(parents=True, exist_ok=True)
    except OSError as e:
      raise UserError(f"{self.directory}: cannot be written ({e.strerror}); choose "
                      "another --workdir.") from e
    if jax.process_index() == 0:
      for half in sorted(self.directory.glob(f"*{_HALF}*")):
        warnings.warn(f"{half} was not written to its end (a kill or a full disk); "
                      "removed. What was saved before it counts.")
    self._manager = ocp.CheckpointManager(
        self.directory,
        item_handlers={"state": _catching(ocp.StandardCheckpointHandler()),
                       "data": _catching(ocp.JsonCheckpointHandler())},
        options=ocp.CheckpointManagerOptions(
            max_to_keep=keep, cleanup_tmp_directories=True))

  def path(self, step: int) -> pathlib.Path:
    """Where the checkpoint of `step` lives."""
    return self.directory / str(step)

  def latest(self) -> int | None:
    """Step of the newest whole checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, state: dict[str, Any], data: dict[str, Any]) -> None:
    """Copies the state to the host, then writes it in the background.

    Args:
      state: {params, opt_state, ema, step}.
      data: JSON-able state of the data iterator after the batch of this step.

    Raises:
      UserError: the disk is full or cannot be written.
    """
    step = int(state["step"])
    if step == self.latest():
      return
    try:
      self._manager.save(step, args=ocp.args.Composite(
          state=ocp.args.StandardSave(state), data=ocp.args.JsonSave(data)))
    except (OSError, ValueError) as e:
      raise self._unwritable(e) from e

  def wait(self) -> None:
    """Returns when the last save is on disk.

    Raises:
      UserError: the disk is full or cannot be written.
    """
    try:
      self._manager.wait_until_finished()
      self._manager.check_for_errors()
    except (OSError, ValueError) as e:
      raise self._unwritable(e) from e

  def restore(self, target: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest checkpoint that can be read, or None when there is none.

    One that cannot is set aside as `<step>.corrupt` with a warning. Storage may fail
    for a moment: after an OSError all processes read once more.

    Args:
      target: `ShapeDtypeStruct`s with shardings, of the state to restore.

    Returns:
      (state, data), as they were given to `save`.

    Raises:
      UserError: checkpoints exist and none can be read, the newest is of another
        model or optimiser, or memory, permission or the connection is lacking.
    """
    damaged = []
    for step in sorted(self._manager.all_steps(), reverse=True):
      restored, error = self._read(step, target)
      if not hosts.together(not isinstance(error, OSError)):
        time.sleep(_PAUSE)
        restored, error = self._read(step, target)
      if isinstance(error, _TROUBLE) or any(x in str(error) for x in _TROUBLE_SAID):
        raise UserError(f"{self.path(step)}: cannot be read now ({_reason(error)}); "
                        "mend that and give the same command.") from error
      if not hosts.together(restored is not None):
        damaged.append((step, _reason(error) if error else "by another process"))
        continue
      if jax.process_index() == 0:
        for bad, reason in damaged:
          aside = self._aside(bad)
          self.path(bad).rename(aside)
          warnings.warn(f"{self.path(bad)} cannot be read ({reason}); moved to "
                        f"{aside.name}. Going on from {self.path(step)}.")
      hosts.together(True)  # They are moved.
      self._manager.reload()
      return restored["state"], restored["data"]
    if damaged:
      reasons = "; ".join(f"{step}: {reason}" for step, reason in damaged[::-1])
      raise UserError(
          f"{self.directory}: none of the checkpoints {[s for s, _ in damaged[::-1]]} "
          f"can be read ({reasons}); move the folder away to start again.")
    return None

  def _read(self, step: int, target: Any) -> tuple[Any, Exception | None]:
    """What a checkpoint holds, or None and why this process cannot read it.

    All processes do the same, whoever fails: orbax has them wait for each other.
    """
    error = None
    try:
      self._check_shapes(step, target)
    except UserError:
      raise
    except Exception as e:  # Damage shows as any exception of any reader.
      error = e
    if not hosts.together(error is None):
      return None, error
    try:
      restored = self._manager.restore(step, args=ocp.args.Composite(
          state=ocp.args.StandardRestore(target), data=ocp.args.JsonRestore()))
    except Exception as e:
      return None, e
    for item in (restored["state"], restored["data"]):
      if isinstance(item, Exception):
        return None, item
    return restored, None

  def _aside(self, step: int) -> pathlib.Path:
    """A free name for a checkpoint that cannot be read."""
    names = (f"{step}.corrupt{n}" for n in itertools.chain([""], itertools.count(2)))
    return next(p for p in map(self.path(step).with_name, names) if not p.exists())

  def _check_shapes(self, step: int, target: Any) -> None:
    found = self._manager.item_metadata(step)["state"]
    shapes = lambda tree: {path_of(p): tuple(x.shape) for p, x in
                           jax.tree_util.tree_flatten_with_path(tree)[0]}
    found, wanted = shapes(found.tree), shapes(target)
    for path in sorted(found.keys() | wanted.keys()):
      if found.get(path) != wanted.get(path):
        raise UserError(
            f"{self.path(step)} is of another model or optimiser: {path} is "
            f"{found.get(path, 'missing')}, the config makes it "
            f"{wanted.get(path, 'missing')}; choose another --workdir.")

  def _unwritable(self, error: Exception) -> UserError:
    return UserError(f"{self.directory}: cannot be written ({_reason(error)}); free some "
                     "space or choose another --workdir.")

  def __enter__(self) -> "Checkpointer":
    return self

  def __exit__(self, kind: type[BaseException] | None, *_) -> None:
    # After an error in this process the others do not come to close with it.
    if kind is None or jax.process_count() == 1:
      self.close()

  def close(self) -> None:
    """Waits for what is being written and lets go of the folder."""
    self.wait()
    self._manager.close()


def _reason(error: Exception) -> str:
  """One line of an exception, which may say nothing or much."""
  said = str(error).strip().splitlines()
  return f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__


def _catching(handler: Any) -> Any:
  """Has a handler return what it cannot read as the exception.

  Raised, it would keep this process from where orbax has all of them wait.
  """
  read = handler.restore

  def restore(*args, **keys):
    try:
      return read(*args, **keys)
    except Exception as e:
      return e
  handler.restore = restore
  return handler
