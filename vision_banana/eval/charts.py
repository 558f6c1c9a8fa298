"""Line charts as inline SVG."""

import html
import math
from collections.abc import Mapping, Sequence

# Told apart by eye, the first ones most.
_SERIES = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2",
           "#65a30d", "#dc2626", "#64748b", "#a16207")


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
