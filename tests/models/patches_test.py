"""Patches lose nothing, and their channel weights measure RGB error."""

import numpy as np
import pytest

from vision_banana.models import patches

P = patches.Patches(patches.PatchesConfig(size=4))


def test_round_trip_is_exact():
  rgb = np.random.default_rng(0).random((2, 8, 12, 3)).astype(np.float32)
  tokens = P.encode(rgb)
  assert tokens.shape == (2, 6, P.channels)
  np.testing.assert_allclose(P.decode(tokens, (8, 12)), rgb, atol=1e-5)


def test_tokens_are_row_major():
  rgb = np.full((1, 8, 12, 3), 0.5, np.float32)
  rgb[:, :4, 4:8] = 1.0
  tokens = np.abs(np.asarray(P.encode(rgb))).sum(-1)[0]
  np.testing.assert_array_equal(tokens > 1e-3, [0, 1, 0, 0, 0, 0])


def test_weighted_latent_error_is_rgb_error():
  rng = np.random.default_rng(1)
  a, b = rng.random((2, 1, 8, 8, 3)).astype(np.float32)
  latent = np.square(np.asarray(P.encode(a) - P.encode(b)))
  weighted = (latent * P.channel_weights).mean()
  rgb = np.square(a - b).mean()
  # Proportional: the factor is the same for any pair of pictures.
  c = a * 0.5
  latent_c = np.square(np.asarray(P.encode(a) - P.encode(c)))
  rgb_c = np.square(a - c).mean()
  ratio = weighted / rgb
  np.testing.assert_allclose(
      (latent_c * P.channel_weights).mean() / rgb_c, ratio, rtol=1e-4)
  np.testing.assert_allclose(P.channel_weights.mean(), 1, rtol=1e-5)


def test_size_must_fit():
  with pytest.raises(ValueError, match="not a multiple of 4"):
    P.encode(np.zeros((1, 8, 10, 3), np.float32))
