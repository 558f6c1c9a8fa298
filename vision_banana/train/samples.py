"""Sample grids: what the model paints for a fixed batch it never trains on."""

import dataclasses
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from PIL import Image, ImageDraw

from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import target as target_codec
from vision_banana.data import pipeline
from vision_banana.generators.base import Generator
from vision_banana.train.config import Experiment

_ROWS = 8
_CELL, _TEXT, _GAP = 128, 200, 4  # pixels


def held_out(config: Experiment, generator: Generator) -> Callable[[Any], np.ndarray]:
  """`drawer` over the held-out scenes of a config's sources, all tasks alike.

  Raises:
    UserError: a source has no split `config.train.sample_split`.
  """
  mixture = {task: 1.0 for task, weight in config.data.mixture.items() if weight}
  sources = {name: {**source, "split": config.train.sample_split}
             for name, source in config.data.sources.items()}
  data = pipeline.train_iterator(
      dataclasses.replace(
          config.data, mixture=mixture, sources=sources, flip=False, cache=False,
          p_drop_prompt=0.0, batch_size=max(_ROWS, len(mixture))),
      generator.tokenize)
  batch = next(data)
  data.close()
  return drawer(generator, batch, batch["prompt"].tolist(),
                steps=config.train.sample_steps, guidance=config.flow.guidance,
                curve=config.flow.depth)


def drawer(
    generator: Generator, batch: dict[str, np.ndarray], prompts: Sequence[str], *,
    steps: int, guidance: float, curve: depth_codec.Curve = depth_codec.Curve(),
) -> Callable[[Any], np.ndarray]:
  """Makes `draw(params) -> grid` for one batch and one noise, always the same.

  Args:
    generator: paints.
    batch: fields of samples with a leading batch axis, with tokens.
    prompts: their texts, to print.
    steps: sampler steps.
    guidance: classifier-free guidance.
    curve: by which depth is painted.
  """
  pictures = target_codec.encode(
      batch["values"], batch["labels"], batch["palette"], batch["codec"],
      batch["colormap"], curve)

  def draw(params: Any) -> np.ndarray:
    painted = generator.generate(
        params, batch["tokens"], batch["text_mask"],
        [pictures[:, 1 + r] for r in range(pictures.shape[1] - 1)],
        batch["present"][:, 1:], jax.random.key(0), size=pictures.shape[2:4],
        steps=steps, guidance=guidance)
    # Of several processes each holds a part; all get all.
    painted = multihost_utils.process_allgather(painted, tiled=True)
    return grid(prompts, np.asarray(pictures), batch["present"], painted)
  return draw


def grid(
    prompts: Sequence[str], pictures: np.ndarray, present: np.ndarray,
    painted: np.ndarray,
) -> np.ndarray:
  """One row a sample: prompt, references, target, what was painted.

  Args:
    prompts: B texts.
    pictures: float [B, 1 + R, H, W, 3] in 0..1, the target first.
    present: bool [B, 1 + R]; a missing picture stays white.
    painted: float [B, H, W, 3] in 0..1.

  Returns:
    uint8 [height, width, 3].
  """
  rows, columns = len(prompts), pictures.shape[1] + 1
  width = _TEXT + columns * (_CELL + _GAP)
  sheet = Image.new("RGB", (width, rows * (_CELL + _GAP)), "white")
  ink = ImageDraw.Draw(sheet)
  for row, prompt in enumerate(prompts):
    y = row * (_CELL + _GAP)
    ink.multiline_text((2, y), "\n".join(textwrap.wrap(prompt, 32)[:9]), "black")
    shown = [*zip(pictures[row, 1:], present[row, 1:]), (pictures[row, 0], True),
             (painted[row], True)]
    for column, (picture, there) in enumerate(shown):
      if there:
        tile = Image.fromarray(
            (np.clip(picture, 0, 1) * 255).round().astype(np.uint8))
        tile = tile.resize((_CELL, _CELL), Image.Resampling.NEAREST)
        sheet.paste(tile, (_TEXT + column * (_CELL + _GAP), y))
  return np.asarray(sheet)
