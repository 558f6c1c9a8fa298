"""Metric depth: δ, AbsRel, RMSE and the logarithmic errors, by a protocol."""

import numpy as np

from vision_banana.codecs.depth import MAX_DEPTH
from vision_banana.codecs.thresholds import DELTA
from vision_banana.eval.metrics.accumulate import Numbers, mean_rows
from vision_banana.eval.metrics.depth_protocols import DepthProtocol

NAMES = ("delta1", "delta2", "delta3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10",
         "silog")
# Metres. Black decodes to 0, of which no ratio and no logarithm exists.
_FLOOR = 1e-3


class Depth:
  """Errors of each picture by themselves, then their mean over pictures.

  Keys: delta1, delta2, delta3 (shares with max(p/t, t/p) < 1.25, 1.25², 1.25³,
  strict), abs_rel, sq_rel (m), rmse (m), rmse_log, log10, silog (×100, as published).
  """

  def __init__(self, protocol: DepthProtocol):
    self.protocol = protocol
    self._rows: list[Numbers] = []

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture, if any of its pixels is valid.

    Args:
      prediction: metres [h,w]; resized (bilinear) if not of the truth's size. Below
        1 mm counts as 1 mm; not finite or `MAX_DEPTH`, which white decodes to and
        which stands for infinity, as the protocol's far limit or, if it has none, the
        picture's farthest valid truth.
      truth: metres [H,W], of the protocol's `view`; not finite = invalid.

    Returns:
      This picture's numbers.
    """
    valid = self._valid(truth)
    if not valid.any():
      return {}
    t = truth[valid].astype(np.float64)
    far = self.protocol.far if np.isfinite(self.protocol.far) else t.max()
    endless = ~np.isfinite(prediction) | (prediction >= MAX_DEPTH)
    prediction = np.where(endless, far, prediction)
    if prediction.shape != truth.shape:
      prediction = resize(prediction, truth.shape, self.protocol.corners)
    p = prediction[valid].astype(np.float64)
    if self.protocol.clip:
      p = np.clip(p, self.protocol.near, self.protocol.far)
    row = _errors(np.maximum(p, _FLOOR), t, self.protocol)
    self._rows.append(row)
    return row

  def result(self) -> Numbers:
    return mean_rows(self._rows, NAMES)

  def _valid(self, truth: np.ndarray) -> np.ndarray:
    protocol = self.protocol
    above, below = (np.greater_equal, np.less_equal) if protocol.closed else (
        np.greater, np.less)
    valid = np.isfinite(truth) & above(truth, protocol.near) & below(
        truth, protocol.far)
    if protocol.near_quantile_factor is not None and valid.any():
      limit = np.quantile(truth[valid], 0.01) * protocol.near_quantile_factor
      valid &= truth <= limit
    if protocol.crop:
      inside = np.zeros_like(valid)
      inside[protocol.crop.window(*truth.shape)] = True
      valid &= inside
    return valid


def _errors(p: np.ndarray, t: np.ndarray, protocol: DepthProtocol) -> Numbers:
  """Of valid pixels [n], both positive."""
  ratio = np.maximum(p / t, t / p)
  difference, log = p - t, np.log(p) - np.log(t)
  return {
      **{f"delta{i}": float(np.mean(ratio < DELTA**i)) for i in (1, 2, 3)},
      "abs_rel": float(np.mean(np.abs(difference) / (t + protocol.relative_offset))),
      "sq_rel": float(np.mean(difference**2 / t)),
      "rmse": float(np.sqrt(np.mean(difference**2))),
      "rmse_log": float(np.sqrt(np.mean(log**2))),
      "log10": float(np.mean(np.abs(log)) / np.log(10)),
      # Of one pixel the sample's deviation is not defined; there is no spread.
      "silog": float(100 * np.std(log, ddof=protocol.ddof)) if len(log) > 1 else 0.0,
  }


def resize(values: np.ndarray, size: tuple[int, int], corners: bool) -> np.ndarray:
  """Bilinear, without smoothing, as torch's `interpolate`.

  Args:
    values: float [h,w], finite.
    size: (H, W).
    corners: keep the centres of the corner pixels in place (align_corners=True), or
      the outer edges of the picture.

  Returns:
    Float [H,W] of the same dtype.
  """
  for axis, new in enumerate(size):
    old = values.shape[axis]
    if corners:
      at = np.arange(new) * ((old - 1) / max(new - 1, 1))
    else:
      at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = np.minimum(at.astype(int), old - 1)
    high = np.minimum(low + 1, old - 1)
    weight = (at - low).astype(values.dtype).reshape((-1, 1) if axis == 0 else (1, -1))
    values = (values.take(low, axis) * (1 - weight) + values.take(high, axis) * weight)
  return values
