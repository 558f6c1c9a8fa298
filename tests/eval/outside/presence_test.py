"""Presence and rewriting, against a local server."""

import numpy as np
import pytest

from tests.eval.outside import local
from vision_banana.errors import UserError
from vision_banana.eval.outside import connect, presence, rewriting
from vision_banana.eval.outside.asker import Asker

PICTURE = np.zeros((10, 10, 3), np.uint8)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")


def _asker(server, tmp_path):
  return Asker(connect.connect("openai", "m", server.url), tmp_path / "kept",
               log=lambda line: None)


def test_the_papers_multiple_choice(tmp_path):
  said = {"a mug": "(A) Yes", "a cow": "(B)", "a ghost": "I wonder."}
  def behave(handler, body):
    phrase = local.prompt_of(body).split('"')[1]
    handler.send(400, {}) if phrase == "a bomb" else handler.say(said[phrase])
  with local.serving(behave) as server:
    pairs = [(PICTURE, phrase) for phrase in ("a mug", "a cow", "a ghost", "a bomb")]
    assert presence.present(_asker(server, tmp_path), pairs) == [
        True, False, None, None]
    assert local.prompt_of(server.seen[0][2]).splitlines()[1:3] == ["(A) Yes", "(B) No"]


def test_rewriting_a_query(tmp_path):
  with local.serving(lambda h, b: h.say("Phrase: “the round wooden stool”.")) as server:
    found = rewriting.rewrite(_asker(server, tmp_path), [(PICTURE, "where to sit?")])
    prompt = local.prompt_of(server.seen[0][2])
  assert found == ["the round wooden stool"] and '"where to sit?"' in prompt


@pytest.mark.parametrize("text, phrase", [
    ("the mug", "the mug"), ('"the mug."\n', "the mug"), ("**the mug**", "the mug"),
    ("<think>a cup?</think>\n\nthe mug", "the mug"), ("", None), ("  \n", None),
    ("<think>never ends", None), ('""', None),
    ("The question asks for a cup.\n\nthe mug", "the mug")])
def test_phrases(text, phrase):
  assert rewriting.phrase(text) == phrase


def test_kinds(monkeypatch):
  with pytest.raises(UserError, match="give one of google, openai"):
    connect.connect("bing", "m")
