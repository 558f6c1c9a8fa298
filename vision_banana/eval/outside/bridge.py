"""From an outside model to what painting a benchmark asks of one."""

import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval.outside import presence, rewriting
from vision_banana.eval.outside.asker import Asker
from vision_banana.eval.painting import Outside


def outside(asker: Asker) -> Outside:
  """Both questions by one model; where it gives no readable answer, UserError."""
  by_model = presence.ByModel(asker)

  def there(picture: np.ndarray, phrase: str) -> bool:
    return _said(by_model([presence.Pair(picture, phrase)])[0], asker, phrase)

  def reworded(picture: np.ndarray, query: str) -> str:
    return _said(rewriting.rewrite(asker, [(picture, query)])[0], asker, query)

  return Outside(asker.model, there, reworded)


def _said(answer, asker: Asker, text: str):
  if answer is None:
    raise UserError(f"{asker.model} gave no readable answer to '{text}'; the same "
                    "command asks again.")
  return answer
