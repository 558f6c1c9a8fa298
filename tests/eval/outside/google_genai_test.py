"""The real google-genai against a local server: `make google` installs and runs it."""

import base64

import pytest

from tests.eval.outside import local
from vision_banana.eval.outside import gemini
from vision_banana.eval.outside.endpoint import Busy, Declined, Picture, Reply
from vision_banana.eval.outside.endpoint import Settings, Unusable

pytestmark = pytest.mark.google
ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [
        {"text": "hm", "thought": True}, {"text": "(A) Yes"}]},
                    "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 4,
                      "thoughtsTokenCount": 50, "totalTokenCount": 354}}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
  monkeypatch.setenv("GEMINI_API_KEY", "secret")
  # The key decides, not what else the environment says of Google's clouds.
  monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")


def _ask(behaviour, settings=Settings(0.0, 20, 5)):
  with local.serving(behaviour) as server:
    url = server.url.removesuffix("/v1")
    try:
      return gemini.Gemini("gem", url, settings).ask(
          "hello", [Picture(b"\x89PNG", "image/png")]), server
    finally:
      assert len(server.seen) == 1  # the client does not try again by itself


def test_the_request_and_the_reply():
  reply, server = _ask(lambda h, b: h.send(200, ANSWER))
  assert reply == Reply("(A) Yes", 300, 54, "STOP")
  (path, headers, body), = server.seen
  # /v1 or /v1beta, by the client's release.
  assert path.endswith("/models/gem:generateContent")
  assert {k.lower(): v for k, v in headers.items()}["x-goog-api-key"] == "secret"
  image, text = body["contents"][0]["parts"]
  inline = dict(image["inlineData"])
  # The API takes both spellings, releases of the client differ.
  assert {inline.pop("mimeType", None), inline.pop("mime_type", None)} == {
      None, "image/png"}
  assert base64.urlsafe_b64decode(inline.pop("data")) == b"\x89PNG" and not inline
  assert text == {"text": "hello"}
  assert body["generationConfig"] == {"temperature": 0.0, "maxOutputTokens": 20}


def test_blocked():
  reply, _ = _ask(lambda h, b: h.send(200, {
      "promptFeedback": {"blockReason": "SAFETY"},
      "usageMetadata": {"promptTokenCount": 300}}))
  assert reply == Reply("", 300, 0, "SAFETY")
  reply, _ = _ask(lambda h, b: h.send(
      200, {"candidates": [{"finishReason": "SAFETY"}]}))
  assert reply == Reply("", None, None, "SAFETY")


@pytest.mark.parametrize("behaviour, kind, words", [
    (lambda h, b: h.send(503, {"error": {"code": 503, "message": "overloaded",
                                         "status": "UNAVAILABLE"}}),
     Busy, "HTTP 503 (overloaded)"),
    (lambda h, b: h.send(500, b"<html>"), Busy, "HTTP 500"),
    (lambda h, b: h.send(400, {"error": {"code": 400, "message": "too large",
                                         "status": "INVALID_ARGUMENT"}}),
     Declined, "HTTP 400 (too large)"),
    (lambda h, b: h.send(400, {"error": {
        "code": 400, "message": "API key not valid", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo",
             "reason": "API_KEY_INVALID"}]}}), Unusable, "API key not valid"),
    (lambda h, b: h.send(404, {"error": {"code": 404, "message": "no such model"}}),
     Unusable, "no such model"),
    (lambda h, b: h.send(200, b"{no"), Busy, ""), (lambda h, b: h.cut(), Busy, ""),
    (lambda h, b: h.reset(), Busy, ""), (lambda h, b: h.send(200, {}), Busy, ""),
    (local.slowly(5, lambda h, b: h.send(200, ANSWER)), Busy, "Timeout")])
def test_failures(behaviour, kind, words):
  with pytest.raises(kind) as caught:
    _ask(behaviour, Settings(timeout=2))
  assert words in str(caught.value)


@pytest.mark.parametrize("headers, details, after", [
    ({"Retry_After": "7"}, [], 7), ({}, [], None),
    ({}, [{"@type": "type.googleapis.com/google.rpc.RetryInfo",
           "retryDelay": "13s"}], 13)])
def test_how_long_to_wait(headers, details, after):
  with pytest.raises(Busy) as caught:
    _ask(lambda h, b: h.send(429, {"error": {
        "code": 429, "message": "slower", "details": details}}, **headers))
  assert caught.value.after == after


def test_nobody_there():
  with local.serving(lambda h, b: None) as server:
    pass
  with pytest.raises(Busy, match="Connect"):
    gemini.Gemini("gem", server.url).ask("x", [])
