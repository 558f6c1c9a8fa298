"""Small folders of pictures as predict and eval write them."""

import json
import pathlib

import numpy as np
from PIL import Image

from vision_banana.eval.compare import pairs

A, B, INPUT = (220, 40, 40), (40, 60, 220), (60, 160, 60)
HOSTILE = "</p><script>window.hit=1</script><img src=x onerror='window.hit=1'>&\"'"


def picture(path: pathlib.Path, color, size=(24, 32)) -> pathlib.Path:
  """A PNG of one colour, (height, width)."""
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.full((*size, 3), color, np.uint8)).save(path)
  return path


def predicted(folder: pathlib.Path, color, stems, prompt="a {} mug",
              source: pathlib.Path | None = None) -> pathlib.Path:
  """As `predict` and `generate` leave a folder."""
  for stem in stems:
    picture(folder / f"{stem}.png", color)
    picture(folder / f"{stem}_picture.png", (9, 9, 9))
    about = {"prompt": prompt.format(stem), "task": "editing"}
    if source:
      about["image"] = str(source)
    (folder / f"{stem}.json").write_text(json.dumps(about))
  return folder


def evaluated(folder: pathlib.Path, color, stems, prompt="a {} mug") -> pathlib.Path:
  """As `eval` leaves a folder."""
  for stem in stems:
    picture(folder / f"{stem}.png", color)
    picture(folder / f"{stem}_s1.png", color)
    (folder / f"{stem}.npz").write_bytes(b"")
    (folder / f"{stem}.json").write_text(json.dumps(
        {"name": stem, "prompt": prompt.format(stem)}))
  (folder / "protocol.json").write_text("{}")
  return folder


def two(root: pathlib.Path, count: int = 6, prompt="a {} mug", edits: bool = False
        ) -> pairs.Pairs:
  """Pairs p0, p1, …: red pictures in A, blue ones in B, green inputs."""
  source = picture(root / "input.png", INPUT) if edits else None
  stems = [f"p{n}" for n in range(count)]
  return pairs.read(predicted(root / "first", A, stems, prompt, source),
                    predicted(root / "second", B, stems, prompt, source))
