"""Answers and what they cost, on disk: one file an answer, one line a payment."""

import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import threading
from collections.abc import Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import files
from vision_banana.eval.outside.endpoint import Reply, Settings


@dataclasses.dataclass(frozen=True)
class Price:
  """US dollars for a million tokens."""
  tokens_in: float
  tokens_out: float

  def of(self, reply: Reply) -> float:
    """US dollars of one answer; unknown counts are 0."""
    return (self.tokens_in * (reply.tokens_in or 0)
            + self.tokens_out * (reply.tokens_out or 0)) / 1e6


def key(model: str, settings: Settings, max_edge: int, prompt: str,
        pictures: Sequence[str]) -> str:
  """64 hex digits that identify a question.

  Args:
    model: who is asked; the address does not count.
    settings: how it is sampled.
    max_edge: to which the pictures are shrunk.
    prompt: the words.
    pictures: `media.digest` of each.
  """
  asked = [model, settings.temperature, settings.max_tokens, max_edge, prompt,
           *pictures]
  return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


class Answers:
  """The folder of all answers: `FOLDER/ab/abcdef….json` and `FOLDER/costs.jsonl`."""

  def __init__(self, folder: files.PathLike):
    self.folder = pathlib.Path(folder)
    self._lock = threading.Lock()

  def _path(self, name: str) -> pathlib.Path:
    return self.folder / name[:2] / f"{name}.json"

  def get(self, name: str) -> str | None:
    """The text that is kept; None if there is none, or its file is damaged.

    Raises:
      UserError: it is there and cannot be read.
    """
    try:
      found = json.loads(self._path(name).read_bytes())
      return found["text"] if isinstance(found["text"], str) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
      return None
    except OSError as e:
      raise UserError(f"{self._path(name)}: {e.strerror or e}; make it readable, or "
                      "choose another folder.") from e

  def put(self, name: str, reply: Reply, about: dict[str, Any],
          price: Price | None) -> None:
    """Keeps an answer (whole or not at all), then notes what it cost.

    Args:
      name: its `key`.
      reply: what came back.
      about: model, prompt and the like, for who reads the file.
      price: None notes tokens only.

    Raises:
      UserError: the folder cannot be written.
    """
    record = {**about, "time": datetime.datetime.now(datetime.UTC).isoformat(
        timespec="seconds"), **dataclasses.asdict(reply)}
    files.write_all({self._path(name): (
        json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()})
    cost = {"time": record["time"], "model": about["model"], "key": name,
            "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out}
    if price:
      cost["usd"] = price.of(reply)
    path = self.folder / "costs.jsonl"
    with self._lock:
      try:
        # One write to a file opened for appending: lines never mix.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
          os.write(handle, (json.dumps(cost) + "\n").encode())
        finally:
          os.close(handle)
      except OSError as e:
        raise UserError(f"{path}: {e.strerror or e}; make it writable, or choose "
                        "another folder.") from e
