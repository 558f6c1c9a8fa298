"""Presence and rewriting, against a local server; and the mask's own word."""

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


def _pair(phrase, count):
  labels = np.zeros((100, 100), np.int32)
  labels.flat[:count] = 3
  return presence.Pair(PICTURE, phrase, labels)


def test_the_papers_multiple_choice(tmp_path):
  said = {"a mug": "(A) Yes", "a cow": "(B)", "a ghost": "I wonder."}
  def behave(handler, body):
    phrase = local.prompt_of(body).split('"')[1]
    handler.send(400, {}) if phrase == "a bomb" else handler.say(said[phrase])
  with local.serving(behave) as server:
    by_model = presence.ByModel(_asker(server, tmp_path))
    pairs = [presence.Pair(PICTURE, p)
             for p in ("a mug", "a cow", "a ghost", "a bomb")]
    assert by_model(pairs) == [True, False, None, None]
    assert local.prompt_of(server.seen[0][2]).splitlines()[1:3] == ["(A) Yes", "(B) No"]
    assert by_model.about == "presence: m, (A) Yes (B) No"


def test_the_mask_itself_without_an_outside_model():
  by_mask = presence.ByMask(0.01)
  assert by_mask([_pair("x", n) for n in (0, 99, 100, 5000)]) == [
      False, False, True, True]
  assert "0.01" in by_mask.about
  assert presence.ByMask()([_pair("x", 1), _pair("x", 2)]) == [False, True]
  with pytest.raises(ValueError, match="painted"):
    presence.ByMask()([presence.Pair(PICTURE, "x")])
  for share in (0, 1, -1, float("nan")):
    with pytest.raises(UserError, match="min_share"):
      presence.ByMask(share)


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
