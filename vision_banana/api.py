"""Three calls to a result.

    model = vision_banana.load("nano")
    result = model.predict("photo.png", "depth")
    result.value  # float32 [H, W], metres
"""

import functools
import hashlib
import operator
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from vision_banana import painter
from vision_banana.errors import UserError
from vision_banana.eval import decoding, images
from vision_banana.eval.images import ImageLike
from vision_banana.generators import flow, schedule
from vision_banana.generators.base import Params
from vision_banana.models import saved, zoo
from vision_banana.tasks import tasks
from vision_banana.train import metrics_writer

EMBEDDED = pathlib.Path(__file__).parent / "embedded"


def load(model: str | os.PathLike[str] = "nano", like: "Model | None" = None,
         dtype: str | None = None, lora: str | os.PathLike[str] | None = None
         ) -> "Model":
  """Loads a trained model.

  Args:
    model: 'nano' (instruction-tuned) or 'nano_base' (before tuning), which come
      with the package; a model folder that training or `vision-banana convert`
      wrote; or FLUX.2 [klein] as a diffusers folder.
    like: a loaded model whose compiled sampler is used again, if both are the
      same network with other weights.
    dtype: of klein's weights, and so of its computation: 'float32' or 'bfloat16';
      None keeps what is stored. nano is always float32.
    lora: an adapter to add, a file or folder of PEFT or diffusers.

  Raises:
    UserError: neither such a name nor a readable model folder; an adapter that is
      not of this model.
  """
  folder = pathlib.Path(model)
  if not folder.exists() and (EMBEDDED / model / "model.json").exists():
    folder = EMBEDDED / model
  elif not folder.exists():
    known = sorted(p.parent.name for p in EMBEDDED.glob("*/model.json"))
    raise UserError(f"{model}: no such model; give a model folder or one of "
                    f"{', '.join(known) or 'none (no embedded model)'}.")
  found = saved.read(str(folder), dtype, lora and os.fspath(lora))
  generator = flow.from_saved(found)
  if like is not None and _same_network(generator, like.generator):
    generator = like.generator
  return Model(generator, found.params, name_parts(folder)[-1], found.notes,
               metrics_writer.read(folder / "metrics.jsonl"))


def name_parts(folder: str | os.PathLike[str]) -> tuple[str, ...]:
  """The parts of a model folder's path that can name it; the last one does.

  Training writes RUN/model, so that a last 'model' tells no model from another.
  """
  parts = pathlib.Path(folder).resolve().parts[1:]
  return parts[:-1] if len(parts) > 1 and parts[-1] == "model" else parts


def _same_network(a: flow.Flow, b: flow.Flow) -> bool:
  return ((a.config, a.flow, a.tokenizer.to_json())
          == (b.config, b.flow, b.tokenizer.to_json()))


class Model:
  """A generator with its weights: text and pictures in, pictures out.

  Attributes:
    name: of its folder, or of the folder above one that is called 'model'.
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
    self._painter = painter.Painter(generator)
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
  def batch(self) -> int:
    """How many pictures are painted at once."""
    return 1 if self.generator.config.any_size else painter.BATCH

  def refuses(self, prompt: str) -> str:
    """Why the model does not read a prompt, in words; '' when it does."""
    try:
      self.generator.tokenize([prompt], strict=True)
    except UserError as e:
      return str(e)
    return ""

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
      guidance: float | None = None, seed: int = 0, noise: np.ndarray | None = None,
  ) -> np.ndarray:
    """Paints a picture from a prompt, and from reference pictures to edit.

    Args:
      prompt: what to paint, or what to change.
      references: pictures of any size; each is fitted into `size` with its aspect
        kept and its border repeated; a model of `any_size` sees each at its own
        size, in a border (`images.canvas_for`).
      size: edge, or (height, width), in pixels. None paints at the model's own
        size; with a reference, the result is then brought to the size of the
        first one. Sides that are no multiples of a latent are painted larger and
        cut.
      steps: network evaluations; None = the model's default.
      guidance: classifier-free guidance, 1 = none; None = the model's default.
      seed: of the starting noise.
      noise: the starting noise itself, to compare implementations: latent tokens
        [h·w, C] in row-major order, or [1, C, h, w] as PyTorch's pipeline takes it
        for `latents`, where h and w are the painted sides over `pixels` of the
        autoencoder (8 for nano, 16 for klein).

    Returns:
      float32 RGB [H,W,3] in 0..1.

    Raises:
      UserError: a picture that cannot be read, more references than the model
        was trained with, a prompt that is too long, or a size, step count,
        guidance, seed or noise it cannot use.
    """
    pictures = [images.read(r) for r in references]
    asked = None if size is None else self._asked(size)
    canvas = self.size if asked is None else self._painter.rounded(asked)
    boxes = [self._painter.box(p, canvas) for p in pictures]
    if asked is None and boxes:
      canvas = boxes[0].canvas
    placed = [b.place(p) for b, p in zip(boxes, pictures, strict=True)]
    steps = self.default_steps("image") if steps is None else steps
    rgb = self._paint([prompt], [placed], canvas, steps, guidance, seed,
                      self._painter.tokens_of(noise, canvas))[0]
    if asked is None:
      return boxes[0].restore(rgb, smooth=True) if boxes else rgb
    return rgb[:asked[0], :asked[1]]

  def predict(self, image: ImageLike, task: str, *, steps: int | None = None,
              guidance: float | None = None, seed: int = 0,
              **task_arguments: Any) -> decoding.Prediction:
    """Asks one question of a picture.

    The picture is fitted into the model's size (aspect kept, border repeated); a
    model of `any_size` takes it as it is, in a border. What was painted is brought
    back to the picture's size and decoded there.

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

  def through_latents(self, image: ImageLike, noise: float = 0.0, seed: int = 0
                      ) -> np.ndarray:
    """A picture as it comes back from the latents that the model paints in.

    The best that painting can do: what the autoencoder loses no sampler brings back.
    Noise stands for the errors of a sampler.

    Args:
      image: a path, Pillow image, or uint8 or float (0..1) array, whose sides are
        multiples of a latent's (8 pixels for nano, 16 for klein).
      noise: standard deviation of what is added to each latent; their own is about 1.
      seed: of the noise.

    Returns:
      float32 RGB [H,W,3] in 0..1, at the picture's size.

    Raises:
      UserError: a picture that cannot be read, or of another size.
    """
    rgb = images.read(image)[None] / np.float32(255)
    return np.asarray(self.generator.through_latents(
        self.params, rgb, noise, jax.random.key(seed)))[0]

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

    Raises:
      UserError: as `predict`, or not as many pictures as requests.
    """
    if len(requests) != len(pictures):
      raise UserError(f"{len(requests)} requests for {len(pictures)} pictures: give each "
                      "request its picture, or None.")
    boxes = [images.Letterbox(self.size, self.size) if p is None
             else self._painter.box(p, self.size) for p in pictures]
    placed = [[] if p is None else [b.place(p)]
              for b, p in zip(boxes, pictures, strict=True)]
    if steps is None:
      steps = max((self.default_steps(r.codec) for r in requests), default=1)
    painted = [None] * len(requests)
    for canvas in dict.fromkeys(b.canvas for b in boxes):
      rows = [i for i, b in enumerate(boxes) if b.canvas == canvas]
      made = self._paint([requests[i].prompt for i in rows], [placed[i] for i in rows],
                         canvas, steps, guidance, seed)
      for i, rgb in zip(rows, made, strict=True):
        painted[i] = rgb
    return [
        decoding.decode(r, b.restore(rgb, decoding.is_smooth(r)),
                        self.generator.flow.depth)
        for r, b, rgb in zip(requests, boxes, painted, strict=True)]

  def _asked(self, size: int | tuple[int, int]) -> tuple[int, int]:
    try:
      height, width = map(operator.index, size if np.ndim(size) else (size, size))
    except (TypeError, ValueError) as e:
      raise UserError(f"size {size!r}: give one edge or (height, width), in whole "
                      "pixels.") from e
    if min(height, width) < 1 or max(height, width) > 16 * max(self.size):
      raise UserError(f"size {height}x{width}: give 1 to {16 * max(self.size)} pixels "
                      f"a side; this model was trained at {self.size[0]}.")
    return height, width

  def _paint(self, prompts, references, canvas, steps, guidance, seed, noise=None):
    """float32 [N, *canvas, 3]; `references` is a list of canvas pictures each."""
    guidance = self.guidance if guidance is None else guidance
    schedule.check(steps, guidance, seed)
    return self._painter.paint(self.params, prompts, references, canvas, steps,
                               float(guidance), seed, noise)
