"""The one real photograph with metric depth that comes inside a Python package."""

from typing import Any

import numpy as np

from vision_banana.errors import UserError

# Calibration of the Middlebury 2014 "Motorcycle" pair at the size scikit-image
# ships it: focal length and principal point offset in pixels, baseline in metres.
FOCAL_PX, BASELINE_M, DOFFS_PX = 994.978, 0.193001, 31.086


def read() -> list[dict[str, Any]]:
  """The left photograph: image uint8 [500,741,3] and depth [m], NaN unmeasured.

  z = focal · baseline / (disparity + doffs).

  Raises:
    UserError: scikit-image is not installed.
  """
  try:
    from skimage import data
  except ImportError as e:
    raise UserError("benchmark 'motorcycle' reads a photograph of scikit-image; "
                    "pip install scikit-image.") from e
  image, _, disparity = data.stereo_motorcycle()
  depth = FOCAL_PX * BASELINE_M / (disparity.astype(np.float64) + DOFFS_PX)
  depth[~np.isfinite(disparity)] = np.nan
  return [{"image": image, "depth": depth.astype(np.float32)}]
