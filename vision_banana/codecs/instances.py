"""Reads instances from a picture in which each one has its own solid colour.

The model chooses the colours; only the background's is known. Five stages (paper,
appendix A), on colours in 0..255 with one tolerance tau:

1. `foreground`: pixels at least tau away from the background colour.
2. `flood_fill`: regions grown from a seed, joining what is within tau of the
   *seed's* colour, so that a region cannot drift along a gradient.
3. `drop_small`: regions below 2e-4 of the picture go.
4. `drop_thin`: regions that a 3x3 erosion nearly wipes out (halos) go.
5. `merge`: pieces of one mean colour join unless they lie too far apart (an
   object cut in two by an occluder).

The paper leaves open the order of seeds (here those whose neighbourhood is most of
their own colour first, see `seed_order`: a seed in an outline or a grain of noise
breaks its object into speckle that stage 4 then drops), what "16-connectivity" is
(here the neighbourhood system of that name: the 8 neighbours and the 8 knight's
moves, so a region crosses a gap one pixel wide), erosion at the frame (the frame
does not erode) and the order of merging (large regions first, each piece into the
nearest colour, until nothing changes).
"""

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse import csgraph

from vision_banana.errors import UserError

TAU = 14.0
MIN_AREA = 2e-4
MIN_ERODED = 0.1
GAMMA = 5.0

_ORTHOGONAL = ((1, 0), (0, 1), (-1, 0), (0, -1))  # (dy, dx)
_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_KNIGHT = ((1, 2), (2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1), (-1, 2), (-2, 1))
_NEIGHBOURS = {
    4: _ORTHOGONAL,
    8: _ORTHOGONAL + _DIAGONAL,
    16: _ORTHOGONAL + _DIAGONAL + _KNIGHT,
}
# Regions up to this many pixels are filled pixel by pixel.
_FEW = 64
_FIRST_WINDOW = 32


def decode(
    rgb: np.ndarray,
    background: tuple[int, int, int],
    *,
    tau: float = TAU,
    connectivity: int = 16,
    min_area: float = MIN_AREA,
    min_eroded: float = MIN_ERODED,
    gamma: float = GAMMA,
) -> np.ndarray:
  """Runs the five stages.

  Meant for pictures of solid colours: a photograph, in which nearly every pixel is
  a region of its own, takes seconds.

  Args:
    rgb: uint8 [H, W, 3].
    background: (r, g, b) in 0..255.
    tau: colour tolerance, Euclidean, in 0..255 RGB.
    connectivity: 4, 8 or 16.
    min_area: smallest region, as a fraction of H * W.
    min_eroded: smallest share of its area that a region keeps under erosion.
    gamma: two pieces merge if the box around both is at most gamma times the sum
      of their own boxes.

  Returns:
    int32 [H, W]: 0 is nothing, 1..N are instances, largest first.

  Raises:
    UserError: not a uint8 RGB picture, or an unknown connectivity.
  """
  if rgb.ndim != 3 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8:
    raise UserError(f"instances: need uint8 [H, W, 3], got {rgb.dtype} "
                    f"{list(rgb.shape)}; convert the picture to 8-bit RGB.")
  if connectivity not in _NEIGHBOURS:
    raise UserError(f"instances: connectivity {connectivity} is unknown; use one of "
                    f"{', '.join(map(str, _NEIGHBOURS))}.")
  regions = flood_fill(rgb, foreground(rgb, background, tau), tau, connectivity)
  regions = drop_small(regions, min_area * rgb.shape[0] * rgb.shape[1])
  regions = drop_thin(regions, min_eroded)
  return merge(rgb, regions, tau, gamma)


def _square_distance(planes: np.ndarray, color: np.ndarray) -> np.ndarray:
  """‖C(p) - color‖², int32 [h, w], from int32 planes [3, h, w]."""
  total = np.square(planes[0] - color[0])
  total += np.square(planes[1] - color[1])
  total += np.square(planes[2] - color[2])
  return total


def foreground(rgb: np.ndarray, background: tuple[int, int, int],
               tau: float = TAU) -> np.ndarray:
  """Stage 1: bool [H, W], False where ‖C(p) - background‖² < tau²."""
  planes = np.moveaxis(rgb, -1, 0).astype(np.int32)
  return _square_distance(planes, np.asarray(background, np.int32)) >= tau**2


def seed_order(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Flat indices of `mask`, int64 [N], the best seeds first.

  A seed is good if its neighbourhood has its colour: they are sorted by the mean
  of ‖C(q) - C(p)‖² over the 5x5 pixels q around p, ties in raster order.
  """
  color = rgb.astype(np.float32)
  mean = ndimage.uniform_filter(color, (5, 5, 0), mode="nearest")
  square = ndimage.uniform_filter(np.sum(color**2, axis=-1), 5, mode="nearest")
  spread = square + np.sum(color * (color - 2 * mean), axis=-1)
  index = np.flatnonzero(mask)
  return index[np.argsort(np.rint(spread.ravel()[index]), kind="stable")]


def flood_fill(rgb: np.ndarray, mask: np.ndarray, tau: float = TAU,
               connectivity: int = 16) -> np.ndarray:
  """Stage 2: regions grown from seeds, in the order of `seed_order`.

  A free pixel p joins when ‖C(p) - C(seed)‖² <= tau² and it is connected to the
  seed through such pixels.

  Args:
    rgb: uint8 [H, W, 3].
    mask: bool [H, W], the pixels to cover.
    tau: colour tolerance.
    connectivity: 4, 8 or 16.

  Returns:
    int32 [H, W], 0 outside `mask`, otherwise 1..N in the order of the seeds.
  """
  # A frame of taken pixels, as wide as a knight's move, saves bounds checks.
  height, width = mask.shape[0] + 4, mask.shape[1] + 4
  padded = np.pad(rgb, ((2, 2), (2, 2), (0, 0)))
  planes = np.ascontiguousarray(np.moveaxis(padded, -1, 0), np.int32)
  channels = [plane.tobytes() for plane in np.moveaxis(padded, -1, 0)]
  free = bytearray(np.pad(mask, 2).tobytes())
  free_map = np.frombuffer(free, bool).reshape(height, width)
  regions = np.zeros((height, width), np.int32)
  flat_regions = regions.reshape(-1)
  offsets = [dy * width + dx for dy, dx in _NEIGHBOURS[connectivity]]
  y, x = np.divmod(seed_order(rgb, mask), mask.shape[1])
  count = 0
  for seed in ((y + 2) * width + x + 2).tolist():
    if not free[seed]:
      continue
    count += 1
    # Most regions of a rough picture are a few pixels, for which numpy is slow.
    few = _fill_few(channels, free, seed, offsets, tau**2)
    if few is not None:
      flat_regions[few] = count
    else:
      window, region = _fill_many(planes, free_map, divmod(seed, width), tau**2,
                                  connectivity)
      regions[window][region] = count
      free_map[window][region] = False
  return regions[2:-2, 2:-2]


def _fill_few(channels: list[bytes], free: bytearray, seed: int,
              offsets: list[int], square: float) -> list[int] | None:
  """Takes the region of `seed`, or takes nothing and returns None if it is large."""
  reds, greens, blues = channels
  red, green, blue = reds[seed], greens[seed], blues[seed]
  region = [seed]
  free[seed] = 0
  for pixel in region:
    for offset in offsets:
      q = pixel + offset
      if free[q]:
        r, g, b = reds[q] - red, greens[q] - green, blues[q] - blue
        if r * r + g * g + b * b <= square:
          free[q] = 0
          region.append(q)
    if len(region) > _FEW:
      for q in region:
        free[q] = 1
      return None
  return region


def _fill_many(
    planes: np.ndarray, free: np.ndarray, seed: tuple[int, int], square: float,
    connectivity: int) -> tuple[tuple[slice, slice], np.ndarray]:
  """A window around `seed` and the pixels of its region there, bool [h, w]."""
  height, width = free.shape
  y, x = seed
  color = planes[:, y, x]
  # The window doubles on each side that the region still reaches.
  up = down = left = right = _FIRST_WINDOW
  while True:
    y0, y1 = max(y - up, 0), min(y + down + 1, height)
    x0, x1 = max(x - left, 0), min(x + right + 1, width)
    like_seed = free[y0:y1, x0:x1] & (
        _square_distance(planes[:, y0:y1, x0:x1], color) <= square)
    region = _connected(like_seed, (y - y0, x - x0), connectivity)
    # Two pixels are as far as a knight moves. The frame is never in a region.
    grow = [side.any() for side in
            (region[:2], region[-2:], region[:, :2], region[:, -2:])]
    if not any(grow):
      return (slice(y0, y1), slice(x0, x1)), region
    up, down, left, right = (
        size * (1 + more) for size, more in zip((up, down, left, right), grow))


def _connected(mask: np.ndarray, pixel: tuple[int, int],
               connectivity: int) -> np.ndarray:
  """The pixels of `mask` connected to `pixel`, bool [h, w]."""
  structure = ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
  parts, count = ndimage.label(mask, structure)
  own = parts[pixel]
  if connectivity != 16 or count == 1:
    return parts == own
  # Knight's moves between the 8-connected parts.
  pairs = []
  for dy, dx in _KNIGHT[:4]:
    a = parts[:-dy, max(-dx, 0):parts.shape[1] - max(dx, 0)]
    b = parts[dy:, max(dx, 0):parts.shape[1] + min(dx, 0)]
    touching = (a != b) & (a > 0) & (b > 0)
    pairs.append(np.stack([a[touching], b[touching]]))
  links = np.concatenate(pairs, axis=1)
  graph = coo_array((np.ones(links.shape[1], bool), links), (count + 1, count + 1))
  _, group = csgraph.connected_components(graph, directed=False)
  return (group == group[own])[parts] & mask


def _keep(regions: np.ndarray, kept: np.ndarray) -> np.ndarray:
  """Renumbers 1..N to the regions with kept[id]; the others become 0."""
  kept = kept.copy()
  kept[0] = False
  return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[regions]


def drop_small(regions: np.ndarray, min_pixels: float) -> np.ndarray:
  """Stage 3: removes regions with fewer than `min_pixels` pixels."""
  return _keep(regions, np.bincount(regions.ravel()) >= min_pixels)


def drop_thin(regions: np.ndarray, min_eroded: float = MIN_ERODED) -> np.ndarray:
  """Stage 4: removes regions that lose over 1 - min_eroded to a 3x3 erosion."""
  # A pixel survives if its whole neighbourhood is of its region; the frame's
  # outside counts as such.
  low = ndimage.minimum_filter(regions, 3, mode="nearest")
  high = ndimage.maximum_filter(regions, 3, mode="nearest")
  area = np.bincount(regions.ravel())
  eroded = np.bincount(regions[low == high], minlength=area.size)
  return _keep(regions, eroded >= min_eroded * area)


def merge(rgb: np.ndarray, regions: np.ndarray, tau: float = TAU,
          gamma: float = GAMMA) -> np.ndarray:
  """Stage 5: joins regions of one colour that are close enough.

  Two regions join if their mean colours are within tau and the bounding box around
  both is at most `gamma` times as large as their own two together. The largest
  goes first; each next one joins the region nearest in colour, means and boxes are
  updated, and passes repeat until none joins.

  Args:
    rgb: uint8 [H, W, 3].
    regions: int32 [H, W], 0 is nothing, 1..N.
    tau: tolerance of the mean colours.
    gamma: limit on the box.

  Returns:
    int32 [H, W], 1..M, largest first.
  """
  count = int(regions.max(initial=0))
  flat = regions.ravel()
  area = np.bincount(flat, minlength=count + 1)[1:].astype(np.float64)
  total = np.stack([
      np.bincount(flat, rgb[..., i].ravel(), count + 1)[1:] for i in range(3)], 1)
  # Half-open boxes as (-y0, -x0, y1, x1), so that a union is a maximum.
  box = np.array([(-s[0].start, -s[1].start, s[0].stop, s[1].stop)
                  for s in ndimage.find_objects(regions)]).reshape(count, 4)
  members = [[i + 1] for i in range(count)]
  changed = True
  while changed:
    changed = False
    order = np.argsort(-area, kind="stable")
    area, total, box = area[order], total[order], box[order]
    members = [members[i] for i in order]
    kept = 0
    for i in range(len(members)):
      square = np.sum((total[:kept] / area[:kept, None] - total[i] / area[i])**2, 1)
      union = _box_area(np.maximum(box[:kept], box[i]))
      limit = gamma * (_box_area(box[:kept]) + _box_area(box[i]))
      square = np.where((square <= tau**2) & (union <= limit), square, np.inf)
      if square.size and np.isfinite(square.min()):
        into, changed = int(np.argmin(square)), True
        area[into] += area[i]
        total[into] += total[i]
        box[into] = np.maximum(box[into], box[i])
        members[into] += members[i]
      else:
        area[kept], total[kept], box[kept] = area[i], total[i], box[i]
        members[kept] = members[i]
        kept += 1
    area, total, box, members = area[:kept], total[:kept], box[:kept], members[:kept]
  ids = np.zeros(count + 1, np.int32)
  for i, group in enumerate(members):
    ids[group] = i + 1
  return ids[regions]


def _box_area(box: np.ndarray) -> np.ndarray:
  return (box[..., 2] + box[..., 0]) * (box[..., 3] + box[..., 1])
