"""Writes small datasets in the layouts that users have."""

import io
import json
import pathlib

import numpy as np
from PIL import Image


def picture(index: int, size=(6, 8)) -> np.ndarray:
  """uint8 [H, W, 3], another for each index."""
  return np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)


def png(array: np.ndarray, **options) -> bytes:
  buffer = io.BytesIO()
  Image.fromarray(array).save(buffer, "PNG", **options)
  return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
  buffer = io.BytesIO()
  np.save(buffer, array)
  return buffer.getvalue()


def write(root: pathlib.Path, files: dict[str, bytes | str]) -> pathlib.Path:
  for name, content in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
  return root


def jsonl(rows) -> str:
  return "".join(json.dumps(row) + "\n" for row in rows)
