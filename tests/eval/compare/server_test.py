"""The server over plain HTTP: votes, sides, and everything it must not do."""

import http.client
import json
import re
import threading
import urllib.parse

import pytest

from tests.eval.compare import folders, serving
from vision_banana.errors import UserError
from vision_banana.eval.compare import server as server_lib


@pytest.fixture
def start(tmp_path):
  """Serves pairs; ends with the test."""
  with serving.serving(tmp_path) as call:
    yield call


def _send(server, method, path, body=None, host=None):
  """(status, headers, body) of one request; `path` is what follows the token."""
  connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
  path = path if path.startswith("/") else f"/{server.token}/{path}"
  headers = {"Host": host} if host else {}
  if body is not None:
    body = urllib.parse.urlencode(body) if isinstance(body, dict) else body
    headers["Content-Type"] = "application/x-www-form-urlencoded"
  connection.request(method, path, body, headers)
  response = connection.getresponse()
  data = response.read()
  connection.close()
  return response.status, response.headers, data


def _vote(server, item, choice, rater="Ann"):
  return _send(server, "POST", "vote", {"rater": rater, "item": item, "choice": choice})


def test_only_this_machine(start):
  server = start()
  assert server.server_address[0] == "127.0.0.1"
  assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"
  assert len(server.token) >= 20 and start().token != server.token


def test_a_whole_session(start, tmp_path):
  server = start()
  status, _, page = _send(server, "GET", "")
  assert status == 200 and b"6 pairs" in page and b"<label for='rater'>" in page
  for n in range(6):
    status, _, page = _send(server, "GET", "rate?rater=Ann")
    assert status == 200 and f"Pair {n + 1} of 6".encode() in page
    item = re.search(rb"name='item' value='(\w+)'", page)[1].decode()
    status, headers, _ = _vote(server, item, ("left", "right", "tie")[n % 3])
    assert status == 303 and headers["Location"] == "rate?rater=Ann"
  assert b"All done" in _send(server, "GET", "rate?rater=Ann")[2]
  assert b"Pair 1 of 6" in _send(server, "GET", "rate?rater=Bo")[2]
  # Back to the first, which says what was chosen; the vote is changed.
  page = _send(server, "GET", "rate?rater=Ann&n=0")[2]
  assert b"value='left' data-key='left' aria-pressed='true'" in page
  item = re.search(rb"name='item' value='(\w+)'", page)[1].decode()
  assert _vote(server, item, "tie")[0] == 303
  assert server.votes.by_rater()["Ann"][item] == "tie"
  assert len((tmp_path / "votes.jsonl").read_text().splitlines()) == 7


def test_pictures_are_on_their_sides_and_nothing_tells_whose_they_are(start, tmp_path):
  server = start(edits=True)
  ballot = server.ballot("Ann")
  seen = set()
  for n, item in enumerate(ballot.items):
    for side in ("left", "right", "input"):
      status, headers, data = _send(server, "GET", f"picture/{side}?rater=Ann&n={n}")
      path = item.input if side == "input" else (
          item.a if ballot.picture_of(item, side) == "a" else item.b)
      assert status == 200 and data == path.read_bytes()
      assert headers["Content-Type"] == "image/png"
    seen.add(ballot.left(item))
    page = _send(server, "GET", f"rate?rater=Ann&n={n}")[2].decode()
    assert "first/" not in page and "second/" not in page and str(tmp_path) not in page
  assert seen == {"a", "b"}


def test_it_goes_on_after_a_restart(start):
  server = start()
  _vote(server, "p3", "left")
  again = start()
  assert again.votes.choice("Ann", next(i for i in again.items if i.name == "p3"))
  assert b"1 voted" in _send(again, "GET", "rate?rater=Ann")[2]


def test_what_a_picture_is_called_and_asked_for_is_only_text(start):
  server = start(count=2, prompt=folders.HOSTILE)
  page = _send(server, "GET", "rate?rater=Ann")[2].decode()
  assert "<script>window" not in page and "<img src=x" not in page
  assert "&lt;script&gt;window.hit=1" in page


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "<b>", "a/b", "model: m", "-x"])
def test_names_that_are_none(start, name):
  server = start()
  query = urllib.parse.urlencode({"rater": name})
  status, _, page = _send(server, "GET", f"rate?{query}")
  assert status == 400 and b"role='alert'" in page and b"<b>" not in page
  assert _vote(server, "p0", "left", name)[0] == 400
  assert server.votes.by_rater() == {}


def test_names_of_all_kinds(start):
  server = start()
  for name in ("Ann", "Zoë O'Neil", "李雷", "rater-2", "a.b_c"):
    query = urllib.parse.urlencode({"rater": name})
    assert _send(server, "GET", f"rate?{query}")[0] == 200
    assert _vote(server, "p0", "left", name)[0] == 303
  assert len(server.votes.by_rater()) == 5


@pytest.mark.parametrize("path", [
    "/", "/rate?rater=Ann", "/wrong-token/", "/favicon.ico", "//", "/%2e%2e/etc/passwd",
    "TOKENx/", "TOKEN", "TOKEN//", "//[", "/http://x/",
    "picture/../../first/p0.png", "../../../../etc/passwd", "picture/left",
    "picture/left?rater=Ann&n=-1", "picture/left?rater=Ann&n=6", "picture/a?rater=Ann",
    "picture/left?rater=Ann&n=../p0", "picture/first/p0.png", "picture/input?rater=Ann"
    "&n=0", "picture/left/x?rater=Ann&n=0", "votes.jsonl", "rate?rater=Ann&n=x",
    "rate?rater=Ann&n=6", "rate?rater=Ann&n=%D9%A1", "rate/x/y/z", "vote",
    "picture/%2e%2e?rater=Ann&n=0", "picture/left%00?rater=Ann&n=0"])
def test_nothing_else_is_there(start, path):
  server = start()
  if path.startswith("TOKEN"):
    path = path.replace("TOKEN", f"/{server.token}")
  status, _, page = _send(server, "GET", path)
  assert status in (400, 404) and b"root:" not in page and b"\x89PNG" not in page


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("localhost:9999", 200), ("evil.example", 421),
    ("127.0.0.1.evil.example:80", 421), ("evil.example:127", 421), ("[::1", 421),
    ("", 421)])
def test_no_other_sites_name(start, host, status):
  server = start()
  connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
  connection.putrequest("GET", f"/{server.token}/", skip_host=True)
  connection.putheader("Host", host)
  connection.endheaders()
  assert connection.getresponse().status == status
  connection.close()


@pytest.mark.parametrize("fields, status", [
    ({"rater": "Ann", "item": "p9", "choice": "left"}, 400),
    ({"rater": "Ann", "item": "../p0", "choice": "left"}, 400),
    ({"rater": "Ann", "item": "p0", "choice": "a"}, 400),
    ({"rater": "Ann", "item": "p0"}, 400), ({}, 400), (b"\xff\xfe=%ff", 400),
    ({f"x{n}": "1" for n in range(20)}, 400), (b"x" * 5000, 413)])
def test_votes_that_are_none(start, fields, status):
  server = start()
  assert _send(server, "POST", "vote", fields)[0] == status
  assert _send(server, "POST", "/wrong/vote", {
      "rater": "Ann", "item": "p0", "choice": "left"})[0] == 404
  assert server.votes.by_rater() == {}


def test_other_methods_and_no_length(start):
  server = start()
  for method in ("PUT", "DELETE", "HEAD"):
    assert _send(server, method, "")[0] == 501
  connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
  connection.putrequest("POST", f"/{server.token}/vote")
  connection.endheaders()
  assert connection.getresponse().status == 413
  connection.close()


def test_headers_keep_the_page_to_itself(start):
  server = start()
  _, headers, page = _send(server, "GET", "rate?rater=Ann")
  policy = headers["Content-Security-Policy"]
  nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)[1]
  assert page.count(f"nonce='{nonce}'".encode()) == 2  # the style and the script
  assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
  assert headers["Referrer-Policy"] == "no-referrer"
  assert headers["X-Content-Type-Options"] == "nosniff"
  assert headers["Cache-Control"] == "no-store"
  assert nonce not in _send(server, "GET", "rate?rater=Ann")[2].decode()


def test_a_vote_that_cannot_be_stored_is_said_on_the_page(start, tmp_path, monkeypatch):
  server = start()
  monkeypatch.setattr("os.write", lambda handle, data: 0)
  status, _, page = _vote(server, "p2", "left")
  assert status == 500 and b"could not be stored" in page and b"value='p2'" in page
  monkeypatch.undo()
  assert _vote(server, "p2", "left")[0] == 303


def test_a_picture_that_is_gone(start):
  server = start()
  server.ballot("Ann").items[0].a.unlink()
  statuses = {_send(server, "GET", f"picture/{side}?rater=Ann&n=0")[0]
              for side in ("left", "right")}
  assert statuses == {200, 500}


def test_many_raters_at_once_lose_no_vote(start, tmp_path):
  server = start(count=10)
  failed = []
  def work(rater):
    for item in server.items:
      if _vote(server, item.name, "left", rater)[0] != 303:
        failed.append((rater, item.name))
  threads = [threading.Thread(target=work, args=(f"rater {n}",)) for n in range(8)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  lines = (tmp_path / "votes.jsonl").read_text().splitlines()
  assert not failed and len({(json.loads(v)["rater"], json.loads(v)["item"])
                             for v in lines}) == len(lines) == 80


def test_a_port_that_is_taken(start):
  server = start()
  for port in (server.server_port, 70000):
    with pytest.raises(UserError, match=f"--port {port}"):
      server_lib.Server(server.items, server.votes, 0, port)
