"""Many questions to a server that fails: nothing is lost, nothing is paid twice."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from tests.eval.outside import local
from vision_banana.errors import UserError
from vision_banana.eval.outside import answers
from vision_banana.eval.outside.asker import Asker, Question
from vision_banana.eval.outside.endpoint import Busy, Settings
from vision_banana.eval.outside.openai_compatible import OpenAICompatible
from vision_banana.eval.outside.retry import Retry

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def lines():
  return []


@pytest.fixture
def ask(tmp_path, lines):
  """Asks a server n numbered questions; the folder is kept between calls."""
  def call(server, n=1, *, concurrency=4, attempts=3, timeout=5, price=None,
           questions=None, **retry):
    asker = Asker(OpenAICompatible("m", server.url, Settings(timeout=timeout)),
                  tmp_path / "kept", concurrency=concurrency, price=price,
                  retry=Retry(attempts, **{"first": 0.01, **retry}), log=lines.append)
    return asker.ask(questions or [Question(f"q{i}") for i in range(n)])
  return call


def _echo(handler, body):
  handler.say(f"re: {local.prompt_of(body)}")


def _kept(tmp_path):
  return len(list((tmp_path / "kept").glob("??/*.json")))


def test_answers_are_in_order_and_kept(ask, tmp_path, lines):
  with local.serving(_echo) as server:
    expected = [f"re: q{i}" for i in range(20)]
    assert ask(server, 20) == expected and len(server.seen) == 20
    assert ask(server, 20) == expected and len(server.seen) == 20
    assert ask(server, 21) == [*expected, "re: q20"] and len(server.seen) == 21
  assert _kept(tmp_path) == 21
  assert not [p for p in tmp_path.rglob("*") if p.name.endswith(".tmp")]
  assert "20 answers, 0 kept" in lines[0] and "1 answers, 20 kept" in lines[1]


def test_equal_questions_are_paid_once(ask):
  with local.serving(local.slowly(0.05, _echo)) as server:
    assert ask(server, questions=[Question("q")] * 9) == ["re: q"] * 9
    assert len(server.seen) == 1


def test_no_more_at_a_time_than_allowed(ask):
  together, lock, running, most = threading.Barrier(3), threading.Lock(), set(), []
  def behave(handler, body):
    prompt = local.prompt_of(body)
    with lock:
      running.add(prompt)
      most.append(len(running))
    if prompt in ("q0", "q1", "q2"):
      together.wait(10)
    time.sleep(0.03)
    with lock:  # Before the answer, which the next question may follow at once.
      running.remove(prompt)
    _echo(handler, body)
  with local.serving(behave) as server:
    ask(server, 12, concurrency=3)
  assert max(most) == 3


@pytest.mark.parametrize("bad", [
    lambda h, b: h.send(500, {"error": "x"}), lambda h, b: h.send(503, b"busy"),
    lambda h, b: h.send(429, {}, Retry_After="0.05"), lambda h, b: h.send(200, b"{no"),
    lambda h, b: h.cut(), lambda h, b: h.reset()])
def test_what_passes_is_tried_again(ask, bad):
  with local.serving(local.first(2, bad)) as server:
    assert ask(server, 1, attempts=3) == ["(A) Yes"]
    assert len(server.seen) == 3


def test_a_late_answer_is_asked_for_again(ask):
  with local.serving(local.first(1, local.slowly(4, _echo))) as server:
    assert ask(server, 1, timeout=1) == ["(A) Yes"]
    assert len(server.seen) == 2


def test_retry_after_is_waited_out_by_all(ask):
  times = []
  def behave(handler, body):
    times.append(time.monotonic())
    if len(times) == 1:
      handler.send(429, {}, Retry_After="0.5")
    else:
      handler.say("x")
  with local.serving(behave) as server:
    ask(server, 2, concurrency=1, questions=[Question("a"), Question("b")])
  assert times[1] - times[0] >= 0.5


def test_too_long_a_retry_after_ends_the_run(ask):
  with local.serving(lambda h, b: h.send(429, {}, Retry_After="3600")) as server:
    with pytest.raises(UserError, match="asks to wait 3600 s"):
      ask(server)
    assert len(server.seen) == 1


def test_waits_double_and_jitter(monkeypatch):
  waits = []
  retry = Retry(attempts=8, first=1, longest=10, seed=0)
  monkeypatch.setattr(retry, "_wait", waits.append)
  with pytest.raises(Busy):
    retry.call(lambda: (_ for _ in ()).throw(Busy("x")))
  assert len(waits) == 7
  for wait, full in zip(waits, (1, 2, 4, 8, 10, 10, 10)):
    assert full / 2 <= wait <= full
  assert len({w / f for w, f in zip(waits, (1, 2, 4, 8, 10, 10, 10))}) == 7


def test_a_failing_endpoint_stops_with_one_line_and_loses_nothing(ask, tmp_path):
  left = [7]
  def behave(handler, body):
    left[0] -= 1
    if left[0] >= 0:
      _echo(handler, body)
    else:
      handler.send(500, {"error": "out of memory"})
  with local.serving(behave) as server:
    with pytest.raises(UserError) as caught:
      ask(server, 30, concurrency=1)
    assert len(server.seen) == 7 + 3  # three tries, then nobody else is asked
    message = str(caught.value)
    assert server.url in message and "HTTP 500 (out of memory), 3 times" in message
    assert f"7 of 30 answers are kept in {tmp_path / 'kept'}" in message
    assert "the same command goes on" in message and "\n" not in message
    server.behaviour = _echo
    assert ask(server, 30) == [f"re: q{i}" for i in range(30)]
    assert len(server.seen) == 10 + 23


def test_a_server_that_dies_in_the_middle(ask, tmp_path):
  with local.serving(local.slowly(0.02, _echo)) as server:
    failed = []
    def run():
      try:
        ask(server, 200, concurrency=2)
      except UserError as e:
        failed.append(str(e))
    thread = threading.Thread(target=run)
    thread.start()
    while len(server.seen) < 10:
      time.sleep(0.01)
    server.shutdown()
    server.server_close()
    thread.join()
  kept = _kept(tmp_path)
  assert 8 <= kept < 200 and f"{kept} of 200 answers are kept" in failed[0]
  with local.serving(_echo) as server:
    assert len(ask(server, 200)) == 200
    assert len(server.seen) == 200 - kept  # another address, the same model


def test_what_was_under_way_at_a_failure_is_kept(ask, tmp_path):
  together = threading.Barrier(4)
  def behave(handler, body):
    if local.prompt_of(body) == "q0":
      together.wait(10)
      handler.send(401, {"error": "bad key"})
    else:
      if local.prompt_of(body) in ("q1", "q2", "q3"):
        together.wait(10)
      time.sleep(0.2)
      _echo(handler, body)
  with local.serving(behave) as server:
    with pytest.raises(UserError, match="HTTP 401 .bad key.") as caught:
      ask(server, 20, concurrency=4)
  assert f"; {_kept(tmp_path)} of 20 answers" in str(caught.value)
  assert _kept(tmp_path) >= 3


def test_a_killed_process_loses_nothing(tmp_path):
  script = (
      "import sys\n"
      "from vision_banana.eval.outside.asker import Asker, Question\n"
      "from vision_banana.eval.outside.openai_compatible import OpenAICompatible\n"
      "a = Asker(OpenAICompatible('m', sys.argv[1]), sys.argv[2], concurrency=2)\n"
      "print(a.ask([Question(f'q{i}') for i in range(100)])[99])\n")
  run = lambda server: subprocess.Popen(
      [sys.executable, "-c", script, server.url, str(tmp_path / "kept")], cwd=ROOT,
      stdout=subprocess.PIPE, text=True)
  with local.serving(local.slowly(0.05, _echo)) as server:
    with run(server) as process:
      while len(server.seen) < 10:
        time.sleep(0.01)
        assert process.poll() is None
      os.kill(process.pid, signal.SIGKILL)
    kept, before = _kept(tmp_path), len(server.seen)
    assert 6 <= kept <= before < 100
    with run(server) as process:
      assert process.stdout.read().endswith("re: q99\n")
    assert len(server.seen) == before + 100 - kept
    # Only what was under way when it was killed is asked again.
    assert before - kept <= 2


def test_declined_questions_are_named_and_asked_again(ask, lines):
  def behave(handler, body):
    if local.prompt_of(body) == "q1":
      handler.send(400, {"error": "content policy"})
    else:
      _echo(handler, body)
  with local.serving(behave) as server:
    assert ask(server, 3) == ["re: q0", None, "re: q2"]
    assert "1 declined, the first: HTTP 400 (content policy)" in lines[-1]
    server.behaviour = _echo
    assert ask(server, 3)[1] == "re: q1" and len(server.seen) == 4


def test_an_endpoint_that_declines_everything_is_set_up_wrongly(ask):
  with local.serving(lambda h, b: h.send(400, {"error": "no images"})) as server:
    with pytest.raises(UserError, match="no images"):
      ask(server, 100, concurrency=1)
    assert len(server.seen) == 10


def test_damaged_answers_are_asked_again(ask, tmp_path):
  with local.serving(_echo) as server:
    ask(server, 3)
    first, second, _ = sorted((tmp_path / "kept").glob("??/*.json"))
    first.write_text(first.read_text()[:20])
    second.write_text("{}")
    assert ask(server, 3) == ["re: q0", "re: q1", "re: q2"]
    assert len(server.seen) == 5


def test_every_payment_is_a_line(ask, tmp_path, lines):
  with local.serving(lambda h, b: h.say("x", 1000, 10)) as server:
    ask(server, 5, price=answers.Price(2.0, 30.0))
    ask(server, 6, price=answers.Price(2.0, 30.0))
  costs = [json.loads(line) for line in
           (tmp_path / "kept" / "costs.jsonl").read_text().splitlines()]
  assert len(costs) == len({c["key"] for c in costs}) == 6
  assert {(c["model"], c["tokens_in"], c["tokens_out"], c["usd"]) for c in costs} == {
      ("m", 1000, 10, 0.0023)}
  assert "5,000 tokens in, 50 out, $0.0115" in lines[0]


def test_the_key_holds_all_that_changes_the_answer(ask, tmp_path):
  rng = np.random.default_rng(0)
  a, b = (rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(2))
  Image.fromarray(a).save(tmp_path / "a.png")
  Image.fromarray(a).save(tmp_path / "copy.png")
  asked = [Question("q", (a,)), Question("q", (b,)), Question("p", (a,)),
           Question("q", (a, b)), Question("q", (b, a)), Question("q"),
           Question("q", (a.reshape(4, 16, 3),)), Question("q", (tmp_path / "a.png",))]
  with local.serving(_echo) as server:
    ask(server, questions=asked)
    assert len(server.seen) == len(asked)
    ask(server, questions=[*asked, Question("q", (tmp_path / "copy.png",))])
    assert len(server.seen) == len(asked)  # the same bytes under another name
  one = ("m", Settings(), 1536, "q", ())
  others = [("n", *one[1:]), ("m", Settings(0.5), *one[2:]),
            ("m", Settings(max_tokens=3), *one[2:]), (*one[:2], 512, *one[3:])]
  assert len({answers.key(*k) for k in [one, *others]}) == 5
  assert answers.key("m", Settings(timeout=1), *one[2:]) == answers.key(*one)


def test_a_picture_that_cannot_be_read_ends_the_run(ask, tmp_path):
  Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "a.png")
  data = (tmp_path / "a.png").read_bytes()
  (tmp_path / "cut.png").write_bytes(data[:len(data) // 2])
  with local.serving(_echo) as server:
    for name, word in (("cut.png", "not a readable image"), ("no.png", "No such file")):
      with pytest.raises(UserError, match=f"{name}: {word}"):
        ask(server, questions=[Question("q", (tmp_path / name,))])
    assert not server.seen


def test_a_folder_that_cannot_be_written(ask, tmp_path):
  (tmp_path / "kept").write_text("a file")
  with local.serving(_echo) as server:
    with pytest.raises(UserError, match="kept"):
      ask(server)


def test_no_concurrency_is_refused(tmp_path):
  with pytest.raises(UserError, match="concurrency 0"):
    Asker(OpenAICompatible("m", "http://127.0.0.1:1"), tmp_path, concurrency=0)
