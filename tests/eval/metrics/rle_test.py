"""Runs against pycocotools' stored answers, and against pictures of the masks."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from tests.eval.metrics import goldens
from tests.goldens import metrics_data
from vision_banana.errors import UserError
from vision_banana.eval.metrics import rle

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)


def _encode(masks):
  return [rle.encode(m) for m in masks]


def test_equals_pycocotools():
  golden, masks = goldens.load("masks"), metrics_data.masks()
  encoded = _encode(masks)
  assert [m.coco()["counts"] for m in encoded] == golden["counts"]
  assert [m.area for m in encoded] == golden["area"]
  size = (metrics_data.HEIGHT, metrics_data.WIDTH)
  for kind in (str, lambda text: text.encode("ascii")):
    parsed = rle.parse([{"size": list(size), "counts": kind(c)}
                        for c in golden["counts"]], [size] * len(masks))
    for mask, read in zip(masks, parsed, strict=True):
      np.testing.assert_array_equal(read.mask(), mask)


def test_polygons_equal_pycocotools():
  golden, polygons = goldens.load("masks")["polygons"], metrics_data.polygons()
  sizes = [(metrics_data.HEIGHT, metrics_data.WIDTH)] * len(polygons)
  filled = rle.parse(polygons, sizes)
  stored = rle.parse([{"size": sizes[0], "counts": c} for c in golden], sizes)
  for ours, theirs in zip(filled, stored, strict=True):
    np.testing.assert_array_equal(ours.mask(), theirs.mask())


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(bool, SHAPES))
def test_round_trips(mask):
  encoded = rle.encode(mask)
  np.testing.assert_array_equal(encoded.mask(), mask)
  assert encoded.area == mask.sum()
  runs = np.diff(encoded.bounds, prepend=0)
  for counts in (encoded.coco()["counts"], runs.tolist()):
    back, = rle.parse([{"size": mask.shape, "counts": counts}], [mask.shape])
    np.testing.assert_array_equal(back.mask(), mask)
    np.testing.assert_array_equal(back.bounds, encoded.bounds)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=9))
def test_counts_of_any_size_survive(runs):
  size = (1, sum(runs))
  counts = rle._compress(np.array(runs))
  back, = rle.parse([{"size": size, "counts": counts}], [size])
  assert np.diff(back.bounds, prepend=0).tolist() == runs


def test_many_masks_are_read_in_parts(monkeypatch):
  masks = _encode(metrics_data.masks())
  sizes = [m.size for m in masks]
  monkeypatch.setattr(rle, "_MASKS", 2)
  for mask, again in zip(masks, rle.parse([m.coco() for m in masks], sizes)):
    np.testing.assert_array_equal(mask.mask(), again.mask())


def test_damaged_masks_are_named():
  size = (3, 4)
  with pytest.raises(UserError, match="4x3 in a picture of 3x4"):
    rle.parse([{"size": [4, 3], "counts": [12]}], [size])
  with pytest.raises(UserError, match="do not fill its 3x4"):
    rle.parse([{"size": size, "counts": [5, 6]}], [size])
  with pytest.raises(UserError, match="do not fill"):
    rle.parse([{"size": size, "counts": []}], [size])
  with pytest.raises(UserError, match="empty"):
    rle.parse([{"size": size, "counts": ""}], [size])
  for negative in ([15, -3], rle._compress(np.array([15, -3]))):
    with pytest.raises(UserError, match="negative"):
      rle.parse([{"size": size, "counts": negative}], [size])
  with pytest.raises(UserError, match="characters"):
    rle.parse([{"size": size, "counts": "~~"}], [size])
  for damaged in ("é0", b"\xe90", "\u20ac0"):
    with pytest.raises(UserError, match="characters"):
      rle.parse([{"size": size, "counts": damaged}], [size])
  with pytest.raises(UserError, match="characters"):
    rle.parse([{"size": size, "counts": rle.encode(np.ones(size)).coco()["counts"][:-1]
                + "P"}], [size])
  with pytest.raises(UserError, match="polygon of 4"):
    rle.parse([[[0, 0, 1, 1]]], [size])
