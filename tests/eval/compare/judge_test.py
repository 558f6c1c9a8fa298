"""A model as judge: both orders, kept answers, and what it leaves out."""

import base64
import dataclasses
import hashlib
import pathlib

import pytest

from tests.eval.compare import folders
from tests.eval.datasets import fake_painter
from tests.eval.outside import local
from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, evaluator
from vision_banana.eval.compare import judge, pairs
from vision_banana.eval.compare.votes import Votes
from vision_banana.eval.outside.asker import Asker
from vision_banana.eval.outside.endpoint import Settings
from vision_banana.eval.outside.openai_compatible import OpenAICompatible
from vision_banana.eval.outside.retry import Retry


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("first, second, choice", [
    ("(A)", "(B)", "a"), ("(B)", "(A)", "b"), ("(C)", "(C)", "tie"),
    ("(A)", "(A)", "tie"), ("(B)", "(B)", "tie"), ("(A)", "(C)", "tie"),
    ("(C)", "(A)", "tie"), ("(A)", "hm", None), (None, "(B)", None),
    ("(A) The first attempt", "The second attempt.", "a")])
def test_orders_that_disagree_are_a_tie(first, second, choice):
  assert judge.verdict(first, second) == choice


def _shown(body):
  """Digests of the pictures of a request, in order."""
  urls = [p["image_url"]["url"] for p in body["messages"][0]["content"][:-1]]
  return [hashlib.sha256(base64.b64decode(u.split(",")[1])).hexdigest() for u in urls]


def _judge(server, found, tmp_path, votes=None):
  votes = votes or Votes(tmp_path / "votes.jsonl", found.items)
  asker = Asker(OpenAICompatible("m", server.url, Settings(timeout=5)),
                tmp_path / "kept", retry=Retry(2, first=0.01), log=lambda line: None)
  return judge.judge(asker, found.items, votes), votes


@pytest.mark.parametrize("edits", [False, True])
def test_a_judge_that_prefers_one_folder(tmp_path, edits):
  found = folders.two(tmp_path, 3, edits=edits)
  b = hashlib.sha256(found.items[0].b.read_bytes()).hexdigest()
  with local.serving(lambda h, body: h.say(
      "(A)" if _shown(body)[int(edits)] == b else "(B)")) as server:
    unread, votes = _judge(server, found, tmp_path)
    assert unread == 0 and len(server.seen) == 6
    assert votes.by_rater() == {"model: m": dict.fromkeys(("p0", "p1", "p2"), "b")}
    source = hashlib.sha256((tmp_path / "input.png").read_bytes()).hexdigest() if (
        edits) else None
    for _, _, body in server.seen:
      assert len(_shown(body)) == 2 + edits
      assert not edits or _shown(body)[0] == source
      assert ("The change: \"a p" in local.prompt_of(body)) == edits
    _judge(server, found, tmp_path)
    assert len(server.seen) == 6  # voted already


def test_each_kind_of_edit_is_judged_by_what_counts_in_it(layouts, tmp_path):
  for name in "ab":
    painter = fake_painter.Nonsense()
    painter.name = name
    evaluator.evaluate([painter], benchmarks.get("imgedit"), tmp_path / name,
                       data=layouts, log=lambda line: None)
  found = pairs.read(*(next((tmp_path / n).glob("predictions/imgedit/editing/*"))
                       for n in "ab"))
  assert [i.kind for i in found.items] == ["remove", "alter"]
  assert all(i.input is not None for i in found.items)
  with local.serving(lambda h, body: h.say("(C)")) as server:
    _judge(server, found, tmp_path)
    told = {i.name: [local.prompt_of(body) for _, _, body in server.seen
                     if i.prompt in local.prompt_of(body)] for i in found.items}
  assert all("the thing is gone" in prompt for prompt in told["0"]) and told["0"]
  assert all("the named property" in prompt for prompt in told["1"]) and told["1"]


def test_all_kinds_of_imgedit_are_known_and_others_are_judged_as_edits():
  item = pairs.Item("x", "turn it", *[pathlib.Path("x.png")] * 3, "0" * 16)
  kinds = ("add", "remove", "replace", "alter", "background", "style", "extract",
           "action", "compose")
  told = {kind: judge.prompt(dataclasses.replace(item, kind=kind)) for kind in kinds}
  assert len({*told.values(), judge.prompt(item)}) == 10
  assert judge.prompt(dataclasses.replace(item, kind="other")) == judge.prompt(item)
  assert all(text.endswith("(A), (B) or (C) only.") and "turn it" in text
             for text in told.values())


def test_a_judge_that_prefers_a_place_says_nothing(tmp_path):
  found = folders.two(tmp_path, 3)
  with local.serving(lambda h, body: h.say("(A)")) as server:
    _, votes = _judge(server, found, tmp_path)
  assert set(votes.by_rater()["model: m"].values()) == {"tie"}


def test_unreadable_answers_are_no_votes_and_are_counted(tmp_path):
  found = folders.two(tmp_path, 3)
  with local.serving(lambda h, body: h.say(
      "I cannot." if "p1" in local.prompt_of(body) else "(C)")) as server:
    unread, votes = _judge(server, found, tmp_path)
  assert unread == 1 and set(votes.by_rater()["model: m"]) == {"p0", "p2"}


def test_a_judge_that_fails_goes_on_where_it_was(tmp_path):
  found = folders.two(tmp_path, 10)
  left = [7]
  def behave(handler, body):
    left[0] -= 1
    handler.say("(C)") if left[0] >= 0 else handler.send(500, {})
  with local.serving(behave) as server:
    with pytest.raises(UserError, match="of 20 answers are kept"):
      _judge(server, found, tmp_path)
    paid = len(list((tmp_path / "kept").glob("??/*.json")))
    before, server.behaviour = len(server.seen), lambda h, body: h.say("(C)")
    _, votes = _judge(server, found, tmp_path)
    assert paid == 7 and len(server.seen) == before + 13
  assert len(votes.by_rater()["model: m"]) == 10
