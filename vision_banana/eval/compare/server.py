"""The page's server: this machine only, a secret in its address.

Nothing of a request becomes a path: pictures are named by their place in the rater's
order. The Host header must name this machine, so that no other site's script reaches
the server under a name of its own (DNS rebinding).
"""

import hmac
import http.server
import re
import secrets
import urllib.parse
from collections.abc import Mapping, Sequence

from vision_banana.errors import UserError
from vision_banana.eval.compare import page
from vision_banana.eval.compare.ballot import Ballot, SIDES
from vision_banana.eval.compare.pairs import MIMES, Item
from vision_banana.eval.compare.votes import Votes

_LARGEST_POST = 4096  # bytes: a name, a stem and a choice
_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_NAME = re.compile(r"[\w][\w .'\-]{0,39}")


class Server(http.server.ThreadingHTTPServer):
  """Serves the comparison at `url` while `serve_forever` runs."""
  daemon_threads = True

  def __init__(self, items: Sequence[Item], votes: Votes, seed: int, port: int = 0):
    """Takes the port; answers once it is served.

    Args:
      items: all pairs.
      votes: where votes go.
      seed: of orders and sides.
      port: of 127.0.0.1; 0 = any free one.

    Raises:
      UserError: the port is taken or none.
    """
    try:
      super().__init__(("127.0.0.1", port), _Handler)
    except (OSError, OverflowError) as e:
      raise UserError(f"--port {port}: {getattr(e, 'strerror', None) or e}; choose "
                      "another, or leave it out for a free one.") from e
    self.items, self.votes, self.seed = items, votes, seed
    self.token = secrets.token_urlsafe(16)

  @property
  def url(self) -> str:
    """The address to open, with its secret."""
    return f"http://127.0.0.1:{self.server_port}/{self.token}/"

  def ballot(self, rater: str) -> Ballot:
    """A rater's order and sides."""
    return Ballot(rater, self.items, self.votes, self.seed)

  def handle_error(self, request, client_address) -> None:
    """A browser that closes a connection early is no error."""


class _Wrong(Exception):
  """A request that is answered with a status and a word."""

  def __init__(self, status: int, title: str, text: str):
    super().__init__(title)
    self.status, self.title, self.text = status, title, text


_NOWHERE = _Wrong(404, "Not here", "Open the whole address that the terminal shows.")


class _Handler(http.server.BaseHTTPRequestHandler):
  server: Server
  server_version, sys_version = "vision-banana", ""
  timeout = 60  # seconds, for a browser that says nothing

  def do_GET(self) -> None:  # pylint: disable=invalid-name
    self._answer(self._get)

  def do_POST(self) -> None:  # pylint: disable=invalid-name
    self._answer(self._post)

  def _answer(self, handle) -> None:
    self._nonce = secrets.token_urlsafe(16)
    try:
      handle(*self._address())
    except _Wrong as e:
      self._html(e.status, page.wrong(e.title, e.text, self._nonce))

  def _address(self) -> tuple[list[str], dict[str, str]]:
    """What follows the token, and the query."""
    if not _THIS_MACHINE.fullmatch(self.headers.get("Host", "")):
      raise _Wrong(421, "Another machine", "Only this machine is served.")
    path, _, query = self.path.partition("?")
    parts = path.split("/")
    if len(parts) < 3 or parts[0] or not hmac.compare_digest(
        parts[1].encode(), self.server.token.encode()):
      raise _NOWHERE
    return parts[2:], _fields(query)

  def _get(self, path: list[str], query: Mapping[str, str]) -> None:
    if path == [""]:
      self._html(200, page.welcome(len(self.server.items), self._nonce))
    elif path == ["rate"]:
      self._rate(query)
    elif len(path) == 2 and path[0] == "picture" and path[1] in (*SIDES, "input"):
      self._picture(path[1], query)
    else:
      raise _NOWHERE

  def _rate(self, query: Mapping[str, str]) -> None:
    name = " ".join(query.get("rater", "").split())
    if not _NAME.fullmatch(name):
      self._html(400, page.welcome(
          len(self.server.items), self._nonce, "Give a name of at most 40 letters, "
          "digits, blanks, dots, dashes or apostrophes.", name[:40]))
      return
    ballot = self.server.ballot(name)
    place = self._place(query) if "n" in query else ballot.next()
    self._html(200, page.finished(ballot, self._nonce) if place is None
               else page.rate(ballot, place, self._nonce))

  def _place(self, query: Mapping[str, str]) -> int:
    text = query.get("n", "")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) >= len(
        self.server.items):
      raise _NOWHERE
    return int(text)

  def _rater(self, fields: Mapping[str, str]) -> Ballot:
    if not _NAME.fullmatch(fields.get("rater", "")):
      raise _Wrong(400, "No name", "Start from the first page.")
    return self.server.ballot(fields["rater"])

  def _picture(self, side: str, query: Mapping[str, str]) -> None:
    ballot = self._rater(query)
    item = ballot.items[self._place(query)]
    path = item.input if side == "input" else getattr(
        item, ballot.picture_of(item, side))
    if path is None:
      raise _NOWHERE
    try:
      data = path.read_bytes()
    except OSError as e:
      raise _Wrong(500, "No picture", f"It cannot be read ({e.strerror}).") from e
    self._send(200, data, MIMES[path.suffix.lower()])

  def _post(self, path: list[str], query: Mapping[str, str]) -> None:
    del query
    if path != ["vote"]:
      raise _NOWHERE
    size = self.headers.get("Content-Length", "")
    if not re.fullmatch(r"\d{1,9}", size, re.ASCII) or int(size) > _LARGEST_POST:
      self.close_connection = True
      raise _Wrong(413, "Too much", "A vote is a few words.")
    fields = _fields(self.rfile.read(int(size)).decode("utf-8", "replace"))
    ballot = self._rater(fields)
    name = fields.get("item")
    places = [n for n, item in enumerate(ballot.items) if item.name == name]
    said = fields.get("choice")
    if not places or said not in (*SIDES, "tie"):
      raise _Wrong(400, "No vote", "Go back and choose again.")
    try:
      ballot.vote(ballot.items[places[0]], said)
    except UserError as e:
      self._html(500, page.rate(ballot, places[0], self._nonce, str(e)))
      return
    self.send_response(303)
    self.send_header("Location", "rate?" + urllib.parse.urlencode(
        {"rater": ballot.rater}))
    self._headers()
    self.send_header("Content-Length", "0")
    self.end_headers()

  def _html(self, status: int, text: str) -> None:
    self._send(status, text.encode(), "text/html; charset=utf-8")

  def _send(self, status: int, data: bytes, mime: str) -> None:
    self.send_response(status)
    self.send_header("Content-Type", mime)
    self.send_header("Content-Length", str(len(data)))
    self._headers()
    self.end_headers()
    self.wfile.write(data)

  def _headers(self) -> None:
    """Nothing from elsewhere runs or is loaded; nobody learns the address."""
    own = f"'nonce-{self._nonce}'"
    for name, value in {
        "Content-Security-Policy": (
            f"default-src 'none'; img-src 'self' data:; style-src {own}; "
            f"script-src {own}; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"),
        "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin"}.items():
      self.send_header(name, value)

  def log_message(self, *args) -> None:
    """The terminal shows results, not requests."""


def _fields(text: str) -> dict[str, str]:
  try:
    return dict(urllib.parse.parse_qsl(text, max_num_fields=8))
  except ValueError as e:
    raise _Wrong(400, "Too much", "A vote is a few words.") from e
