"""Multiple choice: reads which letter a model chose, or that it chose none."""

import re
from collections.abc import Mapping


def parse(text: str, options: Mapping[str, str]) -> str | None:
  """The chosen letter of an answer to '(A) … (B) …'.

  Read in this order: an answer that is nothing but the letter, its words, or both;
  the letter after the word 'answer'; the one letter that stands in brackets; an
  option's words at the start. What a model thought in <think> tags is not read. An
  answer that names two, or whose letter and words disagree, chose none.

  Args:
    text: the model's words.
    options: letter → its words, for example {'A': 'Yes', 'B': 'No'}.
  """
  text = re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL)
  text = " ".join(re.sub(r"[*_`#]", "", text).split())
  letters = "".join(options)
  words = {words.casefold(): letter for letter, words in options.items()}
  alone = re.fullmatch(
      rf"(?:(?:final |the )*answer(?: is)?:? ?)?\(?([{letters}])?\)?[.:,)]* ?(.*?)"
      r"[.!]?", text, re.IGNORECASE)
  if alone and alone[1] and (not alone[2] or alone[2].casefold() in words):
    letter = alone[1].upper()
    return letter if words.get(alone[2].casefold(), letter) == letter else None
  for pattern in (rf"(?i:answer(?: is)?):? ?\(?([{letters}])\b",
                  rf"\(([{letters}])\)"):
    found = set(re.findall(pattern, text))
    if found:
      return found.pop() if len(found) == 1 else None
  starts = [letter for word, letter in words.items()
            if re.match(rf"{re.escape(word)}\b", text, re.IGNORECASE)]
  return starts[0] if len(starts) == 1 else None
