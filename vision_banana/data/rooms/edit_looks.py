"""Edits of looks: colours, materials, walls and floors.

Each function draws one change of its kind, or None when it finds none.
"""

import dataclasses

from vision_banana.data.rooms import editing
from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import views
from vision_banana.data.rooms import vocabulary

_RECOLOR = ("make {} {}", "paint {} {}", "change the color of {} to {}",
            "recolor {} to {}", "turn {} {}")
_RECOLOR_ALL = ("make {} {}", "paint {} {}", "turn {} {}", "color {} {}")
_METAL = ("make {} metallic", "make {} look like shiny metal",
          "give {} a polished metal surface", "turn {} into metal")
_MATTE = ("make {} matte", "give {} a matte finish",
          "make {} dull instead of metallic")
_TEXTURE = ("make {} look {}", "give {} a {} surface", "change {} to a {} one")
_SURFACE = ("make the {} {}", "change the {} to {}", "turn the {} {}")
_GLOSSY = .3  # Roughness below which a metal mirrors its surroundings.


def recolor(e: editing.Editor) -> editing.Change | None:
  """Paints one thing."""
  index, name = e.draw(lambda i, item: vocabulary.colorable(item))
  if index is None:
    return None
  item = e.room.items[index]
  material = e.furnisher.color(item.category)
  if _same(material, vocabulary.color(item)):
    return None
  return e.say(_RECOLOR, name, material.color), e.changed(index, material=material)


def recolor_all(e: editing.Editor) -> editing.Change | None:
  """Paints all things of a category."""
  members, name = e.group(lambda i, item: vocabulary.colorable(item))
  if not members:
    return None
  items = list(e.room.items)
  material = e.furnisher.color(items[members[0]].category)
  if any(_same(material, vocabulary.color(items[i])) for i in members):
    return None
  for i in members:
    items[i] = dataclasses.replace(items[i], material=material)
  return (e.say(_RECOLOR_ALL, name, material.color),
          dataclasses.replace(e.room, items=tuple(items)))


def metal(e: editing.Editor) -> editing.Change | None:
  """Makes a hard plain thing of metal; it keeps its colour."""
  index, name = e.draw(
      lambda i, item: vocabulary.colorable(item) and vocabulary.color(item) not in (
          "", "black", "brown") and item.material.metallic == 0
      and item.category not in vocabulary.SOFT)
  return _finish(e, index, name, _METAL, metallic=1., roughness=.2)


def matte(e: editing.Editor) -> editing.Change | None:
  """Makes a thing of metal a dull one; it keeps its colour."""
  index, name = e.draw(
      lambda i, item: vocabulary.colorable(item) and item.material is not None
      and item.material.metallic == 1 and item.material.roughness < _GLOSSY)
  return _finish(e, index, name, _MATTE, metallic=0., roughness=.95)


def _finish(e, index, name, forms, **changes):
  if index is None:
    return None
  material = dataclasses.replace(e.room.items[index].material, **changes)
  return e.say(forms, name), e.changed(index, material=material)


def texture(e: editing.Editor) -> editing.Change | None:
  """Gives a table another material, where the catalog has textures."""
  index, name = e.draw(lambda i, item: kinds.textured(item.category))
  if index is None:
    return None
  item = e.room.items[index]
  names = [n for n in e.catalog.textures.get("table", ())
           if not vocabulary.reserved(item.category, n)]
  if not names:
    return None
  material = scene.Material(e.pick(names), (.5, .5, .5), roughness=.4)
  word = vocabulary.word(material)
  if not word or word == vocabulary.adjective(item):
    return None
  return e.say(_TEXTURE, name, word), e.changed(index, material=material)


def floor(e: editing.Editor) -> editing.Change | None:
  """Another floor, or outdoors another ground."""
  return _surface(e, "floor", vocabulary.floor(e.room), views.FLOOR)


def wall(e: editing.Editor) -> editing.Change | None:
  """Other walls."""
  return _surface(e, "wall", "walls", views.WALL)


def _surface(e, field, name, id_):
  if e.share(id_) < .08:
    return None
  old = getattr(e.room, field)
  new = e.furnisher.surface(name.removesuffix("s"))
  word = vocabulary.word(new)
  if not word or word == vocabulary.word(old) or (
      vocabulary.close_colors(new.color, old.color)):
    return None
  return (e.say(_SURFACE, name, word),
          dataclasses.replace(e.room, **{field: new}))


def _same(material, color):
  return material.color == color or vocabulary.close_colors(material.color, color)
