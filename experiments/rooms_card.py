"""Writes a card of a rendered dataset: counts as Markdown, and a grid of pictures.

  vision-banana render --num 200 --size 128 --out data/rooms128 --workers 2
  python -m experiments.rooms_card data/rooms128 --out data/rooms128_card

writes data/rooms128_card.md and data/rooms128_card.png. The same dataset gives the
same bytes.
"""

import argparse
import collections
import io
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from experiments import pages
from vision_banana.data import sources
from vision_banana.data.rooms import vocabulary
from vision_banana.eval import figures

MAX_BYTES = 300_000  # Of the picture.
_ROWS = 6
# Form of a phrase → how to tell it; the first that fits. The rest are plain nouns.
_FORMS = {
    "order": r"from the (left|right)$", "negated colour": r"that (is|are) not ",
    "count": r"^(both|the (two|three|four|five|six|seven|eight|nine|ten)) ",
    "superlative": r"(left|right)-?most|far (left|right)|nearest|closest|farthest|"
                   r"largest|biggest|smallest|tiniest",
    "relation": r" (to the left of|to the right of|left of|right of|in front of|behind|"
                r"next to|beside) ",
    "place": r" on (top of )?the ",
    "material": rf"^(the )?({'|'.join(vocabulary.MATERIALS)}) |made of metal",
    "surface": r"(floor|ground|wall|ceiling)$", "all": r"^all ",
    "colour": rf"^(the )?({'|'.join(vocabulary.COLORS)}) |that is ",
}


def form(phrase: str) -> str:
  """The form of a phrase, one of `_FORMS` or 'noun'."""
  return next((name for name, pattern in _FORMS.items() if re.search(pattern, phrase)),
              "noun")


def card(scenes: Iterable[dict[str, Any]], title: str) -> str:
  """The card in Markdown, of scenes as in `data/sources.py`."""
  counts = collections.Counter()
  names, kinds = collections.Counter(), collections.Counter()
  fits, empty = collections.Counter(), collections.Counter()
  words, depths, areas = [], [], []
  for scene in scenes:
    counts["scenes"] += 1
    counts["outdoors"] += scene["categories"][0] == "ground"
    pixels = np.bincount(scene["instances"].ravel(),
                         minlength=len(scene["categories"]) + 1)[1:]
    for name, area in zip(scene["categories"], pixels):
      names[name] += bool(area)
    areas += [area / scene["instances"].size for area in pixels[3:] if area]
    for text, ids in scene["phrases"]:
      (fits if ids else empty)[form(text)] += 1
    words.append(len(scene["caption"].split()))
    finite = scene["depth"][np.isfinite(scene["depth"])]
    depths += list(finite[::max(1, finite.size // 500)])
    counts["edits"] += len(scene["edits"])
    kinds.update(scene.get("edit_kinds", ()))
  del names[""]
  seen = [(name, count) for name, count in sorted(
      names.items(), key=lambda pair: (-pair[1], pair[0])) if count]
  forms = sorted(set(fits) | set(empty), key=lambda f: (-fits[f] - empty[f], f))
  of_kinds = (f"of {len(kinds)} kinds" if kinds else
              "(this dataset, of before version 1.1.0, does not tell of which kinds)")
  parts = [
      f"# {title}",
      f"{counts['scenes']} scenes, {counts['outdoors'] / counts['scenes']:.1%} of them "
      f"outdoors; {counts['edits']} edits {of_kinds}; "
      f"{sum(fits.values())} phrases that fit and {sum(empty.values())} that fit "
      f"nothing; {len(seen)} categories in view.",
      _table(("", "5 %", "25 %", "50 %", "75 %", "95 %"), [
          ("depth in metres", *_percentiles(depths, "{:.2f}")),
          ("words of a caption", *_percentiles(words, "{:.0f}")),
          ("share of the picture of a thing", *_percentiles(areas, "{:.2%}"))]),
      "## Phrases",
      _table(("form", "fit", "fit nothing"), [(f, fits[f], empty[f]) for f in forms])]
  if kinds:
    parts += ["## Edits", _table(
        ("kind", "edits"), sorted(kinds.items(), key=lambda p: (-p[1], p[0])))]
  parts += ["## Categories", "Scenes in which they are in view:",
            ", ".join(f"{name} {count}" for name, count in seen)]
  return "\n\n".join(parts) + "\n"


def _percentiles(values: Sequence[float], spec: str) -> list[str]:
  return [spec.format(v) for v in np.percentile(values or [0], (5, 25, 50, 75, 95))]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
  return pages.table(head, rows).rstrip()


def grid(scenes: Sequence[dict[str, Any]]) -> bytes:
  """A PNG of at most `MAX_BYTES`; a row has the picture, its truths and an edit."""
  rows = []
  for scene in scenes:
    image = scene["image"]
    rows.append(np.concatenate([
        image, figures.depth(scene["depth"]).rgb, figures.normals(scene["normals"]).rgb,
        figures.instances(scene["instances"], image).rgb,
        scene["edits"][0][1] if scene["edits"] else np.zeros_like(image)], 1))
  whole = Image.fromarray(np.concatenate(rows))
  for edge in (e for e in (160, 128, 96, 64, 32, 16) if 5 * e <= whole.width):
    small = whole.resize((5 * edge, len(rows) * edge), Image.Resampling.BOX)
    buffer = io.BytesIO()
    small.quantize(256).save(buffer, "PNG", optimize=True)
    if buffer.tell() <= MAX_BYTES:
      break
  return buffer.getvalue()


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("data", help="folder of the dataset, or 'rooms'")
  parser.add_argument("--split", default="train")
  parser.add_argument("--out", required=True, metavar="NAME",
                      help="writes NAME.md and NAME.png")
  args = parser.parse_args()
  source = sources.open_source(args.data, args.split)
  out = pathlib.Path(args.out)
  title = f"{pathlib.Path(args.data).name}, split {args.split}"
  text = card((source[i] for i in range(len(source))), title)
  rows = np.linspace(0, len(source) - 1, min(_ROWS, len(source))).astype(int)
  out.with_name(out.name + ".png").write_bytes(grid([source[int(i)] for i in rows]))
  out.with_name(out.name + ".md").write_text(
      f"{text}\nPicture, depth, normals as plaster lit from the upper left, instances "
      "and an edit:\n\n"
      f"![{title}]({out.name}.png)\n")


if __name__ == "__main__":
  main()
