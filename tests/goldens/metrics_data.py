"""Random inputs for metrics, the same on every machine and version of numpy.

`make_metrics.py` gives them to the official evaluators, the tests to ours. RandomState
is frozen by numpy's policy; a Generator's streams are not.
"""

import numpy as np

HEIGHT, WIDTH = 48, 64


def _box(rng: np.random.RandomState) -> tuple[slice, slice]:
  """A rectangle of any size inside the picture."""
  y, x = rng.randint(0, HEIGHT - 4), rng.randint(0, WIDTH - 4)
  return slice(y, y + rng.randint(3, 24)), slice(x, x + rng.randint(3, 24))


def cityscapes() -> list[tuple[np.ndarray, np.ndarray]]:
  """(prediction, truth), uint8 [48,64] label ids 0..33; class 31 in none."""
  rng = np.random.RandomState(0)
  out = []
  for _ in range(6):
    truth = np.full((HEIGHT, WIDTH), 7, np.uint8)
    for _ in range(40):
      truth[_box(rng)] = rng.choice([i for i in range(34) if i != 31])
    prediction = truth.copy()
    for _ in range(10):
      prediction[_box(rng)] = rng.choice([i for i in range(34) if i != 31])
    out.append((prediction, truth))
  return out


def masks() -> list[np.ndarray]:
  """bool [48,64]: empty, full, noise, boxes, one pixel at each end."""
  rng = np.random.RandomState(1)
  out = [np.zeros((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)]
  out += [rng.rand(HEIGHT, WIDTH) < p for p in (0.02, 0.5, 0.9)]
  for _ in range(10):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(rng.randint(1, 4)):
      mask[_box(rng)] = True
    out.append(mask)
  for corner in (0, -1):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[corner, corner] = True
    out.append(mask)
  return out


def polygons() -> list[list[list[float]]]:
  """Masks as lists of polygons [x, y, …], some outside the picture."""
  rng = np.random.RandomState(2)
  out = []
  for i in range(60):
    mask = []
    for _ in range(rng.randint(1, 4)):
      corners = rng.uniform(-8, 72, (rng.randint(3, 12), 2))
      if i % 3 == 0:
        corners = np.round(corners)
      if i % 5 == 0:  # The first corner is given again, and one is given twice.
        corners = np.concatenate([corners, corners[-1:], corners[:1]])
      mask.append([float(v) for v in corners.ravel()])
    out.append(mask)
  return out


def saco() -> tuple[list[dict], list[dict]]:
  """Three annotators' files and predictions; `segmentation` is a bool [48,64].

  Among 60 pairs there are negatives, pairs not annotated exhaustively by one of the
  three, annotators who disagree on whether there is anything, crowds, predictions
  under the score that counts, and pairs without a prediction.
  """
  rng = np.random.RandomState(3)
  files = [{"images": [], "annotations": [],
            "categories": [{"id": 1, "name": "object"}]} for _ in range(3)]
  predictions = []
  for pair in range(60):
    boxes = [_box(rng) for _ in range(rng.choice([0, 0, 1, 2, 3, 6]))]
    for file in files:
      file["images"].append({
          "id": pair, "height": HEIGHT, "width": WIDTH, "file_name": f"{pair}.jpg",
          "text_input": "thing", "is_instance_exhaustive": int(rng.rand() > 0.08)})
      seen = [b for b in boxes if rng.rand() > 0.15]
      if rng.rand() < 0.1:
        seen = [] if seen else [_box(rng)]
      for box in seen:
        file["annotations"].append({
            "id": len(file["annotations"]) + 1, "image_id": pair, "category_id": 1,
            "iscrowd": int(rng.rand() < 0.05), "segmentation": _jitter(rng, box)})
    for box in boxes + [_box(rng)] * int(rng.rand() < 0.3):
      if rng.rand() > 0.2:
        predictions.append({
            "image_id": pair, "category_id": 1, "segmentation": _jitter(rng, box),
            "score": [0.3, 0.5, 0.9][rng.randint(3)] if rng.rand() < 0.4 else 0.8})
  return files, predictions


def _jitter(rng: np.random.RandomState, box: tuple[slice, slice]) -> np.ndarray:
  mask = np.zeros((HEIGHT, WIDTH), bool)
  mask[box] = True
  mask = np.roll(mask, rng.randint(-1, 2, 2), (0, 1))
  return mask & (rng.rand(HEIGHT, WIDTH) > rng.choice([0, 0.1, 0.3]))


def nuscenes() -> dict:
  """A sweep and the rows of the tables it needs: float32 [500,5] and dicts."""
  rng = np.random.RandomState(4)

  def pose(near, spread, quaternion):
    return {"rotation": [float(v) for v in quaternion + rng.normal(0, 0.01, 4)],
            "translation": [float(v) for v in near + rng.normal(0, spread, 3)]}

  turn, world = [0.707, 0.0, 0.0, -0.707], np.array([1010.3, 612.7, 0.0])
  points = rng.uniform([-60, -60, -3, 0, 0], [60, 60, 3, 255, 31], (500, 5))
  return {
      "points": points.astype(np.float32), "size": (90, 160),
      "lidar": pose(np.array([0.94, 0.0, 1.84]), 0.01, turn),
      "lidar_pose": pose(world, 0.01, [0.57, 0.0, 0.02, -0.82]),
      "camera_pose": pose(world, 0.5, [0.57, 0.0, 0.02, -0.82]),
      "camera": {**pose(np.array([1.7, 0.0, 1.5]), 0.01, [0.5, -0.5, 0.5, -0.5]),
                 "camera_intrinsic": [[126.6, 0.0, 81.6], [0.0, 126.6, 49.2],
                                      [0.0, 0.0, 1.0]]}}
