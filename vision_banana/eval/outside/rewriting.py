"""Turns a question that needs reasoning into words a generator can paint from.

ReasonSeg asks for 'the thing to sit on while eating'; the paper has a multimodal
language model rewrite each query once, with the picture before it. It does not give
its prompt; this one is ours.
"""

import re
from collections.abc import Sequence

from vision_banana.eval import images
from vision_banana.eval.outside.asker import Asker, Question


def prompt(query: str) -> str:
  """What the model is told."""
  return (
      f"Someone asks this about the picture: \"{query}\"\n"
      "The answer is something that can be seen in it. Describe what it is as a short "
      "noun phrase, with its colour, place or neighbours where that is needed to tell "
      "it from similar things. Someone who did not hear the question must find it by "
      "your phrase alone. Answer with the phrase only.")


def rewrite(asker: Asker, pairs: Sequence[tuple[images.ImageLike, str]]
            ) -> list[str | None]:
  """Descriptions of what is asked for.

  Args:
    asker: the outside model.
    pairs: (picture, query).

  Returns:
    A phrase for each, in order; None where the model gave none.

  Raises:
    UserError: as `Asker.ask`.
  """
  texts = asker.ask([Question(prompt(query), (picture,)) for picture, query in pairs])
  return [None if t is None else phrase(t) for t in texts]


def phrase(text: str) -> str | None:
  """The phrase in a model's words: no thinking, no label, quotes or full stop."""
  text = re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL)
  lines = [line.strip() for line in text.splitlines() if line.strip()]
  if not lines:
    return None
  line = re.sub(r"^(answer|phrase|description):\s*", "", lines[-1].replace("*", ""),
                flags=re.IGNORECASE)
  return line.strip(" \t\"'“”‘’`.") or None
