"""Primitive objects: unit boxes, outward unit normals, names that exist."""

import numpy as np
import pytest

from vision_banana.data.rooms import kinds
from vision_banana.data.rooms import primitives
from vision_banana.errors import UserError


@pytest.mark.parametrize("shape", primitives.SHAPES)
def test_shape_fills_the_unit_box_and_faces_outwards(shape):
  pieces = primitives.make(shape)
  points = np.concatenate([p.vertices for p in pieces])
  np.testing.assert_allclose(points.min(0), (-0.5, -0.5, 0), atol=1e-5)
  np.testing.assert_allclose(points.max(0), (0.5, 0.5, 1), atol=1e-5)
  for p in pieces:
    np.testing.assert_allclose(np.linalg.norm(p.normals, axis=1), 1, atol=1e-5)
    assert p.uvs.min() >= 0 and p.uvs.max() <= 1
    a, b, c = (p.vertices[p.faces[:, i]].astype(np.float64) for i in range(3))
    across = np.cross(b - a, c - a)
    assert np.linalg.norm(across, axis=1).min() > 1e-9  # No empty triangles.
    # Counter-clockwise from outside, as the vertex normals say.
    assert (across * p.normals[p.faces].mean(1)).sum(1).min() > 0


def test_every_shape_takes_the_items_colour_somewhere():
  for shape in primitives.SHAPES:
    assert any(p.material is None for p in primitives.make(shape)), shape


def test_every_kind_of_the_vocabulary_has_a_shape():
  assert {k.shape for k in kinds.KINDS} <= set(primitives.SHAPES)


def test_unknown_shape_names_the_choices():
  with pytest.raises(UserError, match="no shape 'sphinx': use one of box, ball"):
    primitives.make("sphinx")
