"""Tokenizer and text encoder of nano."""

import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from vision_banana.errors import UserError
from vision_banana.models import text

TOKENIZER = text.Tokenizer.bytes_only(16)


@given(st.text(max_size=30))
def test_ids_are_padded_and_ended(prompt):
  ids, mask = TOKENIZER([prompt])
  length = min(len(prompt.encode()), 15)
  assert ids.shape == mask.shape == (1, 16)
  assert ids[0, length] == text.EOS
  assert mask[0].sum() == length + 1
  assert (ids[0, length + 1:] == text.PAD).all()


def test_strict_refuses_what_does_not_fit():
  TOKENIZER(["a" * 15], strict=True)
  with pytest.raises(UserError, match="has 16 tokens, the model reads 15"):
    TOKENIZER(["a" * 16], strict=True)


def test_bytes_that_are_no_text_are_one_line():
  with pytest.raises(UserError, match=r"'caf\\udce9' is not valid Unicode at character 3"):
    TOKENIZER(["red", "caf\udce9"])


def test_tokenizer_round_trips_through_its_file(tmp_path):
  path = tmp_path / "tokenizer.json"
  path.write_text(TOKENIZER.to_json())
  again = text.Tokenizer.from_file(str(path), 16)
  np.testing.assert_array_equal(again(["depth ✓"])[0], TOKENIZER(["depth ✓"])[0])


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_corrupt_tokenizer_is_one_clear_line(tmp_path, content):
  path = tmp_path / "tokenizer.json"
  path.write_text(content)
  with pytest.raises(UserError, match="not a readable tokenizer.json"):
    text.Tokenizer.from_file(str(path), 16)


def test_padding_does_not_change_the_features_of_real_tokens():
  config = text.TextConfig(
      vocab_size=300, max_length=16, width=16, num_layers=2, num_heads=2)
  encoder = text.TextEncoder(config, nnx.Rngs(0))
  ids, mask = TOKENIZER(["walls"])
  other = np.where(mask, ids, 77)
  real = mask[0]
  np.testing.assert_allclose(
      encoder(ids, mask)[0, real], encoder(other, mask)[0, real], atol=1e-5)
  reversed_ids, _ = TOKENIZER(["sllaw"])
  assert np.abs(encoder(ids, mask) - encoder(reversed_ids, mask)).max() > 1e-2
