"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, …

Reference: https://platform.openai.com/docs/api-reference/chat
"""

import base64
import email.utils
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval.outside import endpoint
from vision_banana.eval.outside.endpoint import Busy, Picture, Reply, Settings

_MAX_BODY = 16 * 2**20  # an answer is text; more is no answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
  """A redirect would turn the POST into a GET and carry the key to another host."""

  def redirect_request(self, *args: Any) -> None:
    return None


class OpenAICompatible:
  """A model at `base_url`/chat/completions, over the standard library's HTTP.

  The key is the environment's OPENAI_API_KEY; a local server needs none. Proxies of
  the environment are used.
  """

  def __init__(self, model: str, base_url: str | None = None,
               settings: Settings = Settings()):
    """Connects to nothing yet.

    Args:
      model: as the server calls it.
      base_url: for example 'http://127.0.0.1:8000/v1'; None = OPENAI_BASE_URL.
      settings: how it is sampled.

    Raises:
      UserError: no such address.
    """
    base_url = base_url or os.environ.get("OPENAI_BASE_URL", "")
    parts = urllib.parse.urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
      raise UserError(f"base URL '{base_url}': give the server's address, for example "
                      "http://127.0.0.1:8000/v1.")
    self.model = model
    self.where = base_url.rstrip("/")
    self.settings = settings
    self._opener = urllib.request.build_opener(_NoRedirect)

  def ask(self, prompt: str, pictures: Sequence[Picture]) -> Reply:
    """See `Endpoint.ask`."""
    content = [{"type": "image_url", "image_url": {"url": (
        f"data:{p.mime};base64,{base64.b64encode(p.data).decode()}")}}
               for p in pictures]
    body = {"model": self.model, "messages": [
        {"role": "user", "content": [*content, {"type": "text", "text": prompt}]}]}
    if self.settings.temperature is not None:
      body["temperature"] = self.settings.temperature
    if self.settings.max_tokens is not None:
      body["max_tokens"] = self.settings.max_tokens
    return _reply(self._post(json.dumps(body).encode()))

  def _post(self, body: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key := os.environ.get("OPENAI_API_KEY"):
      headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{self.where}/chat/completions", body, headers)
    deadline = time.monotonic() + self.settings.timeout
    try:
      with self._opener.open(request, timeout=self.settings.timeout) as response:
        return _read(response, deadline)
    except urllib.error.HTTPError as e:
      with e:
        raise _failure(e, deadline) from e
    except TimeoutError as e:
      raise Busy(f"no answer in {self.settings.timeout:g} s") from e
    except urllib.error.URLError as e:
      if isinstance(e.reason, TimeoutError):
        raise Busy(f"no answer in {self.settings.timeout:g} s") from e
      raise Busy(f"cannot connect: {endpoint.short(str(e.reason))}") from e
    except (http.client.HTTPException, OSError) as e:
      raise Busy(f"connection broke: {endpoint.short(str(e)) or type(e).__name__}"
                 ) from e


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
  """The whole body. A server that drips bytes is as late as one that sends none."""
  chunks, size = [], 0
  while chunk := response.read1(65536):
    chunks.append(chunk)
    size += len(chunk)
    if time.monotonic() > deadline:
      raise TimeoutError
    if size > _MAX_BODY:
      raise Busy("an answer without end")
  # `read1` does not complain about a body that ends early.
  if response.length:
    raise http.client.IncompleteRead(b"", response.length)
  return b"".join(chunks)


def _failure(error: urllib.error.HTTPError, deadline: float) -> Exception:
  try:
    text = _read(error, deadline).decode("utf-8", "replace")
  except (OSError, http.client.HTTPException, Busy):
    text = ""
  if 300 <= error.code < 400:
    return endpoint.Unusable(f"HTTP {error.code}, moved to "
                             f"{error.headers.get('Location', 'nowhere')}")
  if "insufficient_quota" in text:
    return endpoint.Unusable(f"HTTP {error.code} ({endpoint.short(_message(text))})")
  return endpoint.failure(error.code, _message(text),
                          seconds(error.headers.get("Retry-After")))


def _message(text: str) -> str:
  """The words of an error body: OpenAI's, vLLM's or FastAPI's layout, or as it is."""
  try:
    found = json.loads(text)
  except ValueError:
    return text
  for key in ("error", "message", "detail"):
    if isinstance(found, dict) and key in found:
      found = found[key]
  return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def seconds(retry_after: str | None) -> float | None:
  """Retry-After as seconds from now, from either of its two forms; else None."""
  if not retry_after:
    return None
  try:
    value = float(retry_after)
  except ValueError:
    try:
      value = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
      return None
  return max(0.0, value) if value == value else None  # not NaN


def _reply(body: bytes) -> Reply:
  try:
    found = json.loads(body)
    choice = found["choices"][0]
    message = choice["message"]
    content = message.get("content") or message.get("refusal") or ""
    if not isinstance(content, str):
      content = "".join(p.get("text") or "" for p in content)
    usage = found.get("usage") or {}
    return Reply(content, usage.get("prompt_tokens"), usage.get("completion_tokens"),
                 choice.get("finish_reason") or "")
  except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
    text = body.decode("utf-8", "replace")
    raise Busy(f"no chat completion came back: '{endpoint.short(text, 80)}'") from e
