import re

import numpy as np
import pytest
import tokenizers

from experiments import train_bpe
from tests.data import fake
from vision_banana.tasks import prompts


@pytest.fixture(scope="module")
def drawn():
  return list(train_bpe.corpus(fake.Source(20, 16), 2700))


@pytest.fixture(scope="module")
def tokenizer(drawn):
  return train_bpe.train(drawn[:2400] + [*train_bpe.spellings()] * 3, 2048)


def test_specials_come_first(tokenizer):
  assert tokenizer.token_to_id("<pad>") == 0
  assert tokenizer.token_to_id("<eos>") == 1
  assert tokenizer.get_vocab_size() <= 2048


def test_prompts_fit_in_64_tokens(drawn, tokenizer):
  lengths = np.array([len(e.ids) for e in tokenizer.encode_batch(drawn[2400:])])
  assert (lengths < 64).mean() >= 0.99


def test_numbers_and_hex_bytes_are_single_tokens(tokenizer):
  for value in range(256):
    tokens = tokenizer.encode(f"({value}, {value}, {value})").tokens
    assert tokens.count(str(value)) == 3 and len(tokens) == 7
    tokens = tokenizer.encode(f"in #{value:02X}{value:02X}{value:02X}").tokens
    assert tokens == ["in", "#"] + [f"{value:02x}"] * 3


def test_a_word_is_the_same_token_wherever_it_stands(tokenizer):
  red = tokenizer.token_to_id("red")
  for text in ("red", "the red box", '{"floor": "red"}', "Red, then"):
    assert red in tokenizer.encode(text).ids


def test_any_text_is_read_but_for_its_white_space(tokenizer):
  ids = tokenizer.encode("Ein rotes Zimmer – 部屋 🍌 ٣ é n\u0303 _").ids
  assert tokenizer.decode(ids) == "einroteszimmer–部屋🍌٣én\u0303_"


def test_the_length_estimate_of_the_prompts_is_near_the_truth(drawn, tokenizer):
  pieces = np.array([len(re.findall(prompts.PIECES, p)) for p in drawn])
  tokens = np.array([len(e.ids) for e in tokenizer.encode_batch(drawn)])
  assert np.abs(tokens / pieces - 1).mean() < 0.05


def test_the_file_is_complete(tokenizer, tmp_path):
  tokenizer.save(str(tmp_path / "tokenizer.json"))
  loaded = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
  text = "Segment the mug in RGB(1, 20, 255)."
  assert loaded.encode(text).ids == tokenizer.encode(text).ids
