"""Writes vision_banana/codecs/colormap_tables.py from matplotlib's listed maps.

  python experiments/make_colormap_tables.py

Plasma, Inferno and Viridis (Nathaniel J. Smith, Stefan van der Walt; CC0 1.0) and
Turbo (Anton Mikhailov, Google; Apache 2.0) are lists of 256 colours with at most six
decimals. A million fits twenty bits, so five hexadecimal digits a channel keep them
exactly, with no matplotlib at run time.
"""

import os
import textwrap

import matplotlib
import numpy as np

NAMES = ("plasma", "inferno", "viridis", "turbo")
PATH = os.path.join(os.path.dirname(__file__), "..", "vision_banana", "codecs",
                    "colormap_tables.py")
HEADER = '''"""Plasma, Inferno, Viridis and Turbo: 256 colours each, R G B R G B …

Five hexadecimal digits a channel, in millionths. The first three by Nathaniel J.
Smith and Stefan van der Walt, dedicated to the public domain (CC0 1.0); Turbo by
Anton Mikhailov, Google (Apache 2.0). Written by
experiments/make_colormap_tables.py; do not edit.
"""
'''


def main() -> None:
  text = HEADER
  for name in NAMES:
    millionths = np.rint(np.array(matplotlib.colormaps[name].colors) * 1e6)
    digits = "".join(f"{v:05x}" for v in millionths.astype(int).ravel())
    lines = "\n".join(f'    "{line}"' for line in textwrap.wrap(digits, 80))
    text += f"\n{name.upper()} = (\n{lines}\n)\n"
  with open(PATH + ".tmp", "w", encoding="utf-8") as f:
    f.write(text)
  os.replace(PATH + ".tmp", PATH)


if __name__ == "__main__":
  main()
