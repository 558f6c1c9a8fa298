"""Environment maps: where the sun is and what it adds."""

import numpy as np
import pytest

from vision_banana.data.rooms import sky


def directions(shape):
  """Unit vectors [h, w, 3] of the pixels' centres, and their solid angles [h, 1]."""
  theta = ((np.arange(shape[0]) + .5) / shape[0] * np.pi)[:, None]
  phi = ((np.arange(shape[1]) + .5) / shape[1] * 2 * np.pi)[None]
  vectors = np.stack([np.sin(theta) * np.sin(phi), np.sin(theta) * np.cos(phi),
                      np.cos(theta) + 0 * phi], -1)
  return vectors, np.sin(theta) * np.pi / shape[0] * 2 * np.pi / shape[1]


@pytest.mark.parametrize("direction", [(1, 0, 1), (0, -1, .4), (-1, 2, .3), (0, 0, 1)])
def test_sun_is_where_it_should_be_and_as_strong(direction):
  image = sky.with_sun(np.zeros(sky.SHAPE + (3,)), 5., direction)
  vectors, angles = directions(sky.SHAPE)
  towards = np.array(direction) / np.linalg.norm(direction)
  light = (image[..., 0] * angles)
  assert light.sum() == pytest.approx(5, rel=.01)
  mean = (light[..., None] * vectors).sum((0, 1))
  assert mean @ towards / np.linalg.norm(mean) > np.cos(np.radians(2.5))


def test_no_sun_and_plain_skies():
  image = sky.plain(sky.SHAPE, outdoors=False)
  assert (image == 1).all() and sky.with_sun(image, 0., (0, 0, 1)) is image
  clear = sky.plain(sky.SHAPE, outdoors=True)
  assert clear.shape == (64, 128, 3) and (clear[0, :, 2] > 2 * clear[0, :, 0]).all()
  assert clear[31].mean() > clear[0].mean() > clear[-1].mean()  # Palest at the horizon.
