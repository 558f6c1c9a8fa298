"""The OpenAI-compatible endpoint: the request's shape, and every way to fail."""

import base64
import datetime
import email.utils
import threading
import time

import pytest

from tests.eval.outside import local
from vision_banana.errors import UserError
from vision_banana.eval.outside import openai_compatible
from vision_banana.eval.outside.endpoint import Busy, Declined, Picture, Reply
from vision_banana.eval.outside.endpoint import Settings, Unusable


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
    monkeypatch.delenv(name, raising=False)


def _ask(server, settings=Settings(timeout=5), pictures=()):
  return openai_compatible.OpenAICompatible("m", server.url, settings).ask(
      "hello", pictures)


def _fails(behaviour, kind, settings=Settings(timeout=5)):
  with local.serving(behaviour) as server:
    with pytest.raises(kind) as caught:
      _ask(server, settings)
  return caught.value


def test_the_request_and_the_reply(monkeypatch):
  monkeypatch.setenv("OPENAI_API_KEY", "secret")
  with local.serving(lambda h, b: h.say("(A) Yes", 123, 4)) as server:
    reply = _ask(server, Settings(0.0, 20), [Picture(b"\x89PNG", "image/png")])
  assert reply == Reply("(A) Yes", 123, 4, "stop")
  (path, headers, body), = server.seen
  assert path == "/v1/chat/completions"
  assert headers["Authorization"] == "Bearer secret"
  picture = base64.b64encode(b"\x89PNG").decode()
  assert body == {"model": "m", "temperature": 0.0, "max_tokens": 20, "messages": [
      {"role": "user", "content": [
          {"type": "image_url",
           "image_url": {"url": f"data:image/png;base64,{picture}"}},
          {"type": "text", "text": "hello"}]}]}


def test_without_key_and_settings_nothing_is_sent_for_them():
  with local.serving(lambda h, b: h.say("x")) as server:
    _ask(server, Settings(None, None, 5))
  _, headers, body = server.seen[0]
  assert "Authorization" not in headers and set(body) == {"model", "messages"}


@pytest.mark.parametrize("message, text", [
    ({"content": None}, ""), ({"content": None, "refusal": "I won't"}, "I won't"),
    ({"content": [{"type": "text", "text": "a"}, {"text": "b"}]}, "ab")])
def test_odd_messages(message, text):
  answer = {"choices": [{"message": message, "finish_reason": None}]}
  with local.serving(lambda h, b: h.send(200, answer)) as server:
    assert _ask(server) == Reply(text, None, None, "")


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"error": {"message": "x"}}',
    b'{"choices": [{"message": null}]}', b"\xff\xfe"])
def test_what_is_no_answer_may_pass(body):
  assert "no chat completion" in str(_fails(lambda h, b: h.send(200, body), Busy))


@pytest.mark.parametrize("status, kind", [
    (500, Busy), (502, Busy), (503, Busy), (529, Busy), (429, Busy), (408, Busy),
    (400, Declined), (413, Declined), (422, Declined), (401, Unusable),
    (403, Unusable), (404, Unusable), (405, Unusable)])
def test_statuses(status, kind):
  error = _fails(lambda h, b: h.send(status, {"error": {"message": "the\nreason"}}),
                 kind)
  assert str(error) == f"HTTP {status} (the reason)"


@pytest.mark.parametrize("body, text", [
    ({"error": "plain"}, "plain"), ({"object": "error", "message": "vllm"}, "vllm"),
    ({"detail": "fastapi"}, "fastapi"), (b"<h1>nginx</h1>", "<h1>nginx</h1>"),
    (b"x" * 1000, "x" * 199 + "…")])
def test_words_of_a_failure(body, text):
  assert str(_fails(lambda h, b: h.send(400, body), Declined)) == f"HTTP 400 ({text})"


def test_an_empty_purse_is_not_worth_another_try():
  _fails(lambda h, b: h.send(429, {"error": {"code": "insufficient_quota",
                                             "message": "pay"}}), Unusable)


def test_retry_after_in_both_forms():
  error = _fails(lambda h, b: h.send(429, {}, Retry_After="7"), Busy)
  assert error.after == 7
  now = datetime.datetime.now(datetime.UTC)
  then = email.utils.format_datetime(now + datetime.timedelta(seconds=100), usegmt=True)
  error = _fails(lambda h, b: h.send(503, {}, Retry_After=then), Busy)
  assert 90 < error.after <= 100
  assert [openai_compatible.seconds(t) for t in (None, "", "soon", "nan", "-3")] == [
      None, None, None, None, 0]


def test_a_redirect_is_not_followed(monkeypatch):
  monkeypatch.setenv("OPENAI_API_KEY", "secret")
  with local.serving(lambda h, b: h.say("stolen")) as other:
    error = _fails(lambda h, b: h.send(307, {}, Location=other.url), Unusable)
    assert other.url in str(error) and not other.seen


def test_a_body_that_ends_early_may_pass():
  assert "IncompleteRead" in str(_fails(lambda h, b: h.cut(), Busy))


def test_a_connection_that_breaks_may_pass():
  _fails(lambda h, b: h.reset(), Busy)


def test_nobody_there():
  with local.serving(lambda h, b: h.say("x")) as server:
    pass
  with pytest.raises(Busy, match="cannot connect"):
    _ask(server)


def test_a_late_answer():
  done = threading.Event()
  error = _fails(lambda h, b: done.wait(3), Busy, Settings(timeout=0.2))
  done.set()
  assert str(error) == "no answer in 0.2 s"


def test_a_server_that_drips_is_late_too():
  def drip(handler, body):
    handler.send(200, b"", Content_Length="100000")
    for _ in range(600):
      handler.wfile.write(b" ")
      time.sleep(0.05)
  start = time.monotonic()
  assert "no answer in 0.3 s" in str(_fails(drip, Busy, Settings(timeout=0.3)))
  assert time.monotonic() - start < 20  # it drips for thirty seconds


def test_an_endless_answer(monkeypatch):
  monkeypatch.setattr(openai_compatible, "_MAX_BODY", 1000)
  assert "without end" in str(_fails(lambda h, b: h.send(200, b" " * 200000), Busy))


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x/v1", "http://"])
def test_no_address(url):
  with pytest.raises(UserError, match="give the server's address"):
    openai_compatible.OpenAICompatible("m", url)


def test_the_address_of_the_environment(monkeypatch):
  monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
  assert openai_compatible.OpenAICompatible("m").where == "http://127.0.0.1:1/v1"
