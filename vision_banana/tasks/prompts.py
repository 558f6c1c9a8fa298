"""How each task is asked for: many phrasings, in our own words.

Every function takes an `rng` that picks the phrasing, or None for the canonical
one, which is the first of its list. Evaluation asks the canonical way, so a share
of the training prompts does too. Colours come in as text, already in the syntax
the prompt is to use.
"""

import re
from collections.abc import Sequence

import numpy as np

from vision_banana.tasks import phrasings

# One match is about one token of a byte-level BPE trained on such prompts: a word,
# a number, a byte of a hex colour, a run of punctuation. White space between the
# matches means nothing. `experiments/train_bpe.py` splits text by this pattern.
PIECES = (r"(?<=#)[0-9A-Fa-f]{2}|(?<=#[0-9A-Fa-f]{2})[0-9A-Fa-f]{2}"
          r"|(?<=#[0-9A-Fa-f]{4})[0-9A-Fa-f]{2}"
          r"|[^\W\d_]+|[0-9]{1,3}|(?:[^\w\s]|_)+(?:\s+(?:[^\w\s]|_)+)*|\S")
MAX_PIECES, MAX_WORDS, MAX_CHARACTERS = 62, 45, 230

_P_CANONICAL = 0.25
_P_SHORT = 0.4


def fits(prompt: str) -> bool:
  """Whether a prompt is short enough for a text encoder that reads 64 tokens."""
  return (len(prompt) <= MAX_CHARACTERS and len(prompt.split()) <= MAX_WORDS
          and len(re.findall(PIECES, prompt)) <= MAX_PIECES)


def depth(rng: np.random.Generator | None, colormap: str = "") -> str:
  """`colormap` is a key of `phrasings.COLORMAP_NAMES`, or '' to leave it unsaid."""
  return _pick(rng, phrasings.DEPTH) + _colormap(rng, colormap)


def normals(rng: np.random.Generator | None) -> str:
  """Surface normals."""
  return _pick(rng, phrasings.NORMALS)


def semantic(rng: np.random.Generator | None, legend: Sequence[tuple[str, str]],
             background: str = "") -> str:
  """`legend` holds (class, colour) pairs; '' leaves the background unsaid."""
  form = 0 if rng is None or rng.random() < _P_CANONICAL else int(rng.integers(4))
  if form == 0:
    return f"{_pick(rng, phrasings.SEMANTIC_JSON)} {_json(rng, legend, background)}."
  if form == 1:
    opening, verb = _pick(rng, phrasings.SEMANTIC_PROSE), _pick(rng, phrasings.IS)
    parts = [f"The {name} {verb} {color}." for name, color in legend]
    return " ".join([opening, *parts]) + _background(rng, background)
  if form == 2:
    parts = [f"{name} in {color}" for name, color in legend]
    if background:
      parts.append(f"everything else in {background}")
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else parts[0]
    return f"{_pick(rng, phrasings.SEMANTIC_LIST)} {listed}."
  sign = _pick(rng, (": ", " = "))
  pairs = [*legend, ("background", background)] if background else legend
  return f"{_pick(rng, phrasings.SEMANTIC_PAIRS)} " + "; ".join(
      f"{name}{sign}{color}" for name, color in pairs) + "."


def instance(rng: np.random.Generator | None, name: str,
             background: str = "") -> str:
  """One class per prompt; only the background's colour may be given."""
  return _pick(rng, phrasings.INSTANCE).format(
      name=name, background=_background(rng, background))


def referring(rng: np.random.Generator | None, parts: Sequence[tuple[str, str]],
              background: str = "") -> str:
  """`parts` holds (phrase, colour) pairs; a colour '' is unsaid and means white."""
  end = _background(rng, background)
  (phrase, color), *more = parts
  if not color:
    return _pick(rng, phrasings.REFERRING_PLAIN).format(phrase=phrase) + end
  if not more and rng is not None and rng.random() < _P_SHORT:
    short = _pick(rng, phrasings.REFERRING_SHORT)
    return short.format(phrase=phrase, color=color) + end
  sentences = [
      _pick(rng, phrasings.REFERRING_PART).format(phrase=phrase, color=color)
      for phrase, color in parts
  ]
  return " ".join([_pick(rng, phrasings.REFERRING_OPEN), *sentences]) + end


def edges(rng: np.random.Generator | None, color: str = "",
          background: str = "") -> str:
  """Either both colours or none: unsaid means white on black."""
  text = _pick(rng, phrasings.EDGES)
  if color:
    text += _pick(rng, phrasings.EDGE_COLORS).format(color=color, background=background)
  return text


def modality(rng: np.random.Generator | None, source: str, target: str, *,
             source_colormap: str = "", target_colormap: str = "",
             legend: Sequence[tuple[str, str]] = (), background: str = "",
             caption: str = "") -> str:
  """Any picture of a scene to any other, by their keys in `MODALITY_NAMES`.

  `legend` and `background` belong to a segmentation target, `caption` to a photo.
  """
  text = _pick(rng, phrasings.MODALITY).format(
      source=_pick(rng, phrasings.MODALITY_NAMES[source]),
      target=_pick(rng, phrasings.MODALITY_NAMES[target]))
  if source_colormap:
    text += f" The input is in {phrasings.COLORMAP_NAMES[source_colormap]} colors."
  text += _colormap(rng, target_colormap)
  if legend:
    text += f" {_json(rng, legend, background)}."
  return f"{text} {caption}" if caption else text


def text_to_image(rng: np.random.Generator | None, caption: str) -> str:
  """The caption, most often alone."""
  return _pick(rng, phrasings.TEXT_TO_IMAGE).format(text=caption)


def editing(rng: np.random.Generator | None, instruction: str) -> str:
  """The instruction, most often alone."""
  ended = instruction.endswith((".", "!", "?"))
  sentence = instruction if ended else instruction + "."
  return _pick(rng, phrasings.EDITING).format(text=instruction, sentence=sentence)


def _pick(rng: np.random.Generator | None, phrasings: Sequence[str]) -> str:
  if rng is None or rng.random() < _P_CANONICAL:
    return phrasings[0]
  return phrasings[rng.integers(len(phrasings))]


def _colormap(rng: np.random.Generator | None, colormap: str) -> str:
  if not colormap:
    return ""
  return _pick(rng, phrasings.COLORMAP).format(map=phrasings.COLORMAP_NAMES[colormap])


def _background(rng: np.random.Generator | None, color: str) -> str:
  return " " + _pick(rng, phrasings.BACKGROUND).format(color=color) if color else ""


def _json(rng: np.random.Generator | None, legend: Sequence[tuple[str, str]],
          background: str) -> str:
  """A JSON-like map, its colours quoted or bare."""
  pairs = [*legend, ("background", background)] if background else legend
  quote = _pick(rng, ('"', ""))
  return "{" + ", ".join(
      f'"{name}": {quote}{color}{quote}' for name, color in pairs) + "}"
