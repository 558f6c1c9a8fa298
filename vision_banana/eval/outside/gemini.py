"""Gemini through Google's own client, `google-genai`.

Reference: https://googleapis.github.io/python-genai
"""

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval.outside import endpoint, openai_compatible
from vision_banana.eval.outside.endpoint import Busy, Picture, Reply, Settings

# The order in which the client itself looks.
KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")


class Gemini:
  """A model of the Gemini API. The key is the environment's, see `KEYS`."""

  def __init__(self, model: str, base_url: str | None = None,
               settings: Settings = Settings()):
    """Makes the client; connects to nothing yet.

    Args:
      model: as the API calls it.
      base_url: of another server that speaks the API; None = Google's.
      settings: how it is sampled.

    Raises:
      UserError: `google-genai` is not installed, or there is no key.
    """
    try:
      from google import genai  # pylint: disable=g-import-not-at-top
      from google.genai import types  # pylint: disable=g-import-not-at-top
    except ImportError as e:
      raise UserError("asking Gemini needs google-genai; pip install "
                      "'vision-banana[google]'.") from e
    key = next((os.environ[k] for k in KEYS if os.environ.get(k)), None)
    if not key:
      raise UserError(f"no key for the Gemini API; set {' or '.join(KEYS)}.")
    self.model = model
    self.where = base_url or "Gemini API"
    self.settings = settings
    self._types = types
    # Tries are counted and waits kept here (`asker`), not in the client too.
    self._client = genai.Client(
        api_key=key, vertexai=False, http_options=types.HttpOptions(
            base_url=base_url, timeout=round(settings.timeout * 1000),
            retry_options=types.HttpRetryOptions(attempts=1)))

  def ask(self, prompt: str, pictures: Sequence[Picture]) -> Reply:
    """See `Endpoint.ask`."""
    types = self._types
    parts = [types.Part.from_bytes(data=p.data, mime_type=p.mime) for p in pictures]
    try:
      response = self._client.models.generate_content(
          model=self.model, contents=[*parts, types.Part.from_text(text=prompt)],
          config=types.GenerateContentConfig(
              temperature=self.settings.temperature,
              max_output_tokens=self.settings.max_tokens))
    except Exception as e:  # pylint: disable=broad-exception-caught
      raise _failure(e) from e
    return _reply(response)


def _failure(error: Exception) -> Exception:
  """What the client raised, as one of ours; a mistake of ours stays what it is."""
  code = getattr(error, "code", None)
  if isinstance(code, int):  # google.genai.errors.APIError
    details = str(getattr(error, "details", ""))
    message = str(getattr(error, "message", None) or "")
    if "API_KEY_INVALID" in details or "FAILED_PRECONDITION" in details:
      return endpoint.Unusable(f"HTTP {code} ({endpoint.short(message)})")
    return endpoint.failure(code, message, _after(error, details))
  # The client's transport is httpx or httpx2, whichever is installed.
  transports = tuple(sys.modules[m].HTTPError for m in ("httpx", "httpx2")
                     if m in sys.modules)
  if isinstance(error, (*transports, OSError)):
    text = endpoint.short(str(error))
    return Busy(f"{type(error).__name__}{': ' if text else ''}{text}")
  if isinstance(error, ValueError):  # not JSON, or not of the API's layout
    return Busy(f"no Gemini answer came back: {endpoint.short(str(error), 80)}")
  return error


def _after(error: Exception, details: str) -> float | None:
  """Seconds to wait: the header, else Google's RetryInfo ('retryDelay': '13s')."""
  headers = getattr(getattr(error, "response", None), "headers", None) or {}
  found = openai_compatible.seconds(headers.get("Retry-After"))
  if found is None and (match := re.search(r"'retryDelay': '([\d.]+)s'", details)):
    found = float(match[1])
  return found


def _reply(response: Any) -> Reply:
  usage = response.usage_metadata
  tokens_in = usage and usage.prompt_token_count
  tokens_out = usage and (
      (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0))
  if not response.candidates:
    blocked = response.prompt_feedback and response.prompt_feedback.block_reason
    if not blocked:
      raise Busy("an answer without candidates")
    return Reply("", tokens_in, tokens_out, _word(blocked))
  candidate = response.candidates[0]
  parts = (candidate.content and candidate.content.parts) or []
  text = "".join(p.text for p in parts if p.text and not p.thought)
  return Reply(text, tokens_in, tokens_out, _word(candidate.finish_reason))


def _word(reason: Any) -> str:
  return str(getattr(reason, "value", reason) or "")
