"""`vision-banana compare`: the pairs, the votes, the page or the judge, the result."""

import hashlib
import pathlib
import re
from typing import Any

from vision_banana.eval import files
from vision_banana.eval.compare import judge, pairs, result, server
from vision_banana.eval.compare.votes import Votes
from vision_banana.eval.outside.asker import Asker


class Session:
  """Two folders, and all votes on them in `out`/votes.jsonl.

  Attributes:
    pairs: what is compared.
    votes: so far.
  """

  def __init__(self, a: files.PathLike, b: files.PathLike, *,
               out: files.PathLike | None = None,
               prompts: files.PathLike | None = None,
               inputs: files.PathLike | None = None):
    """Reads the pairs and the votes.

    Args:
      a: the first folder.
      b: the second.
      out: keeps the votes; None = runs/compare/A-vs-B-HASH.
      prompts: see `pairs.read`.
      inputs: see `pairs.read`.

    Raises:
      UserError: as `pairs.read` and `Votes`.
    """
    self._names = str(a), str(b)
    self.out = pathlib.Path(out or default_out(a, b))
    self.pairs = pairs.read(a, b, prompts=prompts, inputs=inputs)
    self.votes = Votes(self.out / "votes.jsonl", self.pairs.items)

  def summary(self) -> dict[str, Any]:
    """See `result.summary`."""
    return result.summary(*self._names, self.pairs, self.votes)

  def judge(self, asker: Asker) -> int:
    """Has a model vote; see `judge.judge`."""
    return judge.judge(asker, self.pairs.items, self.votes)

  def serve(self, seed: int, port: int) -> None:
    """Serves the page until Ctrl-C.

    Raises:
      UserError: the port is taken.
    """
    with server.Server(self.pairs.items, self.votes, seed, port) as page:
      print(f"{len(self.pairs.items)} pairs, votes in {self.out / 'votes.jsonl'}")
      print(f"open {page.url}", flush=True)
      print("Ctrl-C ends and prints the result", flush=True)
      try:
        page.serve_forever()
      except KeyboardInterrupt:
        print()


def default_out(a: files.PathLike, b: files.PathLike) -> pathlib.Path:
  """A folder for the votes on two folders, the same at every start."""
  paths = [str(pathlib.Path(p).resolve()) for p in (a, b)]
  digest = hashlib.sha256("\0".join(paths).encode()).hexdigest()[:8]
  names = [re.sub(r"[^\w.-]+", "-", pathlib.Path(p).name).strip("-.")
           for p in paths]
  return pathlib.Path("runs/compare") / f"{names[0]}-vs-{names[1]}-{digest}"
