"""A legend in several passes says what it says in one."""

import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.eval import legends
from vision_banana.eval.datasets import cityscapes
from vision_banana.tasks import prompts, tasks

REQUEST = cityscapes.request()
REFUSES = lambda prompt: "" if prompts.fits(prompt) else "too long"


def test_one_prompt_where_it_fits():
  assert legends.split(REQUEST, lambda prompt: "") == [REQUEST]


def test_the_fewest_parts_that_fit_name_every_class_once():
  parts = legends.split(REQUEST, REFUSES)
  assert all(prompts.fits(p.prompt) for p in parts) and len(parts) > 2
  assert [n for p in parts for n in p.names[1:]] == list(REQUEST.names)
  np.testing.assert_array_equal(
      np.concatenate([p.palette[1:] for p in parts]), REQUEST.palette)


def test_parts_that_are_painted_right_are_merged_to_the_truth():
  parts = legends.split(REQUEST, REFUSES)
  truth = np.random.default_rng(0).integers(0, 19, (8, 9))
  painted, row = [], 0
  for part in parts:
    rgb = np.zeros((8, 9, 3), np.uint8)  # everything else is black
    for color in part.palette[1:]:
      rgb[truth == row] = color
      row += 1
    painted.append(rgb)
  np.testing.assert_array_equal(legends.merge(REQUEST, parts, painted), truth)
  # Where every pass says "something else", the nearest colour counts.
  dark = [np.zeros((8, 9, 3), np.uint8)] * len(parts)
  nearest = np.argmin((REQUEST.palette.astype(int) ** 2).sum(-1))
  assert (legends.merge(REQUEST, parts, dark) == nearest).all()


def test_what_cannot_be_split_is_refused():
  with pytest.raises(UserError, match="too long"):
    legends.split(tasks.request("referring", phrase="x " * 200), REFUSES)
  with pytest.raises(UserError, match="never"):
    legends.split(REQUEST, lambda prompt: "never")
