"""What kinds of edits share."""

import dataclasses

from tests.data.rooms import fake
from vision_banana.data.rooms import editing


def test_without_renumbers_supports():
  cup = fake.item("mug", "red", (0., 0., .7), (.1, .1, .1), support="2")
  boxes = [fake.item("box", "blue", (1., y, 0.)) for y in (-1., 1.)]
  room = fake.room(boxes[0], boxes[1], fake.TABLE, cup)
  after = editing.without(room, 0, 1)
  assert after.items == (fake.TABLE, dataclasses.replace(cup, support="0"))
