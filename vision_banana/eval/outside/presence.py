"""'Is there an instance of NP in this image?', as the paper asks an outside model.

SA-Co/Gold asks about many things that are not in the picture. The paper leaves this
question to a multimodal language model, as a multiple choice with (A) Yes, (B) No;
its generator was not tuned to paint empty masks. Ours is, so that without an outside
model its own empty mask says no: `asking.Outside`.
"""

from collections.abc import Sequence

from vision_banana.eval import images
from vision_banana.eval.outside import choices
from vision_banana.eval.outside.asker import Asker, Question

_OPTIONS = {"A": "Yes", "B": "No"}


def prompt(phrase: str) -> str:
  """The multiple choice."""
  return (f"Is there an instance of \"{phrase}\" in this image?\n(A) Yes\n(B) No\n"
          "Answer with (A) or (B) only.")


def present(asker: Asker, pairs: Sequence[tuple[images.ImageLike, str]]
            ) -> list[bool | None]:
  """Says of each pair whether the phrase is there.

  Args:
    asker: the outside model.
    pairs: (picture, noun phrase).

  Returns:
    In order; None where the model gave no readable answer.

  Raises:
    UserError: as `Asker.ask`.
  """
  texts = asker.ask([Question(prompt(phrase), (picture,)) for picture, phrase in pairs])
  chosen = [None if t is None else choices.parse(t, _OPTIONS) for t in texts]
  return [None if c is None else c == "A" for c in chosen]
