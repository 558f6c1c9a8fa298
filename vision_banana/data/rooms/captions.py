"""Descriptions of what a picture of a room or of a scene outdoors shows."""

import numpy as np

from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

MIN_WORDS, MAX_WORDS = 3, 60
_NUMBERS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine",
            "ten", "eleven", "twelve")
_SHORT, _MEDIUM = (3, 7), (8, 30)  # Words.
_SHORT_STYLES = ("{first}.", "{pair}.", "{first} {place}.", "{place} with {first}.",
                 "{first} and {second}.")
_STYLES = (
    "{room} with {surfaces}: {things}.",
    "{things} in {aroom} with {surfaces}.",
    "A view of {things}. {theroom} has {surfaces}.",
    "{kind} scene with {things}; {surfaces}.",
    "{pair}. One also sees {rest} in {aroom} with {surfaces}.",
    "{room} with {surfaces}. {pair}, with {rest} around.",
    "{carried} on {carrier}, {others}, {surfaces}.",
)
_LONG_STARTS = ("{room} with {surfaces}. One sees {things}.",
                "{kind} scene with {surfaces}, showing {things}.",
                "{things}, all in {aroom} with {surfaces}.")
_ROOMS = ("A room", "A room", "An interior", "A rendered room", "A furnished room")
_YARDS = ("A yard", "An outdoor scene", "A garden", "A rendered outdoor scene",
          "A place outdoors")


def plural(noun: str) -> str:
  """The plural of a noun: 'gift boxes', 'shelves', 'loaves of bread'."""
  if noun == "bread":
    return "loaves of bread"
  if noun.endswith(("s", "x", "ch", "sh")):
    return noun + "es"
  if noun.endswith("shelf"):
    return noun[:-1] + "ves"
  if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
    return noun[:-1] + "ies"
  return noun + "s"


def number(count: int) -> str:
  """'two', 'three', … 'twelve', then digits."""
  return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def article(text: str) -> str:
  """'an orange mug', 'a red mug', 'some bread'."""
  if text.endswith("bread"):
    return f"some {text}"
  return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def caption(room: scene.Room, instances: np.ndarray, things: list[views.Seen],
            rng: np.random.Generator) -> str:
  """A caption: one in four of 3 to 7 words, half of 8 to 30, one in four up to 60.

  Args:
    room: the room.
    instances: int32 [H, W], its rendered ids.
    things: its visible items.
    rng: picks style, length and order.
  """
  shown = sorted((t for t in things if t.clear), key=lambda t: -t.share)
  fields = _places(room, instances, rng)
  if not shown:
    return f"{fields['room']} with {fields['surfaces']} and nothing in view."
  length = rng.random()
  text = None
  if length < .25:
    text = _short(shown, fields, rng)
  elif length > .75:
    text = _long(shown, fields, rng)
  return text or _medium(shown, fields, rng)


def _medium(shown, fields, rng):
  style = str(rng.choice(_STYLES))
  pair = _pair(shown, rng) if "{pair}" in style else None
  carrier = _carrier(shown) if "{carried}" in style else None
  if ("{pair}" in style and not pair) or ("{carried}" in style and not carrier):
    style = _STYLES[int(rng.integers(4))]
  for count in range(min(len(shown), int(rng.integers(3, 8))), 0, -1):
    fields = dict(fields, things=listing(shown[:count]))
    if "{pair}" in style:
      rest = [t for t in shown if t not in (pair[0], pair[2])][:count]
      fields["pair"] = _related(*pair)
      fields["rest"] = listing(rest) or "nothing else"
    if "{carried}" in style:
      top = [t for t in shown if views.on(t, carrier)]
      others = [t for t in shown if t not in top and t is not carrier]
      fields["carried"] = listing(top[:max(count - 1, 1)])
      fields["carrier"] = _one(carrier)
      fields["others"] = listing(others[:count // 2]) or "seen up close"
    text = _fill(style, fields)
    if _MEDIUM[0] <= len(text.split()) <= _MEDIUM[1]:
      return text
  return _fill("{room} with {surfaces} and {first}.",
               dict(fields, first=_one(shown[0])))


def _short(shown, fields, rng):
  """A few words on the largest things, or None."""
  fields = dict(fields, first=_one(shown[0]))
  if len(shown) > 1 and shown[0].item.category != shown[1].item.category:
    fields["second"] = _one(shown[1])
  pair = _pair(shown, rng)
  if pair:
    fields["pair"] = _related(*pair)
  for k in rng.permutation(len(_SHORT_STYLES)):
    text = _fill(_SHORT_STYLES[k], fields)
    if "{" not in text and _SHORT[0] <= len(text.split()) <= _SHORT[1]:
      return text
  return None


def _long(shown, fields, rng):
  """Everything clear, and relations while they fit, or None."""
  limit = int(rng.integers(_MEDIUM[1], MAX_WORDS + 1))
  text = _fill(str(rng.choice(_LONG_STARTS)), dict(fields, things=listing(shown)))
  carrier = _carrier(shown)
  sentences = []
  if carrier:
    top = listing([t for t in shown if views.on(t, carrier)])
    sentences.append(f"On {_one(carrier)} one finds {top}.")
  for _ in range(4):
    pair = _pair(shown, rng)
    if pair and not (pair[1] == "on" and pair[2] is carrier):  # That was said.
      sentences.append(f"{_related(*pair)}.")
  for sentence in dict.fromkeys(sentences):
    longer = f"{text} {sentence[0].upper()}{sentence[1:]}"
    if len(longer.split()) <= limit:
      text = longer
  return text if _MEDIUM[0] <= len(text.split()) <= MAX_WORDS else None


def _fill(style, fields):
  for key, value in fields.items():
    style = style.replace("{" + key + "}", value)
  return ". ".join(part[:1].upper() + part[1:] for part in style.split(". "))


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
    names.append(article(text) if count == 1 else f"{number(count)} {text}")
  return names[0] if len(names) == 1 else (
      ", ".join(names[:-1]) + " and " + names[-1] if names else "")


def _one(thing):
  return listing([thing])


def _related(a, relation, b):
  return f"{_one(a)} {relation} {_one(b)}"


def _places(room, instances, rng):
  """Words for the place: 'room', 'aroom', 'theroom', 'kind', 'place', 'surfaces'."""
  start = str(rng.choice(_YARDS if room.outdoors else _ROOMS))
  fields = {"room": start, "surfaces": _surfaces(room, instances, rng)}
  if room.outdoors:
    return dict(fields, aroom="an open place", theroom="The place", kind="Outdoor",
                place="outdoors")
  return dict(fields, aroom="a room", theroom="The room", kind="Indoor",
              place=str(rng.choice(("in a room", "indoors"))))


def _surfaces(room, instances, rng):
  texts = []
  if (instances == views.WALL).mean() >= views.SURFACE:
    texts.append(f"{vocabulary.word(room.wall) or 'patterned'} walls")
  if (instances == views.FLOOR).mean() >= views.SURFACE:
    texts.append(article(f"{vocabulary.word(room.floor) or 'patterned'} "
                         f"{vocabulary.floor(room)}"))
  if room.outdoors and (instances == 0).mean() >= views.SURFACE:
    texts.append("open sky")
  return " and ".join(texts if rng.random() < .6 else texts[::-1]) or (
      "little ground in view" if room.outdoors else "hidden walls")


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
