"""The pictures of two folders that answer the same prompts, pair by pair.

A folder is what `predict` and `eval` write (a JSON with the prompt beside each
picture), or any pictures with a file of prompts. Pictures of one stem belong together.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import files, images
from vision_banana.eval.outside import media

MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
         ".webp": "image/webp"}
_EXTRA = re.compile(r"_picture$|_s\d+$|(_s\d+)?_p\d+$")


@dataclasses.dataclass(frozen=True)
class Item:
  """One prompt and its two pictures.

  Attributes:
    name: their stem.
    prompt: what both were asked for.
    a: the first folder's picture.
    b: the second folder's.
    input: the picture that was to be edited, or None.
    digest: 16 hex digits of all of it, so that no vote counts for other pictures.
    kind: of the edit, as the benchmark names it; '' where it has no name.
  """
  name: str
  prompt: str
  a: pathlib.Path
  b: pathlib.Path
  input: pathlib.Path | None
  digest: str
  kind: str = ""


@dataclasses.dataclass(frozen=True)
class Pairs:
  """All pairs, by name, and what was left out, in words."""
  items: tuple[Item, ...]
  left_out: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Folder:
  """Pictures by stem, and what the folder itself says of them."""
  pictures: dict[str, pathlib.Path]
  prompts: dict[str, str]
  inputs: dict[str, str]
  kinds: dict[str, str]


def read(a: files.PathLike, b: files.PathLike, *,
         prompts: files.PathLike | None = None,
         inputs: files.PathLike | None = None) -> Pairs:
  """Pairs up two folders.

  Args:
    a: the first folder.
    b: the second.
    prompts: JSON {stem: prompt}, or JSONL lines {"name", "prompt"}; instead of what
      the folders say.
    inputs: folder of the pictures that were edited, of the same stems; instead of
      what the folders say.

  Raises:
    UserError: a folder or file that cannot be read, two prompts for one pair, or no
      pair at all.
  """
  first, second = _folder(a), _folder(b)
  if pathlib.Path(a).resolve() == pathlib.Path(b).resolve():
    raise UserError(f"{a}: the same folder twice; give two.")
  words = _read_prompts(prompts) if prompts else _agreed(first, second, a, b)
  shown = _pictures(inputs) if inputs else {}
  left_out = []

  def count(stems: set[str], why: str) -> None:
    if stems:
      left_out.append(f"{len(stems)} {why}, for example '{min(stems)}'")

  both = first.pictures.keys() & second.pictures.keys()
  count((first.pictures.keys() - both) & words.keys(), f"only in {a}")
  count((second.pictures.keys() - both) & words.keys(), f"only in {b}")
  # Panels to look at, which `predict` writes beside each picture, are no answers; nor
  # are `eval`'s further samples and passes.
  known = {s for s in both if s in words}
  count({s for s in both - known if _EXTRA.sub("", s) not in known},
        "without a prompt")
  sources = {stem: shown.get(stem) if inputs else _source(first, second, stem)
             for stem in known}
  # Without its input an edit would be judged as a picture from words.
  lost = {stem for stem, source in sources.items() if source is None and (
      inputs or stem in first.inputs.keys() | second.inputs.keys())}
  count(lost, f"without an input in {inputs}" if inputs
        else "whose input is not there (give --inputs DIR)")
  drafts = [(stem, words[stem], first.pictures[stem], second.pictures[stem],
             sources[stem], first.kinds.get(stem) or second.kinds.get(stem, ""))
            for stem in sorted(known - lost)]
  with concurrent.futures.ThreadPoolExecutor() as pool:
    found = list(pool.map(lambda d: _item(*d), drafts))
  items = tuple(i for i in found if isinstance(i, Item))
  left_out += [i for i in found if isinstance(i, str)]
  if not items:
    reasons = "; ".join(left_out) or "no pictures"
    raise UserError(f"{a} and {b} have no pair to compare ({reasons}); give two "
                    "folders with pictures of the same names, and --prompts FILE if "
                    "they lie without their JSONs.")
  return Pairs(items, tuple(left_out))


def _item(stem: str, prompt: str, a: pathlib.Path, b: pathlib.Path,
          source: pathlib.Path | None, kind: str) -> Item | str:
  """The pair, or why it cannot be shown."""
  digest = hashlib.sha256(prompt.encode())
  for path in (a, b, source):
    if path is not None:
      try:
        images.read(path)
        digest.update(media.digest(path).encode())
      except UserError as e:
        return str(e)
  return Item(stem, prompt, a, b, source, digest.hexdigest()[:16], kind)


def _pictures(folder: files.PathLike) -> dict[str, pathlib.Path]:
  try:
    paths = sorted(p for p in pathlib.Path(folder).iterdir()
                   if p.suffix.lower() in MIMES and not p.name.startswith("."))
  except OSError as e:
    raise UserError(f"{folder}: {e.strerror or e}; give a folder of pictures.") from e
  found = {}
  for path in paths:
    if path.stem in found:
      raise UserError(f"{folder}: {found[path.stem].name} and {path.name} have one "
                      "name; remove one.")
    found[path.stem] = path
  return found


def _folder(folder: files.PathLike) -> _Folder:
  pictures = _pictures(folder)
  prompts, inputs, kinds = {}, {}, {}
  for stem in pictures:
    path = pathlib.Path(folder) / f"{stem}.json"
    if path.exists():
      about = _json(path)
      for key, found in (("prompt", prompts), ("image", inputs), ("kind", kinds)):
        if isinstance(about.get(key), str):
          found[stem] = about[key]
  return _Folder(pictures, prompts, inputs, kinds)


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError) as e:
    raise UserError(f"{path}: cannot be read as JSON ({e}); mend or remove it.") from e
  if not isinstance(found, dict):
    raise UserError(f"{path}: not a JSON object; mend or remove it.")
  return found


def _texts(found: Any, path: files.PathLike) -> dict[str, str]:
  if not isinstance(found, Mapping) or not all(
      isinstance(v, str) for v in found.values()):
    raise UserError(f"{path}: give every picture's name one prompt, {{name: prompt}}.")
  return dict(found)


def _read_prompts(path: files.PathLike) -> dict[str, str]:
  path = pathlib.Path(path)
  if path.suffix.lower() != ".jsonl":
    return _texts(_json(path), path)
  found = {}
  try:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
      if line.strip():
        entry = json.loads(line)
        found[entry["name"]] = entry["prompt"]
  except OSError as e:
    raise UserError(f"{path}: {e.strerror or e}; check the path.") from e
  except UnicodeDecodeError as e:
    raise UserError(f"{path}: not UTF-8 text; save it as UTF-8.") from e
  except (ValueError, KeyError, TypeError) as e:
    raise UserError(f'{path}, line {number}: give {{"name": …, "prompt": …}} on each '
                    "line.") from e
  return _texts(found, path)


def _agreed(first: _Folder, second: _Folder, a: files.PathLike, b: files.PathLike
            ) -> dict[str, str]:
  for stem in sorted(first.prompts.keys() & second.prompts.keys()):
    if first.prompts[stem] != second.prompts[stem]:
      raise UserError(f"{stem}: {a} was asked '{first.prompts[stem]}', {b} "
                      f"'{second.prompts[stem]}'; compare answers to one prompt, or "
                      "name it with --prompts.")
  return second.prompts | first.prompts


def _source(first: _Folder, second: _Folder, stem: str) -> pathlib.Path | None:
  """The input that the pictures' JSONs name, if it still lies there."""
  names: Sequence[str] = [f.inputs[stem] for f in (first, second) if stem in f.inputs]
  return next((p for p in map(pathlib.Path, names) if p.is_file()), None)
