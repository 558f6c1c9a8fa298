"""Nouns for what is clearly visible: 'red mug', 'object on the table'."""

from collections.abc import Iterator

from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary
from vision_banana.data.rooms.captions import plural

Noun = tuple[views.Head, str, list[views.Seen]]  # Its words, and what it describes.


def words(head: views.Head, things: list[views.Seen], many: bool = False
          ) -> str | None:
  """The noun in words, in the plural if `many`; None when a support has no name."""
  noun = head.category or "object"
  text = plural(noun) if many else noun
  text = " ".join(filter(None, (head.color, head.material, text)))
  if head.other_than:
    text += f" that {'are' if many else 'is'} not {head.other_than}"
  if head.support is None:
    return text
  name = unique(head.support, things)
  return name and f"{text} on {name}"


def unique(thing: views.Seen, things: list[views.Seen]) -> str | None:
  """The shortest 'the …' naming one thing by category and colour, or None."""
  color = vocabulary.color(thing.item)
  for head in (views.Head(thing.item.category),
               views.Head(thing.item.category, color)):
    if head.color != "" and thing.clear and head.matches(things) == [thing]:
      return f"the {words(head, things)}"
  return None


def visible(things: list[views.Seen]) -> Iterator[Noun]:
  """Nouns of clearly visible things that are sure to describe what they do."""
  heads = {}  # Ordered.
  for thing in things:
    if not thing.clear:
      continue
    category = thing.item.category
    color, material = vocabulary.color(thing.item), vocabulary.material(thing.item)
    heads[views.Head(category)] = None
    if color:
      heads[views.Head(category, color)] = None
    if material:
      heads[views.Head(category, material=material)] = None
    for support in things:
      if views.on(thing, support):
        heads[views.Head(category, support=support)] = None
        heads[views.Head(None, support=support)] = None
    for other in things:
      if other.clear and other.item.category == category and color:
        # Only colours that are there need to be told from others.
        if vocabulary.color(other.item) not in ("", color):
          heads[views.Head(category, other_than=vocabulary.color(other.item))] = None
  for head in heads:
    matches, text = head.matches(things), words(head, things)
    if matches and text:
      yield head, text, matches
