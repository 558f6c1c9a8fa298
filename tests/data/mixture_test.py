import ml_collections
import pytest

from vision_banana.data import mixture
from vision_banana.errors import UserError


def test_parse():
  parsed = mixture.parse({"depth": 1, "semantic@coco": 0.5, "edges@rooms": 0},
                         ["rooms", "coco"])
  assert parsed == [mixture.Component("depth", "rooms", 1.0),
                    mixture.Component("semantic", "coco", 0.5)]
  assert [c.key for c in parsed] == ["depth@rooms", "semantic@coco"]


def test_parse_reads_a_config_dict():
  config = ml_collections.ConfigDict({"depth@rooms": 2.0})
  assert mixture.parse(config, ["rooms"])[0].weight == 2.0


@pytest.mark.parametrize("text, message", [
    ({"dept": 1}, "unknown task in the mixture 'dept'; did you mean 'depth'"),
    ({"depth@room": 1}, "unknown source in the mixture 'room'; did you mean 'rooms'"),
    ({"depth": -1}, "weight -1"),
    ({"depth": "a"}, "weight 'a'"),
    ({"depth": True}, "weight True"),
    ({"depth": float("nan")}, "weight nan"),
    ({"depth": 0}, "mixture is empty"),
    ({}, "mixture is empty"),
    ({"depth": 1, "depth@rooms": 1}, "'depth@rooms' twice"),
])
def test_bad_mixtures(text, message):
  with pytest.raises(UserError, match=message):
    mixture.parse(text, ["rooms"])
