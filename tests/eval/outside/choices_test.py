"""What counts as a choice."""

import pytest

from vision_banana.eval.outside import choices

YES_NO = {"A": "Yes", "B": "No"}


@pytest.mark.parametrize("text, letter", [
    ("(A)", "A"), ("(B)", "B"), ("A", "A"), ("b", "B"), ("A.", "A"), ("B)", "B"),
    ("(A) Yes", "A"), ("A. Yes.", "A"), ("**(B) No**", "B"), ("(B) no\n", "B"),
    ("Yes", "A"), ("no.", "B"), ("Answer: B", "B"), ("The answer is (B).", "B"),
    ("Final answer: A", "A"), ("Yes, there is a mug.", "A"),
    ("No, I see none.", "B"), ("A cat is visible, so (A).", "A"),
    ("A dog would be needed; there is none: (B)", "B"),
    ("I looked at it. The answer is B because of a chair.", "B"),
    ("(A) Yes\n(B) No\n\nAnswer: (B)", "B"),
    ("<think>(A)? or (B)?</think>(A) Yes", "A"), ("`A`", "A"),
    # None of these says which.
    ("", None), ("(A) No", None), ("(A) or (B)", None), ("A cat.", None),
    ("I cannot tell.", None), ("The answer is a cat.", None), ("(C)", None),
    ("<think>(A)", None), ("Not sure", None), ("Yesterday", None),
    ("Bananas", None), ("Answer: A. No wait, answer: B", None)])
def test_yes_or_no(text, letter):
  assert choices.parse(text, YES_NO) == letter


@pytest.mark.parametrize("text, letter", [
    ("(C)", "C"), ("(A) The first picture", "A"), ("The second picture.", "B"),
    ("The first picture is sharper.", "A"), ("Both are equally good", "C"),
    ("The picture", None), ("(A) The second picture", None)])
def test_three_options(text, letter):
  options = {"A": "The first picture", "B": "The second picture",
             "C": "Both are equally good"}
  assert choices.parse(text, options) == letter
