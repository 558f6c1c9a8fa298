"""Numbers and pictures of a run: `metrics.jsonl` always, and TensorBoard events."""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image
from tensorboardX import event_file_writer, summary
from tensorboardX.proto import event_pb2, summary_pb2

from vision_banana.errors import UserError


class MetricsWriter:
  """Writes into the folder of a run.

  Every write raises UserError when the disk is full or cannot be written.
  """

  def __init__(self, workdir: pathlib.Path, step: int):
    """Opens the logs to go on after `step`.

    Lines of steps beyond it, written before a kill and about to be repeated, are
    cut, and so is a last line that a kill left half-written.

    Args:
      workdir: folder of the run; exists.
      step: the step the run goes on from.
    """
    self._workdir = pathlib.Path(workdir)
    path = self._workdir / "metrics.jsonl"
    with self._writing():
      kept = [line for line in read(path) if line["step"] <= step]
      temporary = path.with_suffix(".tmp")
      temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
      temporary.replace(path)
      self._file = path.open("a")
      # Not SummaryWriter: its thread dies silently on a full disk, and then every
      # write blocks for ever.
      board = self._workdir / "tensorboard"
      board.mkdir(exist_ok=True)
      self._board = event_file_writer.EventsWriter(
          str(board / "events"), f".{os.getpid()}.{step}")
      # Tells TensorBoard to drop what it has of later steps.
      self._event(step + 1, session_log=event_pb2.SessionLog(
          status=event_pb2.SessionLog.START))

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Writes numbers of one step: one line, flushed, so that a kill loses nothing."""
    with self._writing():
      self._file.write(json.dumps({"step": step, **values}) + "\n")
      self._file.flush()
      self._event(step, summary=summary_pb2.Summary(value=[
          summary_pb2.Summary.Value(tag=name, simple_value=value)
          for name, value in values.items()]))

  def image(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a picture, uint8 [H, W, 3], as `<name>/<step>.png` and to TensorBoard."""
    with self._writing():
      path = self._workdir / name / f"{step:07d}.png"
      path.parent.mkdir(exist_ok=True)
      temporary = path.with_suffix(".tmp")
      Image.fromarray(image).save(temporary, "PNG")
      temporary.replace(path)
      self._event(step, summary=summary.image(name, image, dataformats="HWC"))

  def _event(self, step: int, **content) -> None:
    self._board.write_event(
        event_pb2.Event(wall_time=time.time(), step=step, **content))
    self._board.flush()

  def close(self) -> None:
    """Closes the files."""
    with self._writing():
      self._file.close()
      self._board.close()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    try:
      yield
    except OSError as e:
      raise UserError(f"{self._workdir}: cannot be written ({e.strerror}); free some "
                      "space or choose another --workdir.") from e


def read(path: pathlib.Path) -> list[dict[str, float]]:
  """Lines of a `metrics.jsonl`; [] when it does not exist.

  A last line without its end (the run was killed while writing it) is left out.
  """
  if not path.exists():
    return []
  *lines, _ = path.read_text().split("\n")
  return [json.loads(line) for line in lines]
