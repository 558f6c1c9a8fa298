"""A headless Chromium, driven over two pipes: no driver, no port, no package.

It speaks the DevTools protocol as `--remote-debugging-pipe` does: JSON messages that
end with a zero byte, read from descriptor 3, written to 4. Needs
`apt-get install chromium`, or a Chrome on the PATH.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--no-default-browser-check", "--remote-debugging-pipe")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE = 60.0  # seconds
# Moves the pipes to the descriptors that Chromium expects, whatever is open there.
_LAUNCH = ("import fcntl, os, sys\n"
           "r, w = (fcntl.fcntl(int(a), fcntl.F_DUPFD, 10) for a in sys.argv[1:3])\n"
           "os.dup2(r, 3), os.dup2(w, 4)\n"
           "os.execv(sys.argv[3], sys.argv[3:])\n")
# key → (code, Windows key code, text)
_KEYS = {"ArrowLeft": ("ArrowLeft", 37, ""), "ArrowRight": ("ArrowRight", 39, ""),
         "ArrowDown": ("ArrowDown", 40, ""), "Backspace": ("Backspace", 8, ""),
         "Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "t": ("KeyT", 84, "t")}


class Chromium:
  """One browser with one page, for a `with` block; its profile is new and deleted.

  Attributes:
    problems: what the page logged as errors, for example a blocked script.
  """

  def __init__(self):
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
      raise FileNotFoundError("no Chromium; apt-get install chromium")
    self._program, self._next, self._buffer = program, 0, b""
    self.problems: list[str] = []

  def __enter__(self) -> "Chromium":
    self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    read, self._out = os.pipe()
    self._in, write = os.pipe()
    self._process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(read), str(write), self._program, *_FLAGS,
         f"--user-data-dir={self._profile.name}", "about:blank"],
        pass_fds=(read, write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    os.close(read)
    os.close(write)
    self._session = None
    target = self.send("Target.createTarget", url="about:blank")["targetId"]
    self._session = self.send("Target.attachToTarget", targetId=target,
                              flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log"):
      self.send(f"{domain}.enable")
    return self

  def __exit__(self, *unused):
    try:
      self._session = None
      self.send("Browser.close")
      self._process.wait(20)
    except (OSError, TimeoutError, subprocess.TimeoutExpired):
      self._process.kill()
    finally:
      self._process.wait()
      os.close(self._out)
      os.close(self._in)
      self._profile.cleanup()

  def send(self, method: str, **parameters: Any) -> dict[str, Any]:
    """Sends a command of the protocol and waits for its result."""
    self._next += 1
    message = {"id": self._next, "method": method, "params": parameters}
    if self._session:
      message["sessionId"] = self._session
    os.write(self._out, json.dumps(message).encode() + b"\0")
    deadline = time.monotonic() + _PATIENCE
    while True:
      found = self._receive(deadline)
      if found.get("id") == self._next:
        if "error" in found:
          raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]
      entry = found.get("params", {})
      if found.get("method") == "Log.entryAdded" and entry["entry"]["level"] == "error":
        self.problems.append(entry["entry"]["text"])
      if found.get("method") == "Runtime.exceptionThrown":
        self.problems.append(json.dumps(entry["exceptionDetails"]))

  def _receive(self, deadline: float) -> dict[str, Any]:
    while b"\0" not in self._buffer:
      ready, _, _ = select.select([self._in], [], [], deadline - time.monotonic())
      data = os.read(self._in, 1 << 20) if ready else b""
      if not data:
        raise TimeoutError("Chromium does not answer")
      self._buffer += data
    message, _, self._buffer = self._buffer.partition(b"\0")
    return json.loads(message)

  def run(self, expression: str) -> Any:
    """The value of a JavaScript expression in the page."""
    found = self.send("Runtime.evaluate", expression=expression, returnByValue=True,
                      awaitPromise=True)
    if "exceptionDetails" in found:
      raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
    return found["result"].get("value")

  def wait(self, expression: str) -> None:
    """Waits until the page is loaded and an expression holds, also over navigation."""
    deadline = time.monotonic() + _PATIENCE
    whole = ("document.readyState === 'complete' && "
             f"[...document.images].every(i => i.complete) && ({expression})")
    while True:
      try:
        if self.run(f"Boolean({whole})"):
          return
      except RuntimeError:
        if time.monotonic() > deadline:
          raise
      if time.monotonic() > deadline:
        raise TimeoutError(f"{expression} at {self.run('location.href')}: "
                           f"{self.run('document.body.innerText')}")
      time.sleep(0.02)

  def open(self, url: str) -> None:
    """Loads an address."""
    self.send("Page.navigate", url=url)
    self.wait(f"location.href === {json.dumps(url)}")

  def size(self, width: int, height: int) -> None:
    """Sets the window's inside, CSS pixels."""
    self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
              deviceScaleFactor=1, mobile=width < 500)

  def press(self, key: str, repeat: bool = False) -> None:
    """Presses a key (of `_KEYS`) and lets it go; or it is held down."""
    code, number, text = _KEYS[key]
    about = {"key": key, "code": code, "windowsVirtualKeyCode": number}
    self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown",
              text=text, autoRepeat=repeat, **about)
    if not repeat:
      self.send("Input.dispatchKeyEvent", type="keyUp", **about)

  def type(self, text: str) -> None:
    """Types into what has the focus."""
    self.send("Input.insertText", text=text)

  def click(self, selector: str) -> None:
    """Clicks the middle of an element with the mouse."""
    x, y = self.run(f"(e => {{ e.scrollIntoView({{block: 'center'}}); "
                    "const b = e.getBoundingClientRect(); "
                    "return [b.x + b.width / 2, b.y + b.height / 2] })"
                    f"(document.querySelector({json.dumps(selector)}))")
    for kind in ("mousePressed", "mouseReleased"):
      self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                clickCount=1)

  def names(self, role: str) -> list[str]:
    """What a screen reader calls the elements of a role, in order."""
    nodes = self.send("Accessibility.getFullAXTree")["nodes"]
    return [n.get("name", {}).get("value", "") for n in nodes
            if not n.get("ignored") and n.get("role", {}).get("value") == role]

  def screenshot(self, path: pathlib.Path) -> None:
    """Writes what is shown as PNG."""
    path.write_bytes(base64.b64decode(
        self.send("Page.captureScreenshot", format="png")["data"]))
