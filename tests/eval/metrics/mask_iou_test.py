"""IoU of masks against pycocotools' stored answers, and against pictures of them."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from tests.eval.metrics import goldens
from tests.goldens import metrics_data
from vision_banana.eval.metrics import mask_iou, rle


def _pair(draw):
  shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
  return [draw(st.lists(hnp.arrays(bool, shape), max_size=4)) for _ in range(2)]


PAIRS = st.composite(_pair)()


def _encode(masks):
  return [rle.encode(m) for m in masks]


def test_equals_pycocotools():
  golden, masks = goldens.load("masks"), _encode(metrics_data.masks())
  np.testing.assert_allclose(
      mask_iou.iou(masks, masks), golden["iou"], atol=1e-9, rtol=0)
  crowd = [bool(i % 2) for i in range(len(masks))]
  np.testing.assert_allclose(
      mask_iou.iou(masks, masks, crowd), golden["crowd_iou"], atol=1e-9, rtol=0)


@settings(deadline=None, max_examples=40)
@given(PAIRS)
def test_iou_of_all_pairs(pair):
  predictions, truths = pair
  got = mask_iou.iou(_encode(predictions), _encode(truths))
  assert got.shape == (len(predictions), len(truths))
  for i, p in enumerate(predictions):
    for j, t in enumerate(truths):
      union = (p | t).sum()
      assert got[i, j] == ((p & t).sum() / union if union else 0.0)
  np.testing.assert_array_equal(
      got.T, mask_iou.iou(_encode(truths), _encode(predictions)))


def test_many_runs_are_looked_at_in_parts(monkeypatch):
  masks = _encode(metrics_data.masks())
  whole = mask_iou.iou(masks, masks)
  for runs in (1, 7, 100):
    monkeypatch.setattr(mask_iou, "_RUNS", runs)
    np.testing.assert_array_equal(mask_iou.iou(masks, masks), whole)


@pytest.mark.parametrize("at_once", [1, 2, 32])
def test_many_pictures_are_each_by_themselves(at_once, monkeypatch):
  monkeypatch.setattr(mask_iou, "_PICTURES", at_once)
  masks = _encode(metrics_data.masks())
  other = _encode([np.ones((3, 5), bool), np.zeros((3, 5), bool)])
  got = mask_iou.ious([(masks[:3], masks), ([], masks), (other, other), (masks, [])])
  np.testing.assert_array_equal(got[0], mask_iou.iou(masks[:3], masks))
  np.testing.assert_array_equal(got[2], [[1, 0], [0, 0]])
  assert got[1].shape == (0, len(masks)) and got[3].shape == (len(masks), 0)
  assert mask_iou.ious([]) == []


def test_masks_of_several_sizes_are_refused():
  with pytest.raises(ValueError, match="several sizes"):
    mask_iou.iou(_encode([np.ones((2, 2))]), _encode([np.ones((2, 3))]))
