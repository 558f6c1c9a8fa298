"""Sample grids."""

import numpy as np

from vision_banana.train import samples

CELL, TEXT, GAP = 128, 200, 4


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
  y, x = row * (CELL + GAP), TEXT + column * (CELL + GAP)
  return sheet[y:y + CELL, x:x + CELL]


def test_rows_show_prompt_references_target_and_painting():
  pictures = np.zeros((2, 2, 8, 8, 3), np.float32)
  pictures[:, 0] = (0, 1, 0)  # Targets are green,
  pictures[:, 1] = (0, 0, 1)  # references blue,
  painted = np.full((2, 8, 8, 3), (1.5, -1, 0), np.float32)  # paintings red.
  present = np.array([[True, True], [True, False]])
  sheet = samples.grid(["Depth of the room.", "A " * 200], pictures, present, painted)
  assert sheet.dtype == np.uint8 and sheet.shape == (2 * 132, 200 + 3 * 132, 3)
  assert (cell(sheet, 0, 0) == (0, 0, 255)).all()
  assert (cell(sheet, 1, 0) == 255).all()  # No reference: white.
  for row in (0, 1):
    assert (cell(sheet, row, 1) == (0, 255, 0)).all()
    assert (cell(sheet, row, 2) == (255, 0, 0)).all()
    assert (sheet[row * 132:row * 132 + 128, :TEXT] < 128).any()  # Some ink.
