"""`eval --benchmark all` and `score` on every official layout, with a tiny model."""

import json

import pytest

from tests.eval import fake
from tests.eval.outside import local
from tests.fixtures import make_benchmarks
from vision_banana import main
from vision_banana.eval import benchmarks

PUBLISHED = [b.name for b in benchmarks.BENCHMARKS.values() if b.folder]


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
  root = tmp_path_factory.mktemp("benchmarks")
  make_benchmarks.make(root)
  return root


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
  return fake.save_model(tmp_path_factory.mktemp("models") / "tiny")


def _run(*argv):
  return main.main([str(a) for a in argv])


def test_all_benchmarks_and_scored_again(layouts, tiny, tmp_path, capsys):
  out, first, again = tmp_path / "out", tmp_path / "1.json", tmp_path / "2.json"
  assert _run("eval", "--model", tiny, "--benchmark", "all", "--data", layouts, "--out",
              out, "--json", first, "--limit", 2, "--table", tmp_path / "t.md",
              "--pictures", tmp_path / "p.html", "--report", tmp_path / "r.html") == 0
  printed = capsys.readouterr().out
  results = json.loads(first.read_text())
  assert [r["benchmark"] for r in results] == PUBLISHED
  for result in results:
    task = result["tasks"][0]
    lost = sum(x["count"] for x in task["left_out"].values())
    assert task["n"] + lost == 2 and task["n"] >= 1
    assert result["split_hash"] in printed
    if task["rows"]:  # The mean of SA-Co's seven subsets needs a pair of each.
      value = task["rows"][0]["values"]["tiny"]
      assert (value is None) == (result["benchmark"] == "saco")
  table = (tmp_path / "t.md").read_text()
  assert "| tiny |" in table and "not evaluated" not in table
  assert (tmp_path / "p.html").stat().st_size > 10_000
  assert _run("score", out, "--json", again, "--model", tiny) == 0
  without_time = lambda path: [
      {**r, "tasks": [{**t, "seconds": 0} for t in r["tasks"]]}
      for r in json.loads(path.read_text())]
  assert without_time(again) == without_time(first)


def test_all_that_have_a_protocol_and_a_task(layouts, tiny, tmp_path, capsys):
  out, first, again = tmp_path / "out", tmp_path / "1.json", tmp_path / "2.json"
  all_ = ("eval", "--model", tiny, "--benchmark", "all", "--data", layouts, "--out",
          out, "--limit", 1, "--json", first)
  assert _run(*all_, "--tasks", "depth", "instance", "--protocol", "zoe") == 0
  names = lambda path: [(r["benchmark"], r["tasks"][0]["protocol"])
                        for r in json.loads(path.read_text())]
  zoe = ["nyu_depth", "ibims", "diode_depth", "kitti"]
  assert names(first) == [("saco", ""), *((name, "zoe") for name in zoe)]
  printed = capsys.readouterr().out
  assert "not evaluated: eth3d: benchmark 'eth3d' has no protocol 'zoe'" in printed
  assert "not evaluated: cityscapes: benchmark 'cityscapes' has no task" in printed
  # KITTI was shown in part, and this protocol shows all of it.
  assert _run("score", out, "--json", again, "--protocol", "moge") == 0
  assert names(again) == [("saco", ""), *((name, "moge") for name in zoe[:3])]
  assert "not evaluated: kitti: " in capsys.readouterr().out


@pytest.mark.parametrize("argv,expected", [
    (["--protocol", "zeo"], "--protocol zeo: no benchmark in"),
    (["--tasks", "depth", "dpeth"], "--tasks dpeth: no benchmark in"),
    (["--benchmark", "cityscapes", "--protocol", "zoe"], "no protocol 'zoe'"),
    (["--benchmark", "ibims", "--tasks", "normals"], "no task 'normals'")])
def test_what_no_benchmark_has_is_said_before_a_model_is_loaded(
    argv, expected, layouts, capsys):
  assert _run("eval", "--model", "nowhere", "--benchmark", "all", "--data", layouts,
              *argv) == 2
  line, = capsys.readouterr().err.splitlines()
  assert expected in line


def test_a_protocol_that_nothing_has_is_no_way_to_score(layouts, tiny, tmp_path, capsys):
  out = tmp_path / "out"
  eval_ = ("eval", "--model", tiny, "--data", layouts, "--out", out, "--limit", 1)
  assert _run(*eval_, "--benchmark", "cityscapes") == 0
  assert _run("score", out, "--protocol", "zoe") == 2
  assert "nothing in it is scored by protocol 'zoe'" in capsys.readouterr().err
  assert _run(*eval_, "--benchmark", "eth3d") == 0
  assert _run("score", out, "--protocol", "zoe") == 2
  assert "'eth3d' has no protocol 'zoe'; known:" in capsys.readouterr().err


def test_an_outside_model_is_asked_once_and_its_failure_loses_nothing(
    layouts, tiny, tmp_path, capsys, monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  broken = []  # Questions that were asked before the endpoint fails for good.

  def behave(handler, body):
    if broken:
      handler.send(401, {"error": "no such key"})
    else:
      broken.append(local.prompt_of(body))
      handler.say("(A)")

  with local.serving(behave) as server:
    argv = ["eval", "--model", tiny, "--benchmark", "saco", "--data", layouts,
            "--limit", 3, "--out", tmp_path / "out", "--json", tmp_path / "r.json",
            "--outside", "openai", "--outside-model", "m", "--base-url", server.url,
            "--concurrency", 1]
    assert _run(*argv) == 0
    printed = capsys.readouterr().out
    assert "2 of 3 left out" in printed and "no such key" in printed
    assert "2 steps, asks m" in printed
    assert len(server.seen) == 2
    server.behaviour = lambda handler, body: handler.say("(B)")
    assert _run(*argv) == 0
    assert len(server.seen) == 4  # The two that had no answer.
    task, = json.loads((tmp_path / "r.json").read_text())["tasks"]
    assert task["n"] == 3 and not task["left_out"]
    assert _run(*argv) == 0
    assert len(server.seen) == 4


@pytest.mark.parametrize("argv,expected", [
    (["eval", "--benchmark", "all"], "--data"),
    (["eval", "--benchmark", "all", "--data", "."], "no benchmark in it"),
    (["eval", "--benchmark", "cityscapes"], "--data"),
    (["eval", "--benchmark", "kitti", "--data", "nowhere"], "nowhere"),
    (["eval", "--benchmark", "rooms", "--protocol", "zoe"], "no protocol 'zoe'"),
    (["eval", "--benchmark", "rooms", "--outside", "openai"], "--outside-model"),
    (["eval", "--benchmark", "rooms", "--outside-model", "m"], "--outside google"),
    (["eval", "--benchmark", "rooms", "--base-url", "http://x"], "--base-url: nobody"),
    (["eval", "--model", "nowhere", "--steps", "0"], "steps 0"),
    (["eval", "--model", "nowhere", "--seed", "-1"], "seed -1"),
    (["eval", "--model", "nowhere", "--table", "t.txt"], "table '.txt'"),
    (["score", "nowhere", "--table", "t"], "table ''"),
    (["score", "nowhere"], "no protocol.json"),
])
def test_what_is_missing_is_named(argv, expected, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert _run(*argv) == 2
  line, = capsys.readouterr().err.splitlines()
  assert expected in line


@pytest.mark.parametrize("text", ["2/2", "1", "a/b", "0/0"])
def test_shares_are_checked(text, tiny, layouts, tmp_path, capsys):
  assert _run("eval", "--model", tiny, "--benchmark", "ibims", "--data", layouts,
              "--out", tmp_path, "--split-hosts", text) == 2
  assert "give I/N" in capsys.readouterr().err
