"""An outside model answers what painting asks."""

import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.eval.outside import bridge

PICTURE = np.zeros((2, 2, 3), np.uint8)


class Oracle:
  model = "oracle"

  def __init__(self, answer):
    self.answer, self.asked = answer, []

  def ask(self, questions):
    self.asked += questions
    return [self.answer for _ in questions]


@pytest.mark.parametrize("answer,there", [("(A)", True), ("(B)", False)])
def test_presence(answer, there):
  oracle = Oracle(answer)
  outside = bridge.outside(oracle)
  assert outside.name == "oracle" and outside.presence(PICTURE, "a mug") is there
  assert '"a mug"' in oracle.asked[0].prompt
  np.testing.assert_array_equal(oracle.asked[0].pictures[0], PICTURE)


def test_rewriting():
  assert bridge.outside(Oracle("The red chair.")).rewrite(PICTURE, "to sit on") == (
      "The red chair")


def test_no_answer_names_the_question_and_the_model():
  outside = bridge.outside(Oracle(None))
  for ask in (outside.presence, outside.rewrite):
    with pytest.raises(UserError, match="oracle gave no readable answer to 'a mug'"):
      ask(PICTURE, "a mug")
