"""One-sentence descriptions of what a picture of a room shows."""

import numpy as np

from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

MIN_WORDS, MAX_WORDS = 8, 30
_NUMBERS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight")
_STYLES = (
    "{A room} with {surfaces}: {things}.",
    "{things} in a room with {surfaces}.",
    "A view of {things}. The room has {surfaces}.",
    "Indoor scene with {things}; {surfaces}.",
    "{relation}. There are also {rest} in a room with {surfaces}.",
    "{A room} with {surfaces}. {relation}, with {rest} around.",
    "{carried} on {carrier}, {others}, {surfaces}.",
)
_ROOMS = ("A room", "A room", "An interior", "A rendered room", "A furnished room")


def plural(noun: str) -> str:
  """The plural of a noun: 'gift boxes', 'shelves'."""
  if noun.endswith(("s", "x", "ch", "sh")):
    return noun + "es"
  if noun.endswith("shelf"):
    return noun[:-1] + "ves"
  if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
    return noun[:-1] + "ies"
  return noun + "s"


def article(text: str) -> str:
  """'an orange mug', 'a red mug', 'some bread'."""
  if text.endswith("bread"):
    return f"some {text}"
  return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def caption(room: scene.Room, instances: np.ndarray, things: list[views.Seen],
            rng: np.random.Generator) -> str:
  """A caption of 8 to 30 words naming surfaces, things and where they are.

  Args:
    room: the room.
    instances: int32 [H, W], its rendered ids.
    things: its visible items.
    rng: picks style and order.
  """
  shown = sorted((t for t in things if t.clear), key=lambda t: -t.share)
  surfaces = _surfaces(room, instances, rng)
  room_word = str(rng.choice(_ROOMS))
  style = str(rng.choice(_STYLES))
  pair = _pair(shown, rng) if "{relation}" in style else None
  carrier = _carrier(shown) if "{carried}" in style else None
  if ("{relation}" in style and not pair) or ("{carried}" in style and not carrier):
    style = _STYLES[int(rng.integers(4))]
  if not shown:
    return f"{room_word} with {surfaces} and nothing in view."
  for count in range(min(len(shown), int(rng.integers(3, 8))), 0, -1):
    fields = {"A room": room_word, "surfaces": surfaces,
              "things": listing(shown[:count])}
    if "{relation}" in style:
      a, relation, b = pair
      rest = [t for t in shown if t not in (a, b)][:count]
      fields["relation"] = f"{_one(a)} {relation} {_one(b)}"
      fields["rest"] = listing(rest) or "nothing else"
    if "{carried}" in style:
      top = [t for t in shown if views.on(t, carrier)]
      others = [t for t in shown if t not in top and t is not carrier]
      fields["carried"] = listing(top[:max(count - 1, 1)])
      fields["carrier"] = _one(carrier)
      fields["others"] = listing(others[:count // 2]) or "seen up close"
    text = style
    for key, value in fields.items():
      text = text.replace("{" + key + "}", value)
    text = ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))
    if len(text.split()) <= MAX_WORDS:
      return text
  return f"{room_word} with {surfaces} and {_one(shown[0])}."


def listing(things: list[views.Seen]) -> str:
  """'a red mug, two blue balls and a table'; '' for nothing."""
  groups = {}
  for thing in things:
    key = (vocabulary.adjective(thing.item), thing.item.category)
    groups[key] = groups.get(key, 0) + 1
  names = []
  for (adjective, category), count in groups.items():
    noun = category if count == 1 else plural(category)
    text = f"{adjective} {noun}".strip()
    names.append(article(text) if count == 1 else f"{_NUMBERS[count]} {text}")
  return names[0] if len(names) == 1 else (
      ", ".join(names[:-1]) + " and " + names[-1] if names else "")


def _one(thing):
  return listing([thing])


def _surfaces(room, instances, rng):
  texts = []
  if (instances == views.WALL).mean() >= views.SURFACE:
    texts.append(f"{vocabulary.word(room.wall) or 'patterned'} walls")
  if (instances == views.FLOOR).mean() >= views.SURFACE:
    texts.append(article(f"{vocabulary.word(room.floor) or 'patterned'} floor"))
  return " and ".join(texts if rng.random() < .6 else texts[::-1]) or "hidden walls"


def _pair(shown, rng):
  """Two clear things and a relation that holds between them, or None."""
  pairs = [(a, name, b) for a in shown[:6] for b in shown[:6] if a is not b
           for name, holds in views.RELATIONS.items() if holds(a, b)]
  return pairs[int(rng.integers(len(pairs)))] if pairs else None


def _carrier(shown):
  """The thing on which most clear things stand, or None."""
  counts = [(sum(views.on(t, s) for t in shown), -i) for i, s in enumerate(shown)]
  best = max(counts, default=(0, 0))
  return shown[-best[1]] if best[0] else None
