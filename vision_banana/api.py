"""Three calls to a result.

    model = vision_banana.load("nano")
    result = model.predict("photo.png", "depth")
    result.value  # float32 [H, W], metres
"""

import functools
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from vision_banana.errors import UserError
from vision_banana.eval import decoding, images
from vision_banana.eval.images import ImageLike
from vision_banana.generators import flow
from vision_banana.generators.base import Params
from vision_banana.models import zoo
from vision_banana.tasks import tasks
from vision_banana.train import metrics_writer

EMBEDDED = pathlib.Path(__file__).parent / "embedded"
BATCH = 32


def load(model: str | os.PathLike[str] = "nano",
         like: "Model | None" = None) -> "Model":
  """Loads a trained model.

  Args:
    model: 'nano' (instruction-tuned) or 'nano_base' (before tuning), which come
      with the package, or a model folder that training wrote.
    like: a loaded model whose compiled sampler is used again, if both are the
      same network with other weights.

  Raises:
    UserError: neither such a name nor a readable model folder.
  """
  folder = pathlib.Path(model)
  if not folder.exists() and (EMBEDDED / model / "model.json").exists():
    folder = EMBEDDED / model
  elif not folder.exists():
    known = sorted(p.parent.name for p in EMBEDDED.glob("*/model.json"))
    raise UserError(f"{model}: no such model; give a model folder or one of "
                    f"{', '.join(known) or 'none (no embedded model)'}.")
  saved = zoo.load_model(str(folder))
  generator = flow.from_saved(saved)
  if like is not None and _same_network(generator, like.generator):
    generator = like.generator
  return Model(generator, saved.params, folder.resolve().name, saved.notes,
               metrics_writer.read(folder / "metrics.jsonl"))


def _same_network(a: flow.Flow, b: flow.Flow) -> bool:
  return ((a.config, a.flow, a.tokenizer.to_json())
          == (b.config, b.flow, b.tokenizer.to_json()))


class Model:
  """A generator with its weights: text and pictures in, pictures out.

  Attributes:
    name: of its folder.
    notes: what its folder says of it, for example how it was trained.
    log: lines of its folder's `metrics.jsonl`, [] when it has none.
    size: (height, width) it was trained at and paints by default.
    guidance: default classifier-free guidance, from its folder.
  """

  def __init__(self, generator: flow.Flow, params: Params, name: str,
               notes: dict[str, Any] | None = None,
               log: Sequence[dict[str, float]] = ()):
    self.generator = generator
    self.params = jax.tree.map(jax.numpy.asarray, params)
    self.name = name
    self.notes = notes or {}
    self.log = log
    self.size = (generator.config.image_size,) * 2
    self.num_references = generator.config.num_references
    self.guidance = generator.flow.guidance

  def with_params(self, params: Params, name: str) -> "Model":
    """The same network (and compiled sampler) with other weights."""
    return Model(self.generator, params, name)

  def random_start(self) -> "Model":
    """This network as it is before any training."""
    return self.with_params(self.generator.init(jax.random.key(0)), "random start")

  def default_steps(self, codec: str) -> int:
    """Sampling steps, from its folder, for a picture read by `codec`.

    Photos ('image') take more than pictures that are decoded to values.
    """
    f = self.generator.flow
    return f.steps if codec == "image" else f.perception_steps

  @property
  def num_parameters(self) -> int:
    """How many numbers were learned."""
    return sum(x.size for x in jax.tree.leaves(self.params))

  @functools.cached_property
  def fingerprint(self) -> str:
    """16 hex digits that identify the weights."""
    digest = hashlib.sha256()
    for key, value in sorted(zoo.flatten(self.params).items()):
      digest.update(key.encode() + np.asarray(value, np.float32).tobytes())
    return digest.hexdigest()[:16]

  def generate(
      self, prompt: str, references: Sequence[ImageLike] = (),
      size: int | tuple[int, int] | None = None, steps: int | None = None,
      guidance: float | None = None, seed: int = 0,
  ) -> np.ndarray:
    """Paints a picture from a prompt, and from reference pictures to edit.

    Args:
      prompt: what to paint, or what to change.
      references: pictures of any size; each is fitted into `size` with its aspect
        kept and its border repeated.
      size: edge, or (height, width), in pixels. None paints at the model's own
        size; with a reference, the result is then brought to the size of the
        first one.
      steps: network evaluations; None = the model's default.
      guidance: classifier-free guidance, 1 = none; None = the model's default.
      seed: of the starting noise.

    Returns:
      float32 RGB [H,W,3] in 0..1.

    Raises:
      UserError: a picture that cannot be read, more references than the model
        was trained with, a prompt that is too long, or a size, step count,
        guidance or seed it cannot use.
    """
    canvas = self._canvas(size)
    pictures = [images.read(r) for r in references]
    boxes = [images.Letterbox(p.shape[:2], canvas) for p in pictures]
    placed = [b.place(p) for b, p in zip(boxes, pictures, strict=True)]
    steps = self.default_steps("image") if steps is None else steps
    rgb = self._paint([prompt], [placed], canvas, steps, guidance, seed)[0]
    if size is None and boxes:
      return boxes[0].restore(rgb, smooth=True)
    return rgb

  def predict(self, image: ImageLike, task: str, *, steps: int | None = None,
              guidance: float | None = None, seed: int = 0,
              **task_arguments: Any) -> decoding.Prediction:
    """Asks one question of a picture.

    The picture is fitted into the model's size (aspect kept, border repeated);
    what was painted is brought back to the picture's size and decoded there.

    Args:
      image: a path, Pillow image, or uint8 or float (0..1) array, of any size.
      task: a name of `tasks.TASKS` that reads a picture.
      steps: network evaluations; None = the model's default.
      guidance: classifier-free guidance; None = the model's default.
      seed: of the starting noise.
      **task_arguments: see `tasks.request`, for example classes={'floor': 'red'}.

    Returns:
      `.rgb`, the painted picture, and `.value`, what it says; both at the
      picture's size. See `Prediction`.

    Raises:
      UserError: an unknown task or colour, a picture that cannot be read, and
        as `generate`.
    """
    if task == "text_to_image":
      raise UserError("text_to_image reads no picture; use generate.")
    request = tasks.request(task, **task_arguments)
    return self.predict_batch([request], [images.read(image)], steps=steps,
                              guidance=guidance, seed=seed)[0]

  def predict_batch(
      self, requests: Sequence[tasks.Request],
      pictures: Sequence[np.ndarray | None], *, steps: int | None = None,
      guidance: float | None = None, seed: int = 0,
  ) -> list[decoding.Prediction]:
    """`predict` for many pictures, sampled together.

    Args:
      requests: the question of each.
      pictures: uint8 [H,W,3] of each, sizes may differ; None: without a picture.
      steps: network evaluations; None = the model's default, of a mixed batch the
        largest.
      guidance: as in `predict`.
      seed: of the starting noise; an item's noise also depends on its place.
    """
    boxes = [images.Letterbox(self.size if p is None else p.shape[:2], self.size)
             for p in pictures]
    placed = [[] if p is None else [b.place(p)]
              for b, p in zip(boxes, pictures, strict=True)]
    if steps is None:
      steps = max(self.default_steps(r.codec) for r in requests)
    painted = self._paint([r.prompt for r in requests], placed, self.size, steps,
                          guidance, seed)
    return [
        decoding.decode(r, b.restore(rgb, decoding.is_smooth(r)))
        for r, b, rgb in zip(requests, boxes, painted, strict=True)]

  def _canvas(self, size: int | tuple[int, int] | None) -> tuple[int, int]:
    if size is None:
      return self.size
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1 or max(height, width) > 16 * max(self.size):
      raise UserError(f"size {height}x{width}: give 1 to {16 * max(self.size)} pixels "
                      f"a side; this model was trained at {self.size[0]}.")
    return height, width

  def _paint(self, prompts, references, canvas, steps, guidance, seed):
    """float32 [N, *canvas, 3]; `references` is a list of canvas pictures each."""
    guidance = self.guidance if guidance is None else guidance
    if not 1 <= steps <= 1000:
      raise UserError(f"steps {steps}: give 1 to 1000.")
    if not np.isfinite(guidance):
      raise UserError(f"guidance {guidance}: give a finite number, 1 for none.")
    if not 0 <= seed < 2**32:
      raise UserError(f"seed {seed}: give 0 to {2**32 - 1}.")
    slots = self.num_references
    if max(map(len, references), default=0) > slots:
      raise UserError(f"{max(map(len, references))} references: '{self.name}' reads "
                      f"at most {slots}.")
    n = len(prompts)
    tokens, mask = self.generator.tokenize(list(prompts), strict=True)
    pictures = np.zeros((n, slots, *canvas, 3), np.float32)
    present = np.zeros((n, slots), bool)
    for i, given in enumerate(references):
      for r, picture in enumerate(given):
        pictures[i, r], present[i, r] = picture / np.float32(255), True
    # Batches are filled up, so that one compiled sampler serves them all and an
    # item's noise depends on its place alone.
    batch = 1 if n == 1 else BATCH
    painted = []
    for start in range(0, n, batch):
      rows = np.minimum(np.arange(start, start + batch), n - 1)
      key = jax.random.fold_in(jax.random.key(seed), start)
      rgb = self.generator.generate(
          self.params, tokens[rows], mask[rows], pictures[rows], present[rows], key,
          size=canvas, steps=steps, guidance=float(guidance))
      painted.append(np.asarray(rgb))
    return np.concatenate(painted)[:n]
