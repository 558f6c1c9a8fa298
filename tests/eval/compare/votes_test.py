"""Votes on disk, and each rater's own order and sides."""

import json
import os

import pytest

from vision_banana.errors import UserError
from vision_banana.eval.compare.ballot import Ballot
from vision_banana.eval.compare.pairs import Item
from vision_banana.eval.compare.votes import Votes

ITEMS = tuple(Item(f"p{n}", "x", None, None, None, f"digest{n}") for n in range(400))


def test_the_last_vote_counts_and_all_are_kept(tmp_path):
  path = tmp_path / "new" / "votes.jsonl"
  votes = Votes(path, ITEMS)
  assert votes.by_rater() == {} and not path.exists()
  votes.add("Ann", ITEMS[0], "a", "b")
  votes.add("Bo", ITEMS[0], "tie", "a")
  votes.add("Ann", ITEMS[0], "b", "b")
  for found in (votes, Votes(path, ITEMS)):
    assert found.by_rater() == {"Ann": {"p0": "b"}, "Bo": {"p0": "tie"}}
    assert found.choice("Ann", ITEMS[0]) == "b"
    assert found.choice("Ann", ITEMS[1]) is None
    assert (found.unreadable, found.stale) == (0, 0)
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  assert [(v["rater"], v["choice"], v["left"]) for v in lines] == [
      ("Ann", "a", "b"), ("Bo", "tie", "a"), ("Ann", "b", "b")]


def test_a_vote_is_on_the_disk_when_it_is_stored(tmp_path, monkeypatch):
  synced = []
  real = os.fsync
  monkeypatch.setattr(os, "fsync", lambda handle: synced.append(
      os.fstat(handle).st_size) or real(handle))
  Votes(tmp_path / "votes.jsonl", ITEMS).add("Ann", ITEMS[0], "a", "b")
  assert synced[0] == (tmp_path / "votes.jsonl").stat().st_size > 0


def test_a_line_cut_short_swallows_no_other(tmp_path):
  path = tmp_path / "votes.jsonl"
  votes = Votes(path, ITEMS)
  votes.add("Ann", ITEMS[0], "a", "b")
  votes.add("Ann", ITEMS[1], "a", "b")
  path.write_bytes(path.read_bytes()[:-10])
  votes = Votes(path, ITEMS)
  assert votes.unreadable == 1 and votes.by_rater() == {"Ann": {"p0": "a"}}
  votes.add("Ann", ITEMS[2], "b", "b")
  found = Votes(path, ITEMS)
  assert found.unreadable == 1
  assert found.by_rater() == {"Ann": {"p0": "a", "p2": "b"}}


@pytest.mark.parametrize("line", [
    "no JSON", "[]", "3", '{"rater": "Ann"}', "\udcff",
    '{"rater": "Ann", "item": "p0", "choice": "c", "digest": "digest0"}',
    '{"rater": ["Ann"], "item": "p0", "choice": "a", "digest": "digest0"}'])
def test_lines_that_are_no_votes_are_counted(tmp_path, line):
  path = tmp_path / "votes.jsonl"
  path.write_bytes(line.encode(errors="surrogateescape") + b"\n\n")
  found = Votes(path, ITEMS)
  assert found.unreadable == 1 and found.by_rater() == {}


def test_votes_on_other_pictures_do_not_count(tmp_path):
  path = tmp_path / "votes.jsonl"
  votes = Votes(path, ITEMS)
  for item in ITEMS[:3]:
    votes.add("Ann", item, "a", "b")
  changed = [Item("p0", "x", None, None, None, "another"), *ITEMS[1:2]]
  found = Votes(path, changed)
  assert found.stale == 2 and found.by_rater() == {"Ann": {"p1": "a"}}
  found.add("Ann", changed[0], "b", "b")
  assert Votes(path, changed).stale == 1  # voted on again


def test_a_full_disk_is_said_and_nothing_counts(tmp_path, monkeypatch):
  votes = Votes(tmp_path / "votes.jsonl", ITEMS)
  monkeypatch.setattr(os, "write", lambda handle, data: 3)
  with pytest.raises(UserError, match="could not be stored"):
    votes.add("Ann", ITEMS[0], "a", "b")
  assert votes.choice("Ann", ITEMS[0]) is None
  (tmp_path / "folder").mkdir()
  with pytest.raises(UserError, match="folder"):
    Votes(tmp_path / "folder", ITEMS)


def _ballot(rater="Ann", seed=0, votes=None):
  return Ballot(rater, ITEMS, votes, seed)


def test_orders_and_sides_are_drawn_from_seed_and_name():
  orders = {tuple(i.name for i in _ballot(*who).items) for who in (
      ("Ann", 0), ("Ann", 0), ("Bo", 0), ("Ann", 1))}
  assert len(orders) == 3 and all(set(o) == {i.name for i in ITEMS} for o in orders)
  sides = ["".join(map(_ballot(*who).left, ITEMS)) for who in (
      ("Ann", 0), ("Ann", 0), ("Bo", 0), ("Ann", 1))]
  assert sides[0] == sides[1] and len(set(sides)) == 3
  # 400 coins: 5 standard deviations.
  assert all(abs(s.count("a") - 200) < 50 for s in sides)
  assert all(abs(sum(x == y for x, y in zip(sides[0], s)) - 200) < 50
             for s in sides[2:])


def test_a_ballot_turns_sides_into_folders(tmp_path):
  votes = Votes(tmp_path / "votes.jsonl", ITEMS)
  ballot = _ballot(votes=votes)
  for side, item in zip(("left", "right", "tie"), ballot.items):
    assert ballot.next() == ballot.done() == ballot.items.index(item)
    ballot.vote(item, side)
    assert ballot.voted(item) == side
  first, second, third = ballot.items[:3]
  assert votes.choice("Ann", first) == ballot.left(first)
  assert votes.choice("Ann", second) == "ba"["ab".index(ballot.left(second))]
  assert votes.choice("Ann", third) == "tie"
  assert {ballot.picture_of(first, s) for s in ("left", "right")} == {"a", "b"}
  ballot.vote(first, "tie")
  assert ballot.voted(first) == "tie" and ballot.next() == 3
