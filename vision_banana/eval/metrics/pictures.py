"""Pictures against exact targets, and colours of sets of pictures."""

import numpy as np

from vision_banana.eval.metrics.accumulate import Numbers, mean


def psnr(prediction: np.ndarray, truth: np.ndarray,
         where: np.ndarray | None = None) -> float:
  """Peak signal-to-noise ratio in dB of two uint8 [H,W,3] pictures.

  Args:
    prediction: uint8.
    truth: uint8.
    where: bool [H,W], the pixels to compare; None = all; none set = NaN.

  Returns:
    dB, at most 100 (equal pictures).
  """
  square = (prediction.astype(np.float64) / 255 - truth.astype(np.float64) / 255) ** 2
  square = square if where is None else square[where]
  if not square.size:
    return float("nan")
  return float(-10 * np.log10(max(square.mean(), 1e-10)))


class Editing:
  """PSNR against the exact target, mean over pictures, and inside what changes.

  Keys: psnr, psnr_changed (over changed pixels only; pictures without any are left
  out), gain, psnr minus that of handing back the input (dB), and better, the share of
  pictures whose gain is positive.
  """

  def __init__(self, changed: float = 0.1):
    """
    Args:
      changed: a pixel changes if a channel differs by more than this (0..1).
    """
    self._changed = changed
    self._rows: list[Numbers] = []

  def add(self, prediction: np.ndarray, truth: tuple[np.ndarray, np.ndarray]
          ) -> Numbers:
    """Counts one picture.

    Args:
      prediction: uint8 [H,W,3].
      truth: (target, input), uint8 [H,W,3]: the scene rendered again after the edit,
        and the picture to edit.
    """
    target, given = truth
    where = np.abs(target.astype(int) - given).max(-1) > self._changed * 255
    everywhere = psnr(prediction, target)
    gain = everywhere - psnr(given, target)
    row = {"psnr": everywhere, "gain": gain, "better": float(gain > 0),
           "psnr_changed": psnr(prediction, target, where)}
    self._rows.append(row)
    return row

  def result(self) -> Numbers:
    return {name: mean([r[name] for r in self._rows if not np.isnan(r[name])])
            for name in ("psnr", "gain", "better", "psnr_changed")}


class ColorHistogram:
  """Distance of the colours of two sets of pictures; says nothing of content.

  Key: histogram_distance, total variation (0..1) of the pooled RGB histograms.
  """

  def __init__(self, bins: int = 8):
    """
    Args:
      bins: cells per channel.
    """
    self._bins = bins
    self._predicted, self._true = (np.zeros(bins**3, np.int64) for _ in range(2))

  def add(self, prediction: np.ndarray, truth: np.ndarray) -> Numbers:
    """Counts one picture: uint8 [h,w,3] and [H,W,3]. It has no number of its own."""
    for counts, picture in ((self._predicted, prediction), (self._true, truth)):
      cell = picture.reshape(-1, 3).astype(np.int64) * self._bins // 256
      cell = cell @ [self._bins * self._bins, self._bins, 1]
      counts += np.bincount(cell, minlength=self._bins**3)
    return {}

  def result(self) -> Numbers:
    if not self._true.any():
      return {"histogram_distance": float("nan")}
    p, t = (c / max(c.sum(), 1) for c in (self._predicted, self._true))
    return {"histogram_distance": float(np.abs(p - t).sum() / 2)}
