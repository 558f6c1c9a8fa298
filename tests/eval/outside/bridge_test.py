"""An outside model answers what painting asks."""

import threading

import numpy as np
import pytest

from tests.eval.outside import local
from vision_banana.errors import UserError
from vision_banana.eval.outside import bridge, connect
from vision_banana.eval.outside.asker import Asker

PICTURE = np.zeros((2, 2, 3), np.uint8)


class Oracle:
  model = "oracle"

  def __init__(self, answer):
    self.answer, self.asked = answer, []

  def ask(self, questions):
    self.asked += questions
    return [self.answer for _ in questions]


PAIRS = [(PICTURE, "a mug"), (PICTURE, "a cow")]


@pytest.mark.parametrize("answer,there", [("(A)", True), ("(B)", False)])
def test_presence(answer, there):
  oracle = Oracle(answer)
  outside = bridge.outside(oracle)
  assert outside.name == "oracle" and outside.presence(PAIRS) == [there, there]
  assert '"a mug"' in oracle.asked[0].prompt
  np.testing.assert_array_equal(oracle.asked[0].pictures[0], PICTURE)


def test_rewriting():
  assert bridge.outside(Oracle("The red chair.")).rewrite(PAIRS) == [
      "The red chair"] * 2


def test_no_answer_names_the_question_and_the_model():
  outside = bridge.outside(Oracle(None))
  for ask in (outside.presence, outside.rewrite):
    for said, (_, text) in zip(ask(PAIRS), PAIRS, strict=True):
      assert isinstance(said, UserError)
      assert f"oracle gave no readable answer to '{text}'" in str(said)


def test_a_failing_endpoint_loses_no_answer_and_is_asked_no_more(
    tmp_path, monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  pairs = [(PICTURE, f"thing {i}") for i in range(6)]

  def behave(handler, body):
    if any(f'"thing {i}"' in local.prompt_of(body) for i in (0, 1, 2)):
      handler.say("(A)")
    else:
      handler.send(401, {"error": "no such key"})

  with local.serving(behave) as server:
    asker = Asker(connect.connect("openai", "m", server.url), tmp_path, concurrency=1,
                  log=lambda line: None)
    outside = bridge.outside(asker)
    said = outside.presence(pairs)
    assert said[:3] == [True] * 3
    assert all(isinstance(s, UserError) and "no such key" in str(s) for s in said[3:])
    asked = len(server.seen)
    # Later groups: what is kept is used, the endpoint is left alone.
    assert outside.presence(pairs[2:4])[0] is True
    assert isinstance(outside.rewrite(pairs[:1])[0], UserError)
    assert len(server.seen) == asked == 4


def test_questions_of_a_group_are_under_way_together(tmp_path, monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  together = threading.Barrier(4, timeout=20)

  def behave(handler, body):
    together.wait()  # Nobody is answered before four have asked.
    handler.say("(B)")

  with local.serving(behave) as server:
    asker = Asker(connect.connect("openai", "m", server.url), tmp_path, concurrency=4,
                  log=lambda line: None)
    said = bridge.outside(asker).presence([(PICTURE, f"{i}") for i in range(8)])
  assert said == [False] * 8
