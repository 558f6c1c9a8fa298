"""Finds the fastest way to run Mitsuba here."""

import functools
import importlib.util
import os
import subprocess
import sys
import warnings

from vision_banana.errors import UserError

# Newest first: LLVM 14 to 16 cannot compile a path tracer.
_LLVM_LIBRARIES = ("libLLVM-20.so", "libLLVM.so.20.1", "libLLVM-19.so",
                   "libLLVM.so.19.1", "libLLVM-18.so", "libLLVM-17.so")
_PROBE = """
import drjit as dr, mitsuba as mi
mi.set_variant("llvm_ad_rgb")
scene = mi.load_dict(mi.cornell_box())
dr.eval(mi.render(scene, spp=1, sensor=0))
"""


@functools.cache
def variant() -> str:
  """The fastest Mitsuba variant that works here; also sets DRJIT_LIBLLVM_PATH.

  A wrong LLVM aborts the process, so that a child process tries it.

  Raises:
    UserError: Mitsuba or Open Image Denoise is not installed.
  """
  for package in ("mitsuba", "pyoidn"):
    if importlib.util.find_spec(package) is None:
      raise UserError(f"{package} is not installed: pip install "
                      "'vision_banana[render]'")
  given = os.environ.get("DRJIT_LIBLLVM_PATH")
  for path in ([given] if given else _LLVM_LIBRARIES):
    environment = dict(os.environ, DRJIT_LIBLLVM_PATH=path)
    try:
      # A cheap test first: most of the names are usually not there.
      subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL({path!r})"],
                     check=True, capture_output=True, timeout=60)
      subprocess.run([sys.executable, "-c", _PROBE], env=environment, check=True,
                     capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
      continue
    os.environ["DRJIT_LIBLLVM_PATH"] = path
    return "llvm_ad_rgb"
  warnings.warn("no usable LLVM (17 or newer) found: rendering about 8 times slower; "
                "install libllvm19 or set DRJIT_LIBLLVM_PATH to its file")
  return "scalar_rgb"


def mitsuba(name: str | None = None):
  """The module, with its variant set: `name`, or the fastest that works.

  Raises:
    UserError: Mitsuba or Open Image Denoise is not installed.
  """
  name = name or variant()
  import mitsuba as mi  # pylint: disable=g-import-not-at-top
  if mi.variant() is None:
    mi.set_variant(name)
  return mi


def set_threads(count: int) -> None:
  """Limits the threads of this process's renderers."""
  import drjit as dr  # pylint: disable=g-import-not-at-top
  dr.set_thread_count(count)
