import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_banana.data import buckets

USUAL = (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16)


def test_shapes_of_the_usual_aspects():
  assert buckets.shapes(512, USUAL) == [
      (512, 512), (432, 592), (592, 432), (384, 672), (672, 384)]
  assert buckets.shapes(1024, USUAL)[1:4:2] == [(880, 1184), (768, 1360)]


def test_one_square_of_any_size_is_the_default():
  assert buckets.shapes(9, (1.0,)) == [(9, 9)]


@given(st.integers(4, 128).map(lambda n: 16 * n), st.floats(1 / 4, 4))
def test_no_shape_is_larger_than_the_square_nor_much_smaller(size, aspect):
  (height, width), = buckets.shapes(size, (aspect,))
  assert height % 16 == 0 and width % 16 == 0
  assert height * width <= size * size
  if size >= 256:
    assert height * width > 0.8 * size * size
    assert abs(math.log(width / height / aspect)) < 0.13
  assert buckets.shapes(size, (1 / aspect,)) == [(width, height)] or aspect == 1


def test_shapes_that_coincide_are_one():
  assert buckets.shapes(512, (4 / 3, 1.34, 1.0, 1.0)) == [(432, 592), (512, 512)]


@pytest.mark.parametrize("size, aspects, message", [
    (64, (), "aspects is empty"), (64, (9.0,), "aspect 9.0 is not in"),
    (64, (0.0,), "aspect 0.0"), (40, (1.0, 2.0), "multiple of 16"),
    (64, (float("nan"),), "aspect nan"), (16, (8.0,), "size 16 is too small")])
def test_bad_aspects(size, aspects, message):
  with pytest.raises(ValueError, match=message):
    buckets.shapes(size, aspects)


def test_the_largest_is_the_square_where_it_is_one_of_them():
  assert buckets.largest(512, USUAL) == (512, 512)
  assert buckets.largest(512, (3 / 4, 16 / 9)) == (384, 672)


def test_pictures_go_to_the_nearest_ratio():
  among = buckets.shapes(512, USUAL)
  for size, expected in [((100, 100), (512, 512)), ((1080, 1920), (384, 672)),
                         ((1920, 1080), (672, 384)), ((480, 640), (432, 592)),
                         ((100, 1000), (384, 672)), ((100, 110), (512, 512))]:
    assert among[buckets.nearest(size, among)] == expected


class Sized:
  """A source that knows sizes and must not be decoded."""

  def __init__(self, sizes):
    self.sizes = sizes

  def __len__(self):
    return len(self.sizes)

  def size(self, index):
    return self.sizes[index]


def test_sizes_are_asked_for_where_the_source_knows_them():
  sizes = [(10, 10), (9, 16), (16, 9), (10, 11)]
  among = buckets.shapes(64, (1.0, 16 / 9, 9 / 16))
  np.testing.assert_array_equal(buckets.assign(Sized(sizes), among), [0, 1, 2, 0])
  decoded = [{"image": np.zeros((*s, 3), np.uint8)} for s in sizes]
  np.testing.assert_array_equal(buckets.assign(decoded, among), [0, 1, 2, 0])


def test_a_part_keeps_what_is_left_of_each_block():
  part = buckets.Part(list("abcdefgh"), np.array([0, 2, 3, 7]), [3, 3, 2])
  assert [part[i] for i in range(len(part))] == ["a", "c", "d", "h"]
  assert part.blocks == [2, 1, 1]
  assert buckets.Part(list("abc"), np.array([1]), [1, 1, 1]).blocks == [1]
  assert buckets.Part(list("abc"), np.array([1])).blocks == []
