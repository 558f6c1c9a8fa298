"""Runs commands, or prints what it would run. For launchers: standard library only."""

import shlex
import subprocess
import sys
from collections.abc import Sequence


class Failed(Exception):
  """A command that must not fail did; the message is one line."""


class Shell:
  """Runs commands one after the other, each printed first.

  Attributes:
    dry: print only.
  """

  def __init__(self, dry: bool):
    self.dry = dry

  def run(self, command: Sequence[str]) -> None:
    """Raises Failed when the command ends with another status than 0."""
    self._say(command)
    if not self.dry and (status := subprocess.run(command, check=False).returncode):
      raise Failed(f"{' '.join(command[:5])} … ended with status {status}.")

  def ask(self, command: Sequence[str], dry: str) -> str:
    """What the command prints, stripped; `dry` in a dry run.

    Raises:
      Failed: it ends with another status than 0; says what it said last.
    """
    self._say(command)
    if self.dry:
      return dry
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
      said = " ".join(done.stderr.split())[-300:] or "no reason given"
      raise Failed(f"{' '.join(command[:5])} … ended with status {done.returncode}: "
                   f"{said}")
    return done.stdout.strip()

  def _say(self, command: Sequence[str]) -> None:
    print(f"{'' if self.dry else '+ '}{shlex.join(command)}", flush=True)


def main(run, argv: Sequence[str] | None = None) -> None:
  """Calls `run(argv)`; a failure or a missing program is one line and status 1."""
  try:
    run(sys.argv[1:] if argv is None else argv)
  except Failed as e:
    sys.exit(f"error: {e}")
  except FileNotFoundError as e:
    sys.exit(f"error: {e.filename} is not installed; see docs/tpu.md.")
  except KeyboardInterrupt:
    sys.exit("stopped; what runs in the cloud goes on.")
