"""A legend too long for a model's text encoder, asked in several passes.

The paper names all 19 classes of Cityscapes in one prompt. A model that reads fewer
tokens is asked for a few classes at a time, everything else black, and a pixel takes
the class whose colour it is nearest to in any pass.
"""

from collections.abc import Callable, Sequence

import numpy as np

from vision_banana.codecs import colors
from vision_banana.errors import UserError
from vision_banana.tasks import tasks
from vision_banana.tasks.legend import BLACK
from vision_banana.tasks.tasks import Request

_NAMES = {rgb: name for name, rgb in reversed(colors.NAMES.items())}


def split(request: Request, refuses: Callable[[str], str]) -> list[Request]:
  """The fewest requests whose prompts the model reads; most often just `request`.

  Args:
    request: any.
    refuses: prompt → why the model does not read it, '' when it does.

  Raises:
    UserError: the prompt is too long and no legend can be split.
  """
  reason = refuses(request.prompt)
  if not reason:
    return [request]
  if request.task != "semantic" or request.background is not None:
    raise UserError(reason)
  for passes in range(2, len(request.names) + 1):
    parts = [_part(request, rows)
             for rows in np.array_split(np.arange(len(request.names)), passes)]
    if not any(refuses(part.prompt) for part in parts):
      return parts
  raise UserError(reason)


def _part(request: Request, rows: Sequence[int]) -> Request:
  text = lambda rgb: _NAMES.get(rgb) or colors.format(rgb, "tuple")
  classes = {request.names[i]: text(tuple(int(c) for c in request.palette[i]))
             for i in rows}
  return tasks.request("semantic", classes=classes)


def merge(request: Request, parts: Sequence[Request], painted: Sequence[np.ndarray]
          ) -> np.ndarray:
  """Rows of the legend of `request`, int32 [H,W], from what each pass painted.

  Args:
    request: the whole legend.
    parts: of `split`, in order.
    painted: uint8 [H,W,3] of each.
  """
  shape = painted[0].shape[:2]
  nearest, label = np.full(shape, np.inf), np.zeros(shape, np.int32)
  row = 0
  for part, rgb in zip(parts, painted, strict=True):
    square = lambda color, rgb=rgb.astype(np.int32): (
        (rgb - np.asarray(color, np.int32)) ** 2).sum(-1).astype(np.float64)
    distances = [square(color) for color in part.palette[1:]]
    # Where a pass says "something else", its classes come last.
    other = square(BLACK) < np.min(distances, axis=0)
    for distance in distances:
      distance = distance + 1e6 * other
      better = distance < nearest
      nearest[better], label[better] = distance[better], row
      row += 1
  return label
