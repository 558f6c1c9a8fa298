"""Numbers and pictures of a run: `metrics.jsonl` always, and TensorBoard events."""

import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorboardX

from vision_banana.errors import UserError


class MetricsWriter:
  """Appends one JSON line a write, flushed, so that a kill loses nothing."""

  def __init__(self, workdir: pathlib.Path, step: int):
    """Opens the logs to go on after `step`.

    Lines of steps beyond it, written before a kill and about to be repeated, are
    cut, and so is a last line that a kill left half-written.

    Args:
      workdir: folder of the run; exists.
      step: the step the run goes on from.

    Raises:
      UserError: the folder cannot be written.
    """
    path = pathlib.Path(workdir) / "metrics.jsonl"
    try:
      kept = [line for line in read(path) if line["step"] <= step]
      temporary = path.with_suffix(".tmp")
      temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
      os.replace(temporary, path)
      self._file = path.open("a")
      self._board = tensorboardX.SummaryWriter(
          str(pathlib.Path(workdir) / "tensorboard"), purge_step=step + 1,
          flush_secs=30)
    except OSError as e:
      raise UserError(f"{workdir}: cannot be written ({e.strerror}); choose another "
                      "--workdir.") from e

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Writes numbers of one step."""
    self._file.write(json.dumps({"step": step, **values}) + "\n")
    self._file.flush()
    for name, value in values.items():
      self._board.add_scalar(name, value, step)

  def image(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a picture, uint8 [H, W, 3], to TensorBoard."""
    self._board.add_image(name, image, step, dataformats="HWC")

  def close(self) -> None:
    """Flushes and closes."""
    self._file.close()
    self._board.close()


def read(path: pathlib.Path) -> list[dict[str, float]]:
  """Lines of a `metrics.jsonl`; [] when it does not exist.

  A last line without its end (the run was killed while writing it) is left out.
  """
  if not path.exists():
    return []
  *lines, _ = path.read_text().split("\n")
  return [json.loads(line) for line in lines]
