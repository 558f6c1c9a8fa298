"""What the kinds of edits share: things to edit, their names, and checks."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from vision_banana.data.rooms import assets
from vision_banana.data.rooms import captions
from vision_banana.data.rooms import furnishing
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import language
from vision_banana.data.rooms import layout
from vision_banana.data.rooms import nouns
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

Change = tuple[str, scene.Room]  # An instruction and the room after it.

TRIES = 12  # Places or looks to try before a kind of edit gives up.
BIG = .008  # Part of the picture an edited object must cover.
_RAYS = 32  # Columns and rows of the quick look at an edited room.


class Editor:
  """A room as one sees it, and chances to change it.

  Attributes:
    room: the room before.
    rng: source of randomness, advanced by every draw.
    catalog: names to add things from.
    furnisher: draws things and looks that the training split may show.
    things: the visible items.
    names: instance id → all phrases 'the …' that mean it alone.
  """

  def __init__(self, room: scene.Room, instances: np.ndarray,
               rng: np.random.Generator, catalog: assets.Catalog):
    self.room = room
    self.rng = rng
    self.catalog = catalog
    self.furnisher = furnishing.Furnisher(rng, catalog, "train")
    self.things = views.seen(room, instances)
    self.names = language.references(room, instances, rng)
    self._shares = np.bincount(
        instances.ravel(), minlength=len(room.items) + 4) / instances.size
    ids = layout.raycast(room, _RAYS)[0].ravel()
    self._boxes = np.bincount(ids, minlength=len(room.items) + 4) / ids.size

  def pick(self, options: Sequence):
    """One of the options."""
    return options[int(self.rng.integers(len(options)))]

  def say(self, forms: Sequence[str], *words: str) -> str:
    """One of the forms, filled in."""
    return self.pick(forms).format(*words)

  def share(self, id_: int) -> float:
    """Part of the picture an instance covers."""
    return float(self._shares[id_])

  @property
  def floor_place(self) -> str:
    """The `kinds.Kind.place` of what stands on the floor or ground here."""
    return "outdoors" if self.room.outdoors else "floor"

  def loose(self, index: int) -> bool:
    """Whether an item carries nothing."""
    return all(item.support != str(index) for item in self.room.items)

  def movable(self, index: int) -> bool:
    """Whether an item stands somewhere and carries nothing."""
    item = self.room.items[index]
    return item.support != "wall" and item.shape != "rug" and self.loose(index)

  def draw(self, fits: Callable[[int, scene.Item], bool]) -> tuple[int | None, str]:
    """Index and name of a clearly visible item that fits, or (None, '')."""
    indices = [id_ - views.FIRST_ITEM for id_ in self.names
               if self._shares[id_] >= BIG]
    indices = [i for i in indices if fits(i, self.room.items[i])]
    if not indices:
      return None, ""
    index = self.pick(indices)
    # Short names are more natural: the shortest of three draws.
    names = self.names[index + views.FIRST_ITEM]
    return index, min((self.pick(names) for _ in range(3)), key=len)

  def group(self, fits: Callable[[int, scene.Item], bool]) -> tuple[list[int], str]:
    """All items of one category, two at least, and words for them, or ([], '').

    All of them are in view and fit, and no other thing may go by their name.
    """
    found = []
    for category in sorted({t.item.category for t in self.things if t.clear}):
      members = [i for i, item in enumerate(self.room.items)
                 if vocabulary.alike(category, item.category)]
      clear = {t.id - views.FIRST_ITEM for t in self.things if t.share >= BIG / 2}
      if len(members) > 1 and all(
          i in clear and self.room.items[i].category == category
          and fits(i, self.room.items[i]) for i in members):
        found.append((members, category))
    if not found:
      return [], ""
    members, category = self.pick(found)
    forms = ("all the {0}", "every {1}", "all {0}", "both {0}")
    forms = forms if len(members) == 2 else forms[:3]
    return members, self.say(forms, captions.plural(category), category)

  def tops(self) -> list[tuple[int, str]]:
    """(index, name) of the visible furniture that carries things."""
    named = ((t.id - views.FIRST_ITEM, nouns.unique(t, self.things))
             for t in self.things if t.item.shape in kinds.TOPS)
    return [(index, name) for index, name in named if name]

  def changed(self, index: int, **changes) -> scene.Room:
    """The room with other attributes of one item."""
    items = list(self.room.items)
    items[index] = dataclasses.replace(items[index], **changes)
    return dataclasses.replace(self.room, items=tuple(items))

  def added(self, item: scene.Item) -> scene.Room:
    """The room with one more item."""
    return dataclasses.replace(self.room, items=(*self.room.items, item))

  def holds(self, room: scene.Room, *indices: int) -> bool:
    """Whether a room is possible and shows the changed items well.

    They are in view, and no other item is more than half hidden by the change.
    """
    if not layout.valid(room):
      return False
    ids = layout.raycast(room, _RAYS)[0].ravel()
    share = np.bincount(ids, minlength=len(room.items) + 4) / ids.size
    changed = [i + views.FIRST_ITEM for i in indices]
    hidden = (self._boxes >= BIG) & (share[:len(self._boxes)] < .5 * self._boxes)
    hidden[[i for i in changed if i < len(hidden)]] = False
    return bool(not hidden.any() and (share[changed] >= BIG).all()
                and (share[changed] < .4).all() and not any(
                    layout.holds(room.items[i], room.camera.origin, .15)
                    for i in indices))


def without(room: scene.Room, *indices: int) -> scene.Room:
  """The room without items that carry nothing that stays; supports are renumbered."""
  kept = [i for i in range(len(room.items)) if i not in indices]
  places = {str(old): str(new) for new, old in enumerate(kept)}
  return dataclasses.replace(room, items=tuple(
      dataclasses.replace(item, support=places.get(item.support, item.support))
      for item in (room.items[i] for i in kept)))


def noun(item: scene.Item) -> str:
  """'red mug', or 'mug' where no colour describes it."""
  return f"{vocabulary.color(item)} {item.category}".strip()
