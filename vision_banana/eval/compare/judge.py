"""A model as judge: every pair in both orders, since models prefer a place."""

from collections.abc import Sequence

from vision_banana.eval.compare.pairs import Item
from vision_banana.eval.compare.votes import CHOICES, Votes
from vision_banana.eval.metrics import winrate
from vision_banana.eval.outside import choices
from vision_banana.eval.outside.asker import Asker, Question

_OPTIONS = {"A": "The first attempt", "B": "The second attempt",
            "C": "Both are equally good"}
MODEL = "model: "  # no person's name has a colon
# A vote for what was shown first.
_A_FIRST = {"A": winrate.WIN, "B": winrate.LOSS, "C": winrate.TIE}
# What counts in an edit of each of ImgEdit's nine kinds: the change, what must stay,
# and where such edits go wrong. Its own judge grades one picture by three criteria a
# kind; here two are compared, and the words are ours. Its releases say both 'adjust'
# and 'alter'.
_ALTER = ("that the named property, and no other, has become what was asked, then that "
          "the thing has kept its shape, place and texture, then that shading and "
          "reflections follow")
_EDITS = {
    "add": "that the new thing is there, once and where it was asked for, then that "
           "all else is as before, then that its size, light, shadow and perspective "
           "fit the scene",
    "remove": "that the thing is gone with its shadow and reflection, then that what "
              "was behind it is filled in plausibly, then that all else is as before",
    "replace": "that the old thing is gone and the new one is there in its place, then "
               "that all else is as before, then that its size, light and outline fit",
    "alter": _ALTER, "adjust": _ALTER,
    "background": "that the surroundings are the ones asked for, then that what stands "
                  "in front is the same to its outline, then that light and "
                  "perspective of both agree",
    "style": "that the whole picture has the style asked for, then that everything in "
             "it can still be recognised at its place, then how well the style is done",
    "extract": "that the thing asked for is there, whole and alone, then that it looks "
               "as it did, then that its outline is clean on a plain ground",
    "action": "that who was asked for does what was asked, then that it is still the "
              "same one, with the same clothes and features, then that body and "
              "contact are possible",
    "compose": "that every one of the changes was made, then that nothing else was, "
               "then that all of it looks like one picture",
}
_ANY_EDIT = ("that the change was made, then that all else is as before, then how good "
             "it looks")
_CHOICE = "\n".join(f"({letter}) {words}" for letter, words in _OPTIONS.items())


def prompt(item: Item) -> str:
  """What the judge is told; the pictures come before it."""
  if item.input is None:
    shown = (f"These two pictures are attempts to paint this: \"{item.prompt}\"\n"
             "Which attempt is better? What counts first is how well it shows what was "
             "asked for, then how good it looks.")
  else:
    shown = ("The first of these three pictures was to be changed as told; the other "
             f"two are attempts at it. The change: \"{item.prompt}\"\n"
             "Which attempt is better? What counts first is "
             f"{_EDITS.get(item.kind, _ANY_EDIT)}.")
  return f"{shown}\n{_CHOICE}\nAnswer with (A), (B) or (C) only."


def rater(asker: Asker) -> str:
  """The name its votes are kept under."""
  return MODEL + asker.model


def judge(asker: Asker, items: Sequence[Item], votes: Votes) -> int:
  """Has the model vote on all pairs it has not voted on.

  Args:
    asker: the model.
    items: the pairs.
    votes: where the votes go.

  Returns:
    How many pairs got no vote, since an answer named no choice or was declined.

  Raises:
    UserError: as `Asker.ask`, and a vote that cannot be stored.
  """
  left = [i for i in items if votes.choice(rater(asker), i) is None]
  questions = []
  for item in left:
    before = () if item.input is None else (item.input,)
    questions += [Question(prompt(item), (*before, item.a, item.b)),
                  Question(prompt(item), (*before, item.b, item.a))]
  texts = asker.ask(questions)
  unread = 0
  for item, first, second in zip(left, texts[::2], texts[1::2], strict=True):
    choice = verdict(first, second)
    if choice is None:
      unread += 1
    else:
      votes.add(rater(asker), item, choice, "")
  return unread


def verdict(first: str | None, second: str | None) -> str | None:
  """'a', 'b', 'tie' (also when the orders disagree), or None if one is unreadable.

  Args:
    first: the answer with a's picture before b's.
    second: the answer with b's before a's.
  """
  said = [None if t is None else choices.parse(t, _OPTIONS) for t in (first, second)]
  if None in said:
    return None
  vote = winrate.both_orders(_A_FIRST[said[0]], 1 - _A_FIRST[said[1]])
  return next(choice for choice, value in CHOICES.items() if value == vote)
