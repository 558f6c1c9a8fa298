"""Ground textures: seamless, told apart, named."""

import numpy as np
import pytest

from vision_banana.data.rooms import grounds
from vision_banana.data.rooms import scene
from vision_banana.data.rooms import vocabulary


@pytest.mark.parametrize("name", grounds.TEXTURES)
def test_texture_repeats_without_a_seam(name):
  image = grounds.texture(name).astype(float)
  assert image.shape == (128, 128, 3) and grounds.texture(name).dtype == np.uint8
  assert image.std() > 2
  for axis in (0, 1):
    steps = np.abs(np.diff(image, axis=axis, append=image.take([0], axis))).mean(
        (1 - axis, 2))
    assert steps[-1] <= steps.max()  # The last is across the edge.
    assert name.endswith("pavement") or steps[-1] < 1.5 * np.median(steps)


def test_textures_differ_and_have_words():
  means = [grounds.texture(name).mean((0, 1)) for name in grounds.TEXTURES]
  assert min(np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]) > 8
  words = [vocabulary.word(scene.Material(n, (.5,) * 3)) for n in grounds.TEXTURES]
  assert all(words) and len(set(words)) == len(words)
  assert not all(vocabulary.reserved("ground", name) for name in grounds.TEXTURES)
