"""Pictures for people: decoded values, legends, panels and curves."""

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision_banana.codecs import depth as depth_codec
from vision_banana.eval import images

RGB = tuple[int, int, int]

_LIGHT = np.array([-0.45, 0.55, 0.7]) / np.linalg.norm([-0.45, 0.55, 0.7])
_INK, _PAPER, _LINE = (28, 32, 38), (255, 255, 255), (214, 218, 224)
# Hues of line charts and of instances: told apart by eye, first ones most.
_SERIES = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2",
           "#65a30d", "#dc2626", "#64748b", "#a16207")


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A decoded value made visible.

  Attributes:
    rgb: uint8 [H,W,3].
    swatches: (colour, text) pairs that explain it.
    bar: (low, high) metres of the Viridis bar, or None.
    note: one line of text, or ''.
  """
  rgb: np.ndarray
  swatches: tuple[tuple[RGB, str], ...] = ()
  bar: tuple[float, float] | None = None
  note: str = ""


def viridis(fraction: np.ndarray) -> np.ndarray:
  """uint8 [..., 3] colours of fractions [...] in 0..1 of the Viridis map."""
  # The codec's map over its own squeeze of depth; this depth squeezes to `fraction`.
  squeezed = 10 * (np.maximum(1 - np.asarray(fraction, np.float64), 1e-9) ** -0.5 - 1)
  return images.to_uint8(np.asarray(
      depth_codec.encode(squeezed.astype(np.float32), colormap="viridis")))


def depth(value: np.ndarray, limits: tuple[float, float] | None = None) -> Decoded:
  """Metres [H,W] on a linear Viridis scale; black where there is no depth.

  Args:
    value: metres; NaN or inf where unknown.
    limits: ends of the scale; None = the 1st and 99th percentile.
  """
  known = np.isfinite(value) & (value < depth_codec.MAX_DEPTH)
  if limits is None:
    limits = (0.0, 1.0)
    if known.any():
      limits = tuple(float(v) for v in np.percentile(value[known], [1, 99]))
  low, high = limits
  span = max(high - low, 1e-6)
  rgb = viridis(np.clip((np.where(known, value, low) - low) / span, 0, 1))
  return Decoded(np.where(known[..., None], rgb, 0).astype(np.uint8), bar=(low, high))


def normals(value: np.ndarray) -> Decoded:
  """Unit normals [H,W,3] as white plaster lit from the upper left."""
  shade = 0.15 + 0.85 * np.clip(value @ _LIGHT, 0, 1)
  rgb = np.repeat(np.where(value.any(-1), shade, 0)[..., None], 3, axis=-1)
  return Decoded(images.to_uint8(rgb), note="lit from the upper left")


def labels(value: np.ndarray, picture: np.ndarray, palette: Sequence[RGB],
           names: Sequence[str]) -> Decoded:
  """A label map laid over the picture, with each name's share of the picture."""
  color = np.asarray(palette, np.uint8)[value]
  swatches = tuple(
      (tuple(int(c) for c in palette[i]), f"{name} {(value == i).mean():.0%}")
      for i, name in enumerate(names))
  return Decoded(_over(picture, color, 0.65), swatches)


def instances(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """Instance ids laid over the picture, each in a colour of its own."""
  ids = [i for i in np.unique(value) if i != 0]
  color = picture.copy()
  for n, i in enumerate(ids):
    color[value == i] = _hue(n)
  mixed = _over(picture, color, 0.65)
  mixed[value == 0] = _dim(picture)[value == 0]
  return Decoded(mixed, note=f"{len(ids)} instance{'' if len(ids) == 1 else 's'}")


def mask(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """A mask [H,W]: what it covers stays, the rest is dimmed."""
  rgb = np.where(value[..., None] > 0, picture, _dim(picture))
  share = float((value > 0).mean())
  return Decoded(rgb, note=f"covers {share:.1%}" if share else "nothing found")


def edges(value: np.ndarray, picture: np.ndarray) -> Decoded:
  """Edges [H,W] in white over the dimmed picture."""
  return Decoded(np.where(value[..., None], 255, _dim(picture)).astype(np.uint8),
                 note=f"{float(np.mean(value)):.1%} of the pixels")


def _hue(n: int) -> np.ndarray:
  hue = (0.61 * n + 0.02) % 1 * 6
  ramp = [abs(hue - 3) - 1, 2 - abs(hue - 2), 2 - abs(hue - 4)]
  return images.to_uint8(0.15 + 0.8 * np.clip(ramp, 0, 1))


def _dim(picture: np.ndarray) -> np.ndarray:
  return (picture * 0.3).astype(np.uint8)


def _over(picture: np.ndarray, color: np.ndarray, opacity: float) -> np.ndarray:
  mixed = picture * (1 - opacity) + color.astype(np.float64) * opacity
  return mixed.round().astype(np.uint8)


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
    draw.text((x, top - 22), caption, (90, 98, 110), font)
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


def curve(series: Mapping[str, Sequence[tuple[float, float]]], x_label: str,
          y_label: str, size: tuple[int, int] = (760, 300)) -> str:
  """A line chart as inline SVG, the vertical axis logarithmic.

  Args:
    series: name → (x, y) points; points with y ≤ 0 or not finite are left out.
    x_label: under the horizontal axis.
    y_label: over the vertical axis.
    size: (width, height) in pixels.

  Returns:
    SVG text; '' when no series has two points.
  """
  kept = {name: [(x, y) for x, y in points if math.isfinite(y) and y > 0]
          for name, points in series.items()}
  kept = {name: points for name, points in kept.items() if len(points) > 1}
  if not kept:
    return ""
  width, height = size
  left, right, top, bottom = 58, 170, 26, 38
  xs = [x for points in kept.values() for x, _ in points]
  ys = [math.log10(y) for points in kept.values() for _, y in points]
  x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
  y0, y1 = (y0, y1) if y1 > y0 else (y0 - 0.1, y1 + 0.1)
  px = lambda x: left + (x - x0) / max(x1 - x0, 1e-9) * (width - left - right)
  py = lambda y: top + (y1 - y) / (y1 - y0) * (height - top - bottom)
  out = [f'<svg viewBox="0 0 {width} {height}" role="img" class="curve" '
         f'aria-label="{html.escape(y_label)} against {html.escape(x_label)}">']
  for n in range(5):
    y = y0 + (y1 - y0) * n / 4
    out.append(f'<path class="grid" d="M{left} {py(y):.1f}H{width - right}"/>'
               f'<text x="{left - 8}" y="{py(y) + 4:.1f}" text-anchor="end">'
               f'{10 ** y:.3g}</text>')
    x = x0 + (x1 - x0) * n / 4
    out.append(f'<text x="{px(x):.1f}" y="{height - bottom + 18}" '
               f'text-anchor="middle">{x:,.0f}</text>')
  out.append(f'<text x="{left}" y="14">{html.escape(y_label)}</text>'
             f'<text x="{(left + width - right) / 2}" y="{height - 4}" '
             f'text-anchor="middle">{html.escape(x_label)}</text>')
  for n, (name, points) in enumerate(kept.items()):
    color = _SERIES[n % len(_SERIES)]
    path = "L".join(f"{px(x):.1f} {py(math.log10(y)):.1f}" for x, y in points)
    y = top + 12 + 20 * n
    out.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.8"/>'
               f'<path d="M{width - right + 14} {y - 4}h18" stroke="{color}" '
               f'stroke-width="3"/><text x="{width - right + 38}" y="{y}">'
               f'{html.escape(name)}</text>')
  return "".join(out) + "</svg>"
