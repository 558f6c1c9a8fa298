"""One picture that shows a whole prediction: input, painted, decoded, legend."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision_banana.eval.figures import Decoded, viridis

_INK, _GREY, _PAPER = (28, 32, 38), (90, 98, 110), (255, 255, 255)
_LINE = (214, 218, 224)


def panel(columns: Sequence[tuple[str, np.ndarray]], decoded: Decoded | None,
          title: str) -> np.ndarray:
  """Pictures side by side under a title, with the legend of the last one.

  Args:
    columns: (caption, uint8 [H,W,3]) pairs of equal size.
    decoded: whose legend is drawn below, or None.
    title: one line; wrapped when long.

  Returns:
    uint8 [h,w,3].
  """
  height, width = columns[0][1].shape[:2]
  scale = 320 / max(height, width)
  size = (max(1, round(width * scale)), max(1, round(height * scale)))
  method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
  gap, font, bold = 16, ImageFont.load_default(14), ImageFont.load_default(16)
  cell = max(size[0], 150)
  total = max(gap + (cell + gap) * len(columns), 480)
  lines = _wrap(title, bold, total - 2 * gap)
  top = 12 + 22 * len(lines) + 26
  legend = _legend(decoded, total - 2 * gap, font)
  canvas = Image.new("RGB", (total, top + size[1] + 12 + legend.height + 8), _PAPER)
  draw = ImageDraw.Draw(canvas)
  for n, line in enumerate(lines):
    draw.text((gap, 12 + 22 * n), line, _INK, bold)
  for n, (caption, picture) in enumerate(columns):
    x = gap + n * (cell + gap)
    draw.text((x, top - 22), caption, _GREY, font)
    canvas.paste(Image.fromarray(picture).resize(size, method), (x, top))
  canvas.paste(legend, (gap, top + size[1] + 12))
  return np.array(canvas)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
  lines, line = [], ""
  for word in text.split():
    longer = f"{line} {word}".strip()
    if line and font.getlength(longer) > width:
      lines.append(line)
      longer = word
    line = longer
  return [*lines, line]


def _legend(decoded: Decoded | None, width: int, font: ImageFont.FreeTypeFont
            ) -> Image.Image:
  """The colour bar, the swatches or the note of a decoded picture."""
  if decoded is None or not (decoded.bar or decoded.swatches or decoded.note):
    return Image.new("RGB", (width, 1), _PAPER)
  image = Image.new("RGB", (width, 24 * (1 + len(decoded.swatches))), _PAPER)
  draw = ImageDraw.Draw(image)
  if decoded.bar:
    low, high = (f"{v:.2f} m" for v in decoded.bar)
    left = round(font.getlength(low)) + 8
    bar = viridis(np.broadcast_to(np.linspace(0, 1, 220), (14, 220)))
    draw.text((0, 2), low, _INK, font)
    image.paste(Image.fromarray(bar), (left, 4))
    draw.text((left + 228, 2), high, _INK, font)
    return image
  if decoded.note:
    draw.text((0, 2), decoded.note, _INK, font)
    return image
  x = y = 0
  for color, text in decoded.swatches:
    step = 22 + round(font.getlength(text)) + 18
    if x and x + step > width:
      x, y = 0, y + 24
    draw.rectangle((x, y + 3, x + 14, y + 17), color, _LINE)
    draw.text((x + 21, y + 2), text, _INK, font)
    x += step
  return image.crop((0, 0, width, y + 24))
