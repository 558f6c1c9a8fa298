"""Surface normals: angular errors by DSINE's rule, and per picture."""

import numpy as np

from vision_banana.eval.metrics.accumulate import Numbers, mean, ratio

# Degrees; strict. The names drop the fraction.
WITHIN = {"within_5": 5.0, "within_7": 7.5, "within_11": 11.25, "within_22": 22.5,
          "within_30": 30.0}
# The pooled median comes from counts in bins this wide: that is how far off it can be.
_BINS = 2**22
MEDIAN_ERROR = 180 / _BINS  # degrees: 4.3e-5


class Normals:
  """Angles between normals; all valid pixels of the set are pooled.

  Keys: mean, median, rmse (degrees), within_5 (5°), within_7 (7.5°), within_11
  (11.25°), within_22 (22.5°), within_30 (30°) (shares, strict), and image_mean and
  image_median, the means over pictures of each one's own. The pooled median is within
  `MEDIAN_ERROR`, everything else exact: half a billion angles are not kept but counted.
  """

  def __init__(self):
    self._histogram = np.zeros(_BINS, np.int64)
    self._total = self._square = 0.0
    self._within = dict.fromkeys(WITHIN, 0)
    self._means: list[float] = []
    self._medians: list[float] = []

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture, if any of its pixels is valid.

    Args:
      prediction: [H,W,3], need not be unit length; a zero vector is 90° off.
      truth: [H,W,3]; zero vectors are invalid.

    Returns:
      This picture's mean, median and shares.
    """
    valid = np.any(truth != 0, axis=-1)
    if not valid.any():
      return {}
    p, t = prediction[valid].astype(np.float64), truth[valid].astype(np.float64)
    size = np.sqrt((p * p).sum(-1) * (t * t).sum(-1))
    cosine = (p * t).sum(-1) / np.maximum(size, 1e-12)
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    bins = np.minimum((angles / MEDIAN_ERROR).astype(np.int64), _BINS - 1)
    # Only the part of the histogram this picture reaches is touched.
    counts = np.bincount(bins)
    self._histogram[:len(counts)] += counts
    self._total += angles.sum()
    self._square += (angles * angles).sum()
    inside = {k: int((angles < limit).sum()) for k, limit in WITHIN.items()}
    for name, count in inside.items():
      self._within[name] += count
    self._means.append(float(angles.mean()))
    self._medians.append(float(np.median(angles)))
    return {"mean": self._means[-1], "median": self._medians[-1],
            **{k: count / angles.size for k, count in inside.items()}}

  def result(self) -> Numbers:
    count = int(self._histogram.sum())
    return {
        "mean": ratio(self._total, count),
        "median": self._median(count),
        "rmse": float(np.sqrt(ratio(self._square, count))),
        **{name: ratio(k, count) for name, k in self._within.items()},
        "image_mean": mean(self._means),
        "image_median": mean(self._medians),
    }

  def _median(self, count: int) -> float:
    if not count:
      return float("nan")
    upto = np.cumsum(self._histogram)
    # The two middle ones, which are one if the count is odd.
    low, high = np.searchsorted(upto, [(count + 1) // 2, count // 2 + 1])
    return float((low + high + 1) / 2 * MEDIAN_ERROR)
