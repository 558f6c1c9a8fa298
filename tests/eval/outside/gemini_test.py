"""Gemini's endpoint with a stand-in for google-genai: what is handed over, what is
made of its answers. `google_genai_test.py` runs the real client."""

import sys
import types

import pytest

from vision_banana.errors import UserError
from vision_banana.eval.outside import gemini
from vision_banana.eval.outside.endpoint import Busy, Declined, Picture, Reply
from vision_banana.eval.outside.endpoint import Settings, Unusable


class APIError(Exception):
  """As google.genai.errors.APIError."""

  def __init__(self, code, details, headers=None):
    super().__init__(f"{code}")
    self.code, self.details = code, details
    self.message = details.get("error", {}).get("message")
    self.response = types.SimpleNamespace(headers=headers or {})


@pytest.fixture
def google(monkeypatch):
  """The stand-in; `.answer` is returned or raised, `.made` and `.asked` recorded."""
  made = types.SimpleNamespace(made=[], asked=[], answer=None)

  def generate_content(**arguments):
    made.asked.append(arguments)
    if isinstance(made.answer, Exception):
      raise made.answer
    return made.answer

  def client(**arguments):
    made.made.append(arguments)
    return types.SimpleNamespace(
        models=types.SimpleNamespace(generate_content=generate_content))

  record = lambda kind: lambda **a: (kind, a)
  genai, kinds = types.ModuleType("google.genai"), types.ModuleType("types")
  genai.Client, genai.types = client, kinds
  kinds.HttpOptions, kinds.HttpRetryOptions = record("http"), record("retry")
  kinds.GenerateContentConfig = record("config")
  kinds.Part = types.SimpleNamespace(from_bytes=record("bytes"),
                                     from_text=record("text"))
  package = types.ModuleType("google")
  package.genai = genai
  monkeypatch.setitem(sys.modules, "google", package)
  monkeypatch.setitem(sys.modules, "google.genai", genai)
  monkeypatch.setitem(sys.modules, "google.genai.types", kinds)
  monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
  monkeypatch.setenv("GEMINI_API_KEY", "secret")
  return made


def _answer(parts=(("(A) Yes", False),), finish="STOP", candidates=True, blocked=None):
  some = types.SimpleNamespace
  return some(
      usage_metadata=some(prompt_token_count=300, candidates_token_count=4,
                          thoughts_token_count=None),
      prompt_feedback=some(block_reason=blocked),
      candidates=[some(finish_reason=finish, content=some(
          parts=[some(text=t, thought=h) for t, h in parts]))] if candidates else None)


def test_what_is_handed_over(google):
  google.answer = _answer()
  model = gemini.Gemini("gem", "http://127.0.0.1:1", Settings(0.0, 20, 2.5))
  assert model.ask("hello", [Picture(b"x", "image/png")]) == Reply(
      "(A) Yes", 300, 4, "STOP")
  assert google.made == [{"api_key": "secret", "vertexai": False, "http_options": (
      "http", {"base_url": "http://127.0.0.1:1", "timeout": 2500,
               "retry_options": ("retry", {"attempts": 1})})}]
  assert google.asked == [{
      "model": "gem", "contents": [
          ("bytes", {"data": b"x", "mime_type": "image/png"}),
          ("text", {"text": "hello"})],
      "config": ("config", {"temperature": 0.0, "max_output_tokens": 20})}]


def test_thoughts_are_not_the_answer_and_blocks_are_empty(google):
  model = gemini.Gemini("gem")
  google.answer = _answer([("hm", True), ("(B)", None), (None, None)])
  assert model.ask("x", []).text == "(B)"
  google.answer = _answer([], "SAFETY")
  assert model.ask("x", []) == Reply("", 300, 4, "SAFETY")
  google.answer = _answer(candidates=False, blocked="OTHER")
  assert model.ask("x", []) == Reply("", 300, 4, "OTHER")
  google.answer = _answer(candidates=False)
  with pytest.raises(Busy, match="without candidates"):
    model.ask("x", [])


@pytest.mark.parametrize("error, kind, after", [
    (APIError(503, {}), Busy, None), (APIError(500, {}), Busy, None),
    (APIError(429, {}, {"Retry-After": "9"}), Busy, 9),
    (APIError(429, {"error": {"details": [{"retryDelay": "13s"}]}}), Busy, 13),
    (APIError(400, {"error": {"message": "too large"}}), Declined, None),
    (APIError(400, {"error": {"details": [{"reason": "API_KEY_INVALID"}]}}),
     Unusable, None),
    (APIError(400, {"error": {"status": "FAILED_PRECONDITION"}}), Unusable, None),
    (APIError(404, {}), Unusable, None), (APIError(403, {}), Unusable, None),
    (ConnectionResetError("gone"), Busy, None), (ValueError("not JSON"), Busy, None),
    (TypeError("our mistake"), TypeError, None)])
def test_failures(google, error, kind, after):
  google.answer = error
  with pytest.raises(kind) as caught:
    gemini.Gemini("gem").ask("x", [])
  assert getattr(caught.value, "after", None) == after


def test_without_key_or_package(google, monkeypatch):
  monkeypatch.delenv("GEMINI_API_KEY")
  with pytest.raises(UserError, match="set GOOGLE_API_KEY or GEMINI_API_KEY"):
    gemini.Gemini("gem")
  monkeypatch.setitem(sys.modules, "google.genai", None)
  monkeypatch.delattr(sys.modules["google"], "genai")
  with pytest.raises(UserError, match=r"vision-banana\[google\]"):
    gemini.Gemini("gem")
