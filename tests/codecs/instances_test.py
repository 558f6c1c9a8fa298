import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import ndimage

from vision_banana.codecs import instances
from vision_banana.errors import UserError

BACKGROUND = (88, 50, 82)
SIZE = 256


def _disc(cy, cx, radius):
  y, x = np.mgrid[:SIZE, :SIZE]
  return (y - cy)**2 + (x - cx)**2 <= radius**2


def _picture():
  """A picture as a generator paints it, and its true instances, [SIZE, SIZE] each."""
  rng = np.random.default_rng(0)
  shapes = [
      (_disc(60, 60, 40), (220, 60, 60)),
      (_disc(60, 130, 32), (60, 160, 220)),  # Touches the first.
      (_disc(225, 225, 20), (222, 62, 58)),  # As red as the first, but elsewhere.
      (np.zeros((SIZE, SIZE), bool), (240, 220, 40)),
      (np.zeros((SIZE, SIZE), bool), (30, 30, 200)),
  ]
  shapes[3][0][150:180, 20:180] = True
  shapes[4][0][120:240, 90:115] = True  # Cuts the bar above in two.
  truth = np.zeros((SIZE, SIZE), np.int32)
  rgb = np.full((SIZE, SIZE, 3), BACKGROUND, np.float64)
  for i, (shape, color) in enumerate(shapes):
    truth[shape] = i + 1
    rgb[shape] = color
  x = np.mgrid[:SIZE, :SIZE][1]
  drift = np.where(truth == 2, (x - 130) / 32 * 5, 0)
  rgb += drift[..., None]
  rgb = ndimage.gaussian_filter(rgb, (0.8, 0.8, 0))  # Soft outlines.
  halo = _disc(60, 220, 25) & ~_disc(60, 220, 23)  # And a ring around nothing.
  rgb[halo] = (140, 200, 90)
  rgb[200:203, 20:23] = (250, 250, 250)  # A speck that erosion spares.
  rgb += rng.normal(0, 1.5, rgb.shape)
  return np.clip(np.rint(rgb), 0, 255).astype(np.uint8), truth


def _is_right(found, truth):
  """The same number of instances, each with an IoU of 0.85 with its own."""
  if found.max() != truth.max():
    return False
  for i in range(1, truth.max() + 1):
    ids, counts = np.unique(found[truth == i], return_counts=True)
    best = ids[counts.argmax()]
    union = ((found == best) | (truth == i)).sum()
    if best == 0 or counts.max() / union < 0.85:
      return False
  return True


def test_noise_drift_halos_and_an_occluded_object():
  rgb, truth = _picture()
  found = instances.decode(rgb, BACKGROUND)
  assert found.dtype == np.int32 and found.shape == truth.shape
  assert _is_right(found, truth)
  areas = np.bincount(found.ravel())[1:]
  assert (np.diff(areas) <= 0).all()  # The largest first.


@pytest.mark.parametrize("stage, skipped", [
    ("foreground", lambda rgb, background, tau: np.ones(rgb.shape[:2], bool)),
    ("flood_fill", lambda rgb, mask, *_: ndimage.label(mask)[0].astype(np.int32)),
    ("drop_small", lambda regions, _: regions),
    ("drop_thin", lambda regions, _: regions),
    ("merge", lambda rgb, regions, *_: regions),
])
def test_without_any_one_stage_the_picture_is_read_wrongly(monkeypatch, stage, skipped):
  rgb, truth = _picture()
  monkeypatch.setattr(instances, stage, skipped)
  assert not _is_right(instances.decode(rgb, BACKGROUND), truth)


def test_every_parameter_reaches_its_stage():
  rgb, truth = _picture()
  for change in ({"tau": 2.0}, {"min_area": 1e-5}, {"min_eroded": 0.0},
                 {"gamma": 1.0}, {"gamma": 50.0}):
    assert not _is_right(instances.decode(rgb, BACKGROUND, **change), truth), change
  one_pixel_apart = np.zeros((40, 40, 3), np.uint8)
  one_pixel_apart[5:15, 5:15] = one_pixel_apart[16:26, 5:15] = 200
  count = lambda k: instances.decode(
      one_pixel_apart, (0, 0, 0), connectivity=k, gamma=0.1).max()
  assert (count(4), count(8), count(16)) == (2, 2, 1)


def test_foreground_begins_at_exactly_tau():
  row = np.array([[[100, 100, 100], [113, 100, 100], [114, 100, 100], [112, 108, 100],
                   [86, 100, 100], [87, 100, 100]]], np.uint8)
  np.testing.assert_array_equal(instances.foreground(row, (100, 100, 100)),
                                [[False, False, True, True, True, False]])


def test_flood_fill_does_not_drift_along_a_gradient():
  rgb = np.zeros((20, 120, 3), np.uint8)
  rgb[..., 0] = 100 + np.arange(120)  # Each pixel is within 1 of the next.
  regions = instances.flood_fill(rgb, np.ones((20, 120), bool))
  assert regions.min() == 1
  for i in range(1, regions.max() + 1):
    reds = rgb[..., 0][regions == i].astype(int)
    assert reds.max() - reds.min() <= 28
  assert 4 <= regions.max() <= 10


def test_flood_fill_joins_at_exactly_tau():
  rgb = np.full((9, 30, 3), 50, np.uint8)
  rgb[:, 10:20, 1] = 64
  rgb[:, 20:, 1] = 79
  regions = instances.flood_fill(rgb, np.ones((9, 30), bool))
  assert regions[4, 2] == regions[4, 15] != regions[4, 27]


def _flood_fill_plainly(rgb, mask, tau, connectivity):
  steps = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)
           if dy * dy + dx * dx in {4: (1,), 8: (1, 2), 16: (1, 2, 5)}[connectivity]]
  color, free = rgb.astype(int), mask.copy()
  regions = np.zeros(mask.shape, np.int32)
  count = 0
  for seed in instances.seed_order(rgb, mask):
    seed = tuple(int(v) for v in divmod(seed, mask.shape[1]))
    if not free[seed]:
      continue
    count += 1
    free[seed] = False
    queue = [seed]
    for y, x in queue:
      regions[y, x] = count
      for dy, dx in steps:
        q = y + dy, x + dx
        inside = 0 <= q[0] < mask.shape[0] and 0 <= q[1] < mask.shape[1]
        if inside and free[q] and ((color[q] - color[seed])**2).sum() <= tau**2:
          free[q] = False
          queue.append(q)
  return regions


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 8, 16]), st.integers(1, 90),
       st.integers(1, 90), st.sampled_from([0.02, 0.3, 0.6]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_flood_fill_equals_the_plain_algorithm(seed, connectivity, height, width, holes,
                                               noisy):
  rng = np.random.default_rng(seed)
  coarse = rng.integers(0, 4, (height // 20 + 1, width // 20 + 1, 3)) * 80
  rgb = coarse.repeat(20, 0).repeat(20, 1)[:height, :width]
  if noisy:
    rgb = np.clip(rgb + rng.normal(0, 4, rgb.shape), 0, 255)
  rgb = rgb.astype(np.uint8)
  mask = rng.random((height, width)) >= holes
  np.testing.assert_array_equal(
      instances.flood_fill(rgb, mask, 14.0, connectivity),
      _flood_fill_plainly(rgb, mask, 14.0, connectivity))


def test_flood_fill_follows_a_spiral_out_of_every_window():
  y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
  turn = np.hypot(y, x) / 8 - np.arctan2(y, x) / (2 * np.pi)
  spiral = (turn % 1 < 0.5) & (np.hypot(y, x) < SIZE / 2)
  rgb = np.where(spiral, 200, 0)[..., None].repeat(3, -1).astype(np.uint8)
  regions = instances.flood_fill(rgb, spiral)
  np.testing.assert_array_equal(regions > 0, spiral)
  assert np.bincount(regions.ravel())[1] > 0.99 * spiral.sum()


@pytest.mark.parametrize("offset", [*range(-36, -27), *range(28, 37)])
def test_flood_fill_crosses_a_gap_at_the_edge_of_its_window(offset):
  y, x = np.mgrid[:121, :121]
  value = 200 + (y + x) % 2  # Checks, but for the best seed in the middle.
  value[58:63, 58:63] = 200
  rgb = value[..., None].repeat(3, -1).astype(np.uint8)
  mask = np.ones((121, 121), bool)
  mask[60 + offset] = False
  for across in (mask, mask.T):
    assert instances.flood_fill(rgb, across).max() == 1
    assert instances.flood_fill(rgb, across, connectivity=8).max() == 2


def test_seeds_come_from_the_middle_of_an_object():
  rgb = np.zeros((30, 30, 3), np.uint8)
  rgb[5:25, 5:25] = 200
  rgb[12, 12] = 210
  mask = rgb[..., 0] > 0
  order = [divmod(int(i), 30) for i in instances.seed_order(rgb, mask)]
  assert len(order) == mask.sum() == len(set(order))
  assert order[0] == (7, 7)  # The first in raster order with 25 pixels of its colour.
  assert order.index((12, 12)) > order.index((20, 20))  # A grain of noise is late,
  assert order[-1] in {(5, 5), (5, 24), (24, 5), (24, 24)}  # and corners are last.


def test_small_regions_go_at_exactly_the_limit():
  regions = np.array([[1, 1, 1, 0, 2, 2, 0, 3, 3, 3, 3]], np.int32)
  np.testing.assert_array_equal(instances.drop_small(regions, 3),
                                [[1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2]])


def test_thin_regions_go_and_the_frame_does_not_erode():
  regions = np.zeros((20, 30), np.int32)
  regions[2:5, 2:5] = 1  # Keeps 1 of 9.
  regions[2:5, 8:12] = 2
  regions[8:10, 2:30] = 3  # Two wide: nothing remains.
  regions[18:20, 2:12] = 4  # Two wide at the frame: 8 of 20.
  regions[12:15, 2:5] = 5
  regions[12:13, 5:7] = 5  # 1 of 11.
  got = instances.drop_thin(regions)
  want = np.array([0, 1, 2, 0, 3, 0])[regions]
  np.testing.assert_array_equal(got, want)


def _pieces(*boxes):
  """Regions and their picture from (rows, columns, colour)."""
  regions = np.zeros((100, 100), np.int32)
  rgb = np.zeros((100, 100, 3), np.uint8)
  for i, (rows, columns, color) in enumerate(boxes):
    regions[slice(*rows), slice(*columns)] = i + 1
    rgb[slice(*rows), slice(*columns)] = color
  return rgb, regions


@pytest.mark.parametrize("color, start, joined", [
    ((200, 0, 0), 60, True),
    ((200, 14, 0), 60, True),  # tau exactly.
    ((200, 15, 0), 60, False),
    ((200, 0, 0), 90, True),  # A box of 100 wide around two of 10: gamma exactly.
    ((200, 0, 0), 91, False),
])
def test_merge_by_colour_and_by_box(color, start, joined):
  rgb, regions = _pieces(((0, 10), (0, 10), (200, 0, 0)),
                         ((0, 10), (start, 100), color))
  got = instances.merge(rgb, regions, gamma=5.0)
  size = (100 - start) * 10 + 100
  assert joined == (size * 5 >= 1000 and color[1] <= 14)
  np.testing.assert_array_equal(got > 0, regions > 0)
  assert got.max() == (1 if joined else 2)


def test_merge_goes_on_until_nothing_joins_and_sorts_by_area():
  # The middle piece reaches neither end alone; with the first it does.
  rgb, regions = _pieces(
      ((0, 10), (0, 10), (200, 0, 0)), ((40, 80), (40, 80), (0, 200, 0)),
      ((0, 4), (40, 44), (205, 0, 0)), ((0, 10), (20, 30), (200, 0, 0)))
  got = instances.merge(rgb, regions)
  np.testing.assert_array_equal(got, np.array([0, 2, 1, 2, 2])[regions])


def test_a_piece_joins_the_nearest_colour():
  rgb, regions = _pieces(((0, 20), (0, 20), (200, 0, 0)),
                         ((0, 18), (30, 48), (200, 20, 0)),
                         ((0, 5), (22, 27), (200, 12, 0)))
  got = instances.merge(rgb, regions)
  np.testing.assert_array_equal(got, np.array([0, 1, 2, 2])[regions])


def test_an_empty_and_a_full_picture():
  rgb = np.full((8, 9, 3), 100, np.uint8)
  assert not instances.decode(rgb, (100, 100, 100)).any()
  assert (instances.decode(rgb, (0, 0, 0)) == 1).all()


def test_bad_input_is_named():
  with pytest.raises(UserError, match=r"need uint8 \[H, W, 3\], got float64 \[4"):
    instances.decode(np.zeros((4, 4, 3)), (0, 0, 0))
  with pytest.raises(UserError, match=r"got uint8 \[4, 4\]"):
    instances.decode(np.zeros((4, 4), np.uint8), (0, 0, 0))
  with pytest.raises(UserError, match="connectivity 6 is unknown; use one of 4, 8, 16"):
    instances.decode(np.zeros((4, 4, 3), np.uint8), (0, 0, 0), connectivity=6)
