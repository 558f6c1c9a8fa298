"""What an outside model is: a prompt and pictures in, text out, or a failure."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

RETRIED = (408, 409, 425, 429)  # and every 5xx
DECLINED = (400, 413, 422)


@dataclasses.dataclass(frozen=True)
class Picture:
  """An encoded picture and its type, for example 'image/png'."""
  data: bytes
  mime: str


@dataclasses.dataclass(frozen=True)
class Reply:
  """What came back.

  Attributes:
    text: what the model said, '' if it was stopped before it said anything.
    tokens_in: tokens of prompt and pictures, None if the endpoint does not tell.
    tokens_out: tokens of the answer and of what it thought, or None.
    finish: why it ended, in the endpoint's own word ('stop', 'SAFETY', …), or ''.
  """
  text: str
  tokens_in: int | None
  tokens_out: int | None
  finish: str


@dataclasses.dataclass(frozen=True)
class Settings:
  """How a model is sampled and how long it may take.

  Attributes:
    temperature: 0 for the likeliest answer; None leaves it to the endpoint, which
      some models require.
    max_tokens: limit of the answer; None leaves it to the endpoint.
    timeout: seconds for one answer.
  """
  temperature: float | None = 0.0
  max_tokens: int | None = None
  timeout: float = 120.0


class Endpoint(Protocol):
  """One model behind one address. `ask` is called from several threads.

  Attributes:
    model: its name there.
    where: its address, for messages.
    settings: how it is sampled.
  """
  model: str
  where: str
  settings: Settings

  def ask(self, prompt: str, pictures: Sequence[Picture]) -> Reply:
    """Asks once; the pictures come before the prompt.

    Raises:
      Busy: worth another try.
      Declined: this question is not answered; others may be.
      Unusable: no question will be answered.
    """


class Busy(Exception):
  """A failure that may pass: too many requests, 5xx, a timeout, a broken answer.

  Attributes:
    after: seconds the endpoint asks to wait, or None.
  """

  def __init__(self, reason: str, after: float | None = None):
    super().__init__(reason)
    self.after = after


class Declined(Exception):
  """The endpoint refuses this one question, for example its size or content."""


class Unusable(Exception):
  """The endpoint answers nobody: wrong key, unknown model, moved address."""


def failure(status: int, message: str, after: float | None) -> Exception:
  """The exception that an HTTP status stands for."""
  reason = f"HTTP {status}" + (f" ({short(message)})" if message.strip() else "")
  if status in RETRIED or status >= 500:
    return Busy(reason, after)
  if status in DECLINED:
    return Declined(reason)
  return Unusable(reason)


def short(text: str, limit: int = 200) -> str:
  """Text on one line, cut."""
  text = " ".join(text.split())
  return text if len(text) <= limit else text[:limit - 1] + "…"
