"""Painters without a network: one knows every answer, one half of it, one none."""

import numpy as np

from vision_banana.eval import decoding, figures

NONSENSE_LONGEST = 2000  # characters of a prompt


class Knowing:
  """Paints the truth of the questions it is given; counts what it paints."""
  fingerprint, guidance, batch = "a" * 16, 1.0, 2

  def __init__(self, questions, name="knowing"):
    self.name, self.calls = name, 0
    self._truths = {}
    for question in questions:
      item = question.read()
      truth = figures.plain_truth(item.request, item.truth, item.picture)
      if truth is not None:
        self._truths[_key(item.request, item.picture)] = figures.painted_truth(
            item.request, truth)

  def default_steps(self, codec):
    return 1

  def refuses(self, prompt):
    return ""

  def predict_batch(self, requests, pictures, *, steps, guidance, seed):
    self.calls += 1
    return [decoding.decode(r, self._truths[_key(r, p)].astype(np.float32) / 255)
            for r, p in zip(requests, pictures, strict=True)]


def _key(request, picture):
  return request.prompt, b"" if picture is None else picture.tobytes()


class HalfKnowing(Knowing):
  """Paints the left two thirds right, and the rest a quarter of a picture too low."""

  def __init__(self, questions):
    super().__init__(questions, "half")
    for key, rgb in self._truths.items():
      at = rgb.shape[1] * 2 // 3
      wrong = np.roll(rgb, rgb.shape[0] // 4, axis=0)
      self._truths[key] = np.concatenate([rgb[:, :at], wrong[:, at:]], axis=1)


class Nonsense:
  """Paints the input in other colours, a little otherwise with each seed."""
  name, fingerprint, guidance, batch = "nonsense", "b" * 16, 1.0, 2

  def __init__(self, longest=NONSENSE_LONGEST):
    self.calls, self._longest = 0, longest

  def default_steps(self, codec):
    return 1

  def refuses(self, prompt):
    return "too long a prompt" if len(prompt) > self._longest else ""

  def predict_batch(self, requests, pictures, *, steps, guidance, seed):
    self.calls += 1
    made = []
    for request, picture in zip(requests, pictures, strict=True):
      picture = np.zeros((16, 16, 3), np.uint8) if picture is None else picture
      rgb = (picture.astype(int) * 3 // 2 + 40 * seed) % 256
      made.append(decoding.decode(request, rgb.astype(np.float32) / 255))
    return made
