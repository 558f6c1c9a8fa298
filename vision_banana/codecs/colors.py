"""Colours as text: names, #hex, RGB(r, g, b), (r, g, b), <r, g, b>.

Prompts name colours in all of these ways (paper, section on segmentation); the
decoder needs the numbers back. Names are the CSS ones, so "green" is (0, 128, 0),
written with spaces, plus common two-word ones from the xkcd survey (CC0) such as
"light purple". Spaces, hyphens and case do not matter when a name is read.
"""

import difflib
import math
import re
from collections.abc import Sequence

import numpy as np

from vision_banana.errors import UserError

STYLES = ("name", "hex", "rgb", "tuple", "tag")
# Euclidean distance in 0..255 RGB from which colours are well apart; about 60 fit.
APART = 60.0

_CSS = """
alice blue f0f8ff; antique white faebd7; aquamarine 7fffd4; azure f0ffff;
beige f5f5dc; bisque ffe4c4; black 000000; blanched almond ffebcd; blue 0000ff;
blue violet 8a2be2; brown a52a2a; burlywood deb887; cadet blue 5f9ea0;
chartreuse 7fff00; chocolate d2691e; coral ff7f50; cornflower blue 6495ed;
cornsilk fff8dc; crimson dc143c; cyan 00ffff; dark blue 00008b; dark cyan 008b8b;
dark goldenrod b8860b; dark gray a9a9a9; dark green 006400; dark khaki bdb76b;
dark magenta 8b008b; dark olive green 556b2f; dark orange ff8c00;
dark orchid 9932cc; dark red 8b0000; dark salmon e9967a; dark sea green 8fbc8f;
dark slate blue 483d8b; dark slate gray 2f4f4f; dark turquoise 00ced1;
dark violet 9400d3; deep pink ff1493; deep sky blue 00bfff; dim gray 696969;
dodger blue 1e90ff; firebrick b22222; floral white fffaf0; forest green 228b22;
gainsboro dcdcdc; ghost white f8f8ff; gold ffd700; goldenrod daa520; gray 808080;
green 008000; green yellow adff2f; honeydew f0fff0; hot pink ff69b4;
indian red cd5c5c; indigo 4b0082; ivory fffff0; khaki f0e68c; lavender e6e6fa;
lavender blush fff0f5; lawn green 7cfc00; lemon chiffon fffacd; light blue add8e6;
light coral f08080; light cyan e0ffff; light goldenrod yellow fafad2;
light gray d3d3d3; light green 90ee90; light pink ffb6c1; light salmon ffa07a;
light sea green 20b2aa; light sky blue 87cefa; light slate gray 778899;
light steel blue b0c4de; light yellow ffffe0; lime 00ff00; lime green 32cd32;
linen faf0e6; magenta ff00ff; maroon 800000; medium aquamarine 66cdaa;
medium blue 0000cd; medium orchid ba55d3; medium purple 9370db;
medium sea green 3cb371; medium slate blue 7b68ee; medium spring green 00fa9a;
medium turquoise 48d1cc; medium violet red c71585; midnight blue 191970;
mint cream f5fffa; misty rose ffe4e1; moccasin ffe4b5; navajo white ffdead;
navy 000080; old lace fdf5e6; olive 808000; olive drab 6b8e23; orange ffa500;
orange red ff4500; orchid da70d6; pale goldenrod eee8aa; pale green 98fb98;
pale turquoise afeeee; pale violet red db7093; papaya whip ffefd5;
peach puff ffdab9; peru cd853f; pink ffc0cb; plum dda0dd; powder blue b0e0e6;
purple 800080; rebecca purple 663399; red ff0000; rosy brown bc8f8f;
royal blue 4169e1; saddle brown 8b4513; salmon fa8072; sandy brown f4a460;
sea green 2e8b57; seashell fff5ee; sienna a0522d; silver c0c0c0; sky blue 87ceeb;
slate blue 6a5acd; slate gray 708090; snow fffafa; spring green 00ff7f;
steel blue 4682b4; tan d2b48c; teal 008080; thistle d8bfd8; tomato ff6347;
turquoise 40e0d0; violet ee82ee; wheat f5deb3; white ffffff;
white smoke f5f5f5; yellow ffff00; yellow green 9acd32
"""
_XKCD = """
light purple bf77f6; dark purple 35063e; bright purple be03fd; light orange fdaa48;
dark pink cb416b; light brown ad8150; dark brown 341c02; light red ff474c;
dark yellow d5b60a; bright blue 0165fc; bright green 01ff07; mustard ceb301;
burgundy 610023; peach ffb07c; lilac cea2fd; mauve ae7181; mint 9ffeb0;
rose cf6275; rust a83c09; charcoal 343837; cream ffffc2; amber feb308;
apricot ffb16d; emerald 01a049; jade 1fa774; cobalt 1e488f; wine 80013f
"""
# Other names of the colours above; read, never written.
_ALIASES = {
    "aqua": "cyan", "fuchsia": "magenta", "navy blue": "navy",
    "dark grey": "dark gray", "dark slate grey": "dark slate gray",
    "dim grey": "dim gray", "grey": "gray", "light grey": "light gray",
    "light slate grey": "light slate gray", "slate grey": "slate gray",
}


def _table(text: str) -> dict[str, tuple[int, int, int]]:
  entries = (entry.split() for entry in text.split(";"))
  return {" ".join(words): tuple(bytes.fromhex(code)) for *words, code in entries}


# Every name that can be read, with its (r, g, b) in 0..255.
NAMES: dict[str, tuple[int, int, int]] = _table(_CSS) | _table(_XKCD)
_NAME_OF = {rgb: name for name, rgb in NAMES.items()}
NAMES |= {alias: NAMES[name] for alias, name in _ALIASES.items()}


def _squash(name: str) -> str:
  return re.sub(r"[\s_-]+", "", name.lower())


_SQUASHED = {_squash(name): rgb for name, rgb in NAMES.items()}
_TRIPLE = r"\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*"
_TRIPLES = re.compile(
    rf"(?:rgb\s*)?\({_TRIPLE}\)|<{_TRIPLE}>|\[{_TRIPLE}\]|{_TRIPLE}", re.IGNORECASE)


def parse(text: str) -> tuple[int, int, int]:
  """Reads a colour.

  Args:
    text: a name ("light purple", "Navy Blue"), "#80C000" or "#8c0", or three
      integers in 0..255 as "RGB(88, 50, 82)", "(88, 50, 82)", "<88, 50, 82>",
      "[88, 50, 82]" or "88, 50, 82". Quotes around it are ignored.

  Returns:
    (r, g, b), integers in 0..255.

  Raises:
    UserError: not a colour, or no text; names the nearest one.
  """
  if not isinstance(text, str):
    raise UserError(f"colour {text!r} is no text; write a name, '#rrggbb' or "
                    "'(r, g, b)' in quotes.")
  plain = text.strip().strip("\"'").strip()
  if plain.startswith("#"):
    digits = plain[1:]
    if re.fullmatch(r"[0-9a-fA-F]{3}", digits):
      digits = "".join(2 * d for d in digits)
    if re.fullmatch(r"[0-9a-fA-F]{6}", digits):
      return tuple(bytes.fromhex(digits))
    raise UserError(f"colour '{plain}' is not #rrggbb or #rgb.")
  match = _TRIPLES.fullmatch(plain)
  if match:
    rgb = tuple(int(g) for g in match.groups() if g is not None)
    if max(rgb) > 255:
      raise UserError(f"colour '{plain}' is out of range; write integers 0 to 255.")
    return rgb
  if _squash(plain) in _SQUASHED:
    return _SQUASHED[_squash(plain)]
  close = difflib.get_close_matches(plain.lower(), NAMES, n=1)
  hint = f"did you mean '{close[0]}'?" if close else "write a name or #rrggbb."
  raise UserError(f"unknown colour '{plain}'; {hint}")


def name_of(rgb: Sequence[int]) -> str | None:
  """The name of exactly this colour (r, g, b in 0..255), or None."""
  return _NAME_OF.get(tuple(int(v) for v in rgb))


def format(rgb: Sequence[int], style: str) -> str:  # pylint: disable=redefined-builtin
  """Writes a colour so that `parse` reads it back exactly.

  Args:
    rgb: (r, g, b), integers in 0..255.
    style: one of STYLES: "light purple", "#BF77F6", "RGB(191, 119, 246)",
      "(191, 119, 246)" or "<191, 119, 246>".

  Raises:
    UserError: not a colour, unknown style, or style "name" for a colour that has
      none (ask `name_of` first).
  """
  r, g, b = (int(v) for v in rgb)
  if not all(0 <= v <= 255 for v in (r, g, b)):
    raise UserError(f"colour ({r}, {g}, {b}) is out of range; use integers 0 to 255.")
  if style == "name":
    name = name_of((r, g, b))
    if name is None:
      raise UserError(f"colour ({r}, {g}, {b}) has no name; use another style.")
    return name
  if style == "hex":
    return f"#{r:02X}{g:02X}{b:02X}"
  if style == "rgb":
    return f"RGB({r}, {g}, {b})"
  if style == "tuple":
    return f"({r}, {g}, {b})"
  if style == "tag":
    return f"<{r}, {g}, {b}>"
  raise UserError(f"unknown colour style '{style}'; use one of {', '.join(STYLES)}.")


def apart(rgb: Sequence[int], others: Sequence[Sequence[int]]) -> bool:
  """Whether a colour is `APART` or more from each of the others."""
  return all(math.dist(rgb, other) >= APART for other in others)


def distinct(
    rng: np.random.Generator,
    n: int,
    avoid: Sequence[Sequence[int]] = (),
    *,
    min_distance: float = APART,
    pool: Sequence[Sequence[int]] | None = None,
) -> np.ndarray:
  """Draws random colours that are well apart from each other.

  Args:
    rng: source of randomness; the same state gives the same colours.
    n: how many.
    avoid: colours (0..255) the new ones also keep away from.
    min_distance: least Euclidean distance in 0..255 RGB between any two.
    pool: draw from these colours (0..255), in random order, instead of from all.

  Returns:
    uint8 [n, 3].

  Raises:
    UserError: so many colours do not fit at that distance.
  """
  if pool is None:
    left = rng.integers(0, 256, (64 * n + 256, 3))
  else:
    left = rng.permutation(np.asarray(pool, np.int64))

  def clear_of(rgb):
    return left[np.sum((left - np.asarray(rgb, np.int64))**2, axis=1) >=
                min_distance**2]

  for rgb in avoid:
    left = clear_of(rgb)
  chosen = []
  while len(chosen) < n:
    if not len(left):
      raise UserError(f"cannot place {n} colours at least {min_distance:g} apart; "
                      "ask for fewer or lower min_distance.")
    chosen.append(left[0])
    left = clear_of(left[0])
  return np.array(chosen, np.uint8).reshape(n, 3)
