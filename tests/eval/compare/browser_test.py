"""The page in a real browser: `make browser` runs this.

Needs `apt-get install chromium`; see `tests/chromium.py`.
"""

import pytest

from tests import chromium
from tests.eval.compare import folders, serving

pytestmark = pytest.mark.browser
_COLOR = ("(i => {const c = document.createElement('canvas'); c.width = c.height = 1;"
          "const x = c.getContext('2d'); x.drawImage(i, 0, 0, 1, 1);"
          "return [...x.getImageData(0, 0, 1, 1).data].slice(0, 3)})"
          "(document.querySelectorAll('.two figure:not(.input) img')[%d])")


@pytest.fixture(scope="module")
def browser():
  with chromium.Chromium() as found:
    yield found


@pytest.fixture
def start(tmp_path, browser):
  """Serves pairs for one test, in which the browser logs no error."""
  browser.size(1280, 800)
  browser.problems.clear()
  with serving.serving(tmp_path) as call:
    yield call
    assert not browser.problems
    browser.send("Emulation.setScriptExecutionDisabled", value=False)
    browser.open("about:blank")


def _on_pair(browser, place, voted):
  browser.wait(f"document.title.startsWith('Pair {place} of') && document.body."
               f"innerText.includes('{voted} voted')")


def _start(browser, server, rater="Ann"):
  browser.open(server.url)
  browser.wait("document.activeElement.id === 'rater'")
  browser.type(rater)
  browser.press("Enter")


def test_a_session_with_the_keyboard_alone(start, browser):
  server = start(count=4, edits=True)
  ballot = server.ballot("Ann")
  said = lambda n: ballot.voted(ballot.items[n])
  _start(browser, server)
  _on_pair(browser, 1, 0)
  for n, (key, side) in enumerate((("ArrowLeft", "left"), ("ArrowRight", "right"),
                                   ("ArrowDown", "tie"))):
    # The folder that the vote is for is the one whose picture was on that side.
    if side != "tie":
      color = tuple(browser.run(_COLOR % ("left", "right").index(side)))
      folder = {folders.A: "a", folders.B: "b"}[color]
    browser.press(key)
    _on_pair(browser, n + 2, n + 1)
    assert said(n) == side
    if side != "tie":
      assert server.votes.choice("Ann", ballot.items[n]) == folder
  # Back, see the vote, change it; then on where the first vote is missing.
  browser.press("Backspace")
  _on_pair(browser, 3, 3)
  assert browser.run("document.querySelector('[aria-pressed=true]').value") == "tie"
  browser.press("ArrowRight")
  _on_pair(browser, 4, 3)
  assert said(2) == "right"
  browser.press("t")
  browser.wait("document.title === 'All done'")
  assert "Thank you, Ann" in browser.run("document.body.innerText")
  browser.press("Backspace")
  _on_pair(browser, 4, 4)


def test_buttons_by_tab_and_by_mouse(start, browser):
  server = start(count=3)
  ballot = server.ballot("Ann")
  _start(browser, server)
  _on_pair(browser, 1, 0)
  for _ in range(10):
    browser.press("Tab")
    if browser.run("document.activeElement.value") == "left":
      break
  outline = browser.run("getComputedStyle(document.activeElement).outlineWidth")
  assert outline == "3px"
  browser.press("Enter")
  _on_pair(browser, 2, 1)
  browser.click("button[value=right]")
  _on_pair(browser, 3, 2)
  assert [ballot.voted(i) for i in ballot.items] == ["left", "right", None]
  browser.click("[data-key=back]")
  _on_pair(browser, 2, 2)


def test_a_key_that_is_held_down_votes_once(start, browser):
  server = start(count=5)
  _start(browser, server)
  _on_pair(browser, 1, 0)
  browser.press("ArrowLeft")
  _on_pair(browser, 2, 1)
  for _ in range(5):
    browser.press("ArrowLeft", repeat=True)
  assert browser.run("document.title") == "Pair 2 of 5"
  assert server.ballot("Ann").done() == 1


def test_it_goes_on_after_a_restart_under_the_same_name(start, browser):
  server = start(count=3)
  _start(browser, server)
  _on_pair(browser, 1, 0)
  browser.press("ArrowLeft")
  _on_pair(browser, 2, 1)
  again = start(count=3)
  _start(browser, again)
  _on_pair(browser, 2, 1)
  _start(browser, again, "Bo")
  _on_pair(browser, 1, 0)


def test_without_javascript(start, browser):
  server = start(count=2)
  browser.send("Emulation.setScriptExecutionDisabled", value=True)
  browser.open(f"{server.url}rate?rater=Ann")
  _on_pair(browser, 1, 0)
  browser.press("ArrowLeft")  # does nothing now
  browser.click("button[value=tie]")
  _on_pair(browser, 2, 1)
  assert server.ballot("Ann").voted(server.ballot("Ann").items[0]) == "tie"


def test_a_hostile_prompt_is_text(start, browser):
  server = start(count=2, prompt=folders.HOSTILE)
  _start(browser, server)
  _on_pair(browser, 1, 0)
  assert browser.run("typeof window.hit") == "undefined"
  assert folders.HOSTILE in browser.run(
      "document.querySelector('.asked p').textContent")
  assert browser.run("document.images.length") == 2


def test_what_a_screen_reader_finds(start, browser):
  server = start(count=2, edits=True)
  browser.open(server.url)
  assert browser.names("textbox") == ["Your name"]
  _start(browser, server)
  _on_pair(browser, 1, 0)
  assert browser.names("image") == ["The picture to edit", "Left picture",
                                    "Right picture"]
  assert browser.names("button") == ["Left is better", "Equally good",
                                     "Right is better"]
  assert browser.names("heading") == ["Which picture is better?"]
  assert browser.names("progressIndicator") + browser.names("progressbar") == [
      "Pairs with your vote"]
  assert all(browser.names("link"))


@pytest.mark.parametrize("width, height", [
    (360, 640), (390, 844), (768, 1024), (1280, 800), (1920, 1080)])
def test_it_fits_windows_from_phone_to_desktop(start, browser, width, height):
  words = "a room with a very long description " * 6 + "x" * 200 + " {}"
  server = start(count=1, prompt=words, edits=True)
  browser.size(width, height)
  for path in ("", "rate?rater=Ann"):
    browser.open(server.url + path)
    assert browser.run("document.documentElement.scrollWidth") <= width
    heights = browser.run("[...document.querySelectorAll('button')].map("
                          "b => b.getBoundingClientRect().height)")
    assert heights and min(heights) >= 44
  left, right = browser.run(
      "[...document.querySelectorAll('.two figure:not(.input) img')].map(i => {"
      "const b = i.getBoundingClientRect(); return [b.x, b.right, b.y, b.bottom]})")
  assert left[1] <= right[0] and left[2:] == right[2:]  # side by side
  assert left[1] - left[0] >= (0.38 if width < 900 else 0.28) * min(width, 1180)
  assert left[3] - left[2] >= (100 if width < 900 else 250)
  if width >= 768:  # all of it can be seen without scrolling
    assert browser.run("document.querySelector('form').getBoundingClientRect().bottom"
                       ) <= height
