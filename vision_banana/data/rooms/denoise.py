"""Open Image Denoise."""

import numpy as np

class Denoiser:
  """Open Image Denoise on one CPU thread, guided by albedo and normals."""

  def __init__(self, size: int):
    import pyoidn  # pylint: disable=g-import-not-at-top
    self._device = pyoidn.Device()
    self._device.set_int("numThreads", 1)
    self._device.set_bool("setAffinity", False)
    self._device.commit()
    self._images = {name: np.zeros((size, size, 3), np.float32)
                    for name in ("color", "albedo", "normal", "output")}
    self._filter = pyoidn.Filter(self._device, pyoidn.OIDN_FILTER_TYPE_RT)
    for name, image in self._images.items():
      self._filter.set_image(name, image, pyoidn.OIDN_FORMAT_FLOAT3)
    self._filter.set_bool("hdr", True)
    self._filter.commit()

  def __call__(self, color: np.ndarray, albedo: np.ndarray,
               normal: np.ndarray) -> np.ndarray:
    for name, image in (("color", color), ("albedo", albedo), ("normal", normal)):
      self._images[name][...] = image
    self._filter.execute()
    error = self._device.get_error()
    if error is not None:
      raise RuntimeError(f"Open Image Denoise: {error}")
    return self._images["output"].copy()
