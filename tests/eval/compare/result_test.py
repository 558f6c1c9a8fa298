"""What the votes add up to, and `vision-banana compare` from the shell."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from scipy import stats

from tests.eval.compare import folders
from tests.eval.outside import local
from vision_banana import main
from vision_banana.eval.compare import pairs, result, session
from vision_banana.eval.compare.votes import Votes

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")


def _voted(found, path, **raters):
  """Votes 'a', 'b', 't' of each rater on the first pairs, '-' for none."""
  votes = Votes(path, found.items)
  for rater, said in raters.items():
    for item, letter in zip(found.items, said):
      if letter != "-":
        votes.add(rater.replace("_", ": "), item, {"t": "tie"}.get(letter, letter), "a")
  return votes


def test_one_rater(tmp_path):
  found = folders.two(tmp_path, 20)
  votes = _voted(found, tmp_path / "v", Ann="a" * 9 + "b" * 3 + "t" * 4)
  summary = result.summary("x", "y", found, votes)
  row, = summary["rows"]
  assert (row["rater"], row["prompts"], row["wins"], row["ties"], row["losses"]) == (
      "Ann", 16, 9, 4, 3)
  assert row["rate"] == 11 / 16 and row["low"] < 11 / 16 < row["high"]
  exact = stats.binomtest(9, 12)
  assert row["p_value"] == pytest.approx(exact.pvalue, abs=1e-12)
  text = result.text(summary)
  assert "A's win rate 68.8 %" in text and "9/12 = 75.0 %" in text
  interval = exact.proportion_ci(method="wilson")
  assert f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}] (Wilson)" in text
  assert json.loads(json.dumps(summary)) == summary


def test_several_people_and_a_model(tmp_path):
  found = folders.two(tmp_path, 4)
  votes = _voted(found, tmp_path / "v", Ann="aat-", Bo="abt-", model_m="bbbb")
  summary = result.summary("x", "y", found, votes)
  assert [r["rater"] for r in summary["rows"]] == [
      "all people", "Ann", "Bo", "model: m"]
  everyone, ann, _, model = summary["rows"]
  # Pair by pair: a win, one each, two ties; the model's votes are its own.
  assert (everyone["prompts"], everyone["wins"], everyone["ties"]) == (3, 1, 2)
  assert everyone["rate"] == pytest.approx((1 + 0.5 + 0.5) / 3)
  assert ann["rate"] == pytest.approx(2.5 / 3) and model["rate"] == 0
  assert summary["agreement"] == pytest.approx(2 / 3)
  assert "say the same of 66.7 %" in result.text(summary)


def test_nothing_and_nothing_but_ties(tmp_path):
  found = folders.two(tmp_path, 4)
  assert "no votes yet" in result.text(result.summary(
      "x", "y", found, _voted(found, tmp_path / "v")))
  summary = result.summary("x", "y", found, _voted(found, tmp_path / "v", Ann="tt"))
  assert summary["rows"][0]["decided"] is None
  assert "nothing but ties" in result.text(summary)
  json.dumps(summary, allow_nan=False)


def test_what_was_left_out_is_printed(tmp_path):
  found = folders.two(tmp_path, 3)
  path = tmp_path / "votes.jsonl"
  _voted(found, path, Ann="abt")
  path.write_text(path.read_text() + "torn")
  folders.picture(tmp_path / "first/p0.png", (1, 1, 1))
  (tmp_path / "second/p1.png").unlink()
  found = pairs.read(tmp_path / "first", tmp_path / "second")
  text = result.text(result.summary("x", "y", found, Votes(path, found.items)))
  assert "2 votes on pictures or prompts that are others now" in text
  assert "1 lines that are no votes" in text
  assert "left out: 1 only in" in text and "1 pairs; ties" not in text


def test_no_serve_only_prints(tmp_path, capsys):
  found = folders.two(tmp_path, 4)
  _voted(found, tmp_path / "out" / "votes.jsonl", Ann="aab")
  assert main.main(["compare", str(tmp_path / "first"), str(tmp_path / "second"),
                    "--no-serve", "--out", str(tmp_path / "out"), "--json",
                    str(tmp_path / "r.json")]) == 0
  printed = capsys.readouterr().out
  assert "A's win rate 66.7 %" in printed and "http://" not in printed
  assert json.loads((tmp_path / "r.json").read_text())["rows"][0]["wins"] == 2


def test_a_judge_from_the_shell(tmp_path, capsys, monkeypatch):
  folders.two(tmp_path, 2)
  monkeypatch.chdir(tmp_path)
  with local.serving(lambda h, b: h.say("(C)" if "p0" in local.prompt_of(b) else "?")
                     ) as server:
    assert main.main(["compare", "first", "second", "--judge", "openai", "--base-url",
                      server.url, "--judge-model", "m", "--price", "1", "2"]) == 0
  printed = capsys.readouterr().out
  assert "model: m: 1 pairs; A 0, tie 1, B 0" in printed
  assert "left out: 1 pairs without a readable answer of m" in printed
  out, = (tmp_path / "runs/compare").glob("first-vs-second-*")
  assert len((out / "answers" / "costs.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("arguments, words", [
    (["--judge", "openai"], "--judge-model"),
    (["--judge", "openai", "--judge-model", "m"], "give the server's address"),
    (["--judge", "google", "--judge-model", "m"], ""),
    (["--judge-model", "m", "--no-serve"], "add --judge google"),
    (["--judge", "bing"], "invalid choice"), (["--port", "70000"], "--port 70000"),
    (["--prompts", "no.json"], "no.json"), (["--inputs", "no"], "no: No such file")])
def test_mistakes_are_one_line(tmp_path, capsys, monkeypatch, arguments, words):
  folders.two(tmp_path, 2)
  for name in ("OPENAI_BASE_URL", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.chdir(tmp_path)
  assert main.main(["compare", "first", "second", *arguments]) == 2
  error = capsys.readouterr().err
  assert words in error and error.count("\n") == 1
  assert not (tmp_path / "runs").exists()


def test_the_page_from_the_shell(tmp_path, capsys, monkeypatch):
  folders.two(tmp_path, 2)
  asked = []
  def serve(self, seed, port):
    asked.append((seed, port))
    self.votes.add("Ann", self.pairs.items[0], "tie", "a")
  monkeypatch.setattr(session.Session, "serve", serve)
  monkeypatch.chdir(tmp_path)
  assert main.main(["compare", "first", "second", "--seed", "3", "--port", "99"]) == 0
  assert asked == [(3, 99)]
  assert "Ann: 1 pairs; A 0, tie 1, B 0" in capsys.readouterr().out


def test_it_is_served_until_it_is_interrupted(tmp_path):
  folders.two(tmp_path, 2)
  # A shell that puts tests in the background has them ignore Ctrl-C; not this one.
  script = ("import signal\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from vision_banana.eval.compare import session\n"
            "s = session.Session('first', 'second', out='out')\n"
            "s.serve(0, 0)\nprint(s.summary()['rows'][0]['ties'])\n")
  with subprocess.Popen(
      [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
      env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
    try:
      url = next(re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line)[0]
                 for line in process.stdout if "http://" in line)
      urllib.request.urlopen(
          f"{url}vote", b"rater=Ann&item=p0&choice=tie", timeout=10).close()
      process.send_signal(signal.SIGINT)
      printed = process.stdout.read()
      assert process.wait() == 0
    finally:
      process.kill()
  assert printed.split()[-1] == "1"
  assert len((tmp_path / "out" / "votes.jsonl").read_text().splitlines()) == 1


def test_a_folder_of_its_own_for_every_two():
  names = {session.default_out(*two) for two in (
      ("x/a", "y/b"), ("x/a", "z/b"), ("y/b", "x/a"), ("/x/a/", "y/b"))}
  assert len(names) == 4
  assert session.default_out("x/a", "y/b") == session.default_out("./x/a/", "y/./b")
