"""Prompts to ids, against the reference pipeline (files made by tests/goldens)."""

import json
import pathlib

import numpy as np
import pytest
import safetensors.numpy
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from vision_banana.errors import UserError
from vision_banana.models import qwen3_text

GOLDEN = safetensors.numpy.load_file(
    pathlib.Path(__file__).parent.parent / "goldens" / "tokens.safetensors")
JSON = GOLDEN["tokenizer"].tobytes().decode()
PROMPTS = json.loads(GOLDEN["prompts"].tobytes())


def _make(max_length=512):
  return qwen3_text.Tokenizer(tokenizers.Tokenizer.from_str(JSON), max_length)


TOKENIZER = _make()


@pytest.mark.parametrize("row", range(len(PROMPTS)))
def test_equals_the_reference(row):
  ids, mask = TOKENIZER([PROMPTS[row]])
  assert ids.dtype == np.int32 and mask.dtype == bool
  np.testing.assert_array_equal(ids[0], GOLDEN["ids"][row])
  np.testing.assert_array_equal(mask[0], GOLDEN["mask"][row])


def test_a_batch_is_its_rows():
  ids, mask = TOKENIZER(PROMPTS)
  np.testing.assert_array_equal(ids, GOLDEN["ids"])
  np.testing.assert_array_equal(mask, GOLDEN["mask"])
  assert TOKENIZER([])[0].shape == (0, 512)


def test_the_padding_token_in_a_prompt_is_attended_to():
  ids, mask = TOKENIZER(["a<|endoftext|>b"])
  assert (ids[mask] == TOKENIZER.pad).sum() == 1
  assert (ids[~mask] == TOKENIZER.pad).all()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_prompt_stands_inside_the_template(prompt):
  ids, mask = TOKENIZER([prompt])
  length = mask[0].sum()
  assert mask[0, :length].all()
  before, after = (
      TOKENIZER.core.encode(t).ids for t in qwen3_text.TEMPLATE)
  assert ids[0, :2].tolist() == before[:2]
  assert ids[0, :length].tolist()[-len(after):] == after


def test_stored_padding_and_truncation_are_dropped():
  core = tokenizers.Tokenizer.from_str(JSON)
  core.enable_padding(length=512, pad_id=0)
  core.enable_truncation(30)
  ids, mask = qwen3_text.Tokenizer(core)(PROMPTS)
  np.testing.assert_array_equal(ids, GOLDEN["ids"])
  np.testing.assert_array_equal(mask, GOLDEN["mask"])


def test_strict_refuses_what_does_not_fit():
  length = TOKENIZER(["depth map"])[1].sum()
  ids, mask = _make(length)(["depth map"], strict=True)
  assert mask.all()
  short = _make(length - 1)
  np.testing.assert_array_equal(short(["depth map"])[0], ids[:, :-1])
  with pytest.raises(
      UserError, match=f"'depth map…' has {length} tokens .* reads {length - 1};"):
    short(["", "depth map"], strict=True)


def test_prompt_that_is_not_unicode_is_one_clear_line():
  with pytest.raises(UserError, match=r"'ab\\udcff' is not valid Unicode at char.* 2;"):
    TOKENIZER(["fine", "ab\udcff"])


def test_round_trips_through_its_file(tmp_path):
  path = tmp_path / "tokenizer.json"
  path.write_text(TOKENIZER.to_json(), encoding="utf-8")
  ids, _ = qwen3_text.Tokenizer.from_file(str(path))(PROMPTS)
  np.testing.assert_array_equal(ids, GOLDEN["ids"])


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_unreadable_file_is_one_clear_line(tmp_path, content):
  path = tmp_path / "tokenizer.json"
  if content is not None:
    path.write_text(content)
  with pytest.raises(UserError, match="tokenizer.json: not a readable"):
    qwen3_text.Tokenizer.from_file(str(path))


def test_another_models_tokenizer_is_refused(tmp_path):
  path = tmp_path / "tokenizer.json"
  path.write_text(JSON.replace("<think>", "<thin>"), encoding="utf-8")
  with pytest.raises(UserError, match=r"tokenizer.json: .* no token <think>; use"):
    qwen3_text.Tokenizer.from_file(str(path))
