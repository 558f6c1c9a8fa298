"""Small ray-cast rooms with exact depth and normals, for tests."""

import numpy as np

COLORS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 60, 200),
          "yellow": (220, 200, 50), "white": (230, 230, 230)}
NOUNS = ("box", "crate", "mug", "book", "lamp")


def scene(index: int, size: int = 32) -> dict:
  """A room: floor, walls, ceiling and two to four boxes on the floor.

  The camera is at the origin and looks along -z, [H, W] = [size, size]; the floor
  is 1.5 m below, the ceiling 1.2 m above, the back wall 4 to 6 m away.
  """
  rng = np.random.default_rng(index)
  count = int(rng.integers(2, 5))
  half, back = float(rng.uniform(1.5, 2.5)), float(rng.uniform(4, 6))
  boxes, names, paints = [], [], []
  for i in range(count):
    x = -half + (2 * i + 1) * half / count
    z = -float(rng.uniform(2.2, back - .8))
    w, h = float(rng.uniform(.2, half / count)), float(rng.uniform(.4, 1.4))
    boxes.append(((x - w, -1.5, z - .3), (x + w, -1.5 + h, z + .3)))
    names.append(str(rng.choice(NOUNS)))
    paints.append(str(rng.choice(list(COLORS))))

  def view(paints):
    return render(size, half, back, boxes, [COLORS[p] for p in paints])

  image, depth, normals, instances = view(paints)
  if index % 3 == 0:
    depth[:2] = np.nan
    normals[:2] = 0
  target = int(rng.integers(count))
  other = next(c for c in COLORS if c != paints[target])
  edited = [*paints]
  edited[target] = other
  order = ("leftmost", "second from the left", "third from the left", "rightmost")
  phrases = [(f"the {paints[i]} {names[i]}, {order[i]}", (4 + i,))
             for i in range(count)]
  phrases += [("the walls and the floor", (1, 2)), ("the purple elephant", ())]
  return {
      "image": image,
      "depth": depth,
      "normals": normals,
      "instances": instances,
      "categories": ["floor", "wall", "ceiling", *names],
      "phrases": phrases,
      "caption": f"A room with a {paints[0]} {names[0]} on the left.",
      "edits": [(f"Make the {names[target]} {order[target]} {other}.",
                 view(edited)[0])],
  }


def render(size, half, back, boxes, colors):
  """image uint8, depth float32, normals float32, instances int32."""
  grid = (np.arange(size) + .5) / size * 2 - 1
  rays = np.stack([*np.meshgrid(grid, -grid), -np.ones((size, size))], -1)
  depth = np.full((size, size), np.inf)
  normals = np.zeros((size, size, 3))
  ids = np.zeros((size, size), np.int32)
  planes = [((0, 1, 0), 1.5, 1), ((0, 0, 1), back, 2), ((1, 0, 0), half, 2),
            ((-1, 0, 0), half, 2), ((0, -1, 0), 1.2, 3)]
  with np.errstate(divide="ignore", invalid="ignore"):
    for normal, distance, label in planes:
      t = -distance / (rays @ np.array(normal, float))
      hit = (t > 0) & (t < depth)
      depth[hit], normals[hit], ids[hit] = t[hit], normal, label
    for i, (low, high) in enumerate(boxes):
      near = np.minimum(low / rays, high / rays)
      far = np.maximum(low / rays, high / rays)
      t, axis = near.max(-1), near.argmax(-1)
      hit = (t > 0) & (t <= far.min(-1)) & (t < depth)
      side = -np.sign(np.take_along_axis(rays, axis[..., None], -1)) * np.eye(3)[axis]
      depth[hit], normals[hit], ids[hit] = t[hit], side[hit], 4 + i
  albedo = np.array([(0, 0, 0), (150, 120, 90), (190, 190, 170), (240, 240, 240),
                     *colors], float)[ids]
  light = .5 + .5 * np.clip(normals @ np.array([.3, .8, .5]), 0, 1)
  image = np.clip(albedo * light[..., None], 0, 255).astype(np.uint8)
  return image, depth.astype(np.float32), normals.astype(np.float32), ids


class Source:
  """An in-memory source of `count` scenes."""

  def __init__(self, count: int = 12, size: int = 32):
    self.scenes = [scene(i, size) for i in range(count)]
    self.reads = 0

  def __len__(self) -> int:
    return len(self.scenes)

  def __getitem__(self, index: int) -> dict:
    self.reads += 1
    return self.scenes[index]
