"""The small klein is a whole one: read, checked and written back as the real folder."""

import json

import jax
import numpy as np
import pytest

from vision_banana.errors import UserError
from vision_banana.models import klein_folder, safetensors_io, tiny_klein, zoo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp("tiny") / "klein"
  tiny_klein.write(str(path))
  return path


def test_it_reads_as_a_klein_of_its_sizes(folder):
  saved = klein_folder.read(str(folder))
  for part in klein_folder.PARTS:
    assert getattr(saved.config, part) == getattr(tiny_klein.CONFIG, part)
  assert not saved.notes["distilled"]
  ids, mask = saved.tokenizer(["a red table"], strict=True)
  assert ids[mask].min() >= 0 and mask.sum() > len("a red table")
  assert saved.tokenizer.core.get_vocab_size() <= saved.config.text.vocab_size


def test_it_has_every_file_and_tensor_of_a_published_one(folder):
  golden = "tests/goldens/klein"
  keys = lambda path: {k.replace(".1.", ".0.").replace(".2.", ".0.")
                       for k in safetensors_io.open_tensors(path)}
  for name in ("transformer", "vae", "text_encoder"):
    assert keys(f"{folder}/{name}") == keys(f"{golden}/{name}")
    ours, theirs = (json.load(open(f"{root}/{name}/config.json"))
                    for root in (folder, golden))
    # transformers 5 has the base of the rotary frequencies inside rope_parameters.
    assert ours.keys() - {"rope_theta"} <= theirs.keys()
  index = json.load(open(folder / "model_index.json"))
  assert index.items() <= json.load(open(f"{golden}/model_index.json")).items()


def test_it_is_written_back_bit_for_bit(folder, tmp_path):
  saved = klein_folder.read(str(folder))
  klein_folder.write(
      str(tmp_path / "back"), saved.config, saved.params, source=str(folder))
  back = klein_folder.read(str(tmp_path / "back"))
  jax.tree.map(np.testing.assert_array_equal, back.params, saved.params)


def test_the_seed_is_of_the_weights(folder, tmp_path):
  tiny_klein.write(str(tmp_path / "same"))
  tiny_klein.write(str(tmp_path / "other"), seed=1)
  first, same, other = (
      zoo.flatten(klein_folder.read(str(p)).params)["flux2/image_out/kernel"]
      for p in (folder, tmp_path / "same", tmp_path / "other"))
  np.testing.assert_array_equal(first, same)
  assert not np.array_equal(first, other)


def test_no_matrix_is_zero(folder):
  for path, value in zoo.flatten(klein_folder.read(str(folder)).params).items():
    assert not path.endswith("/kernel") or np.std(value) > 0, path


def test_an_older_folder_stays(folder):
  with pytest.raises(UserError, match="exists; remove it"):
    tiny_klein.write(str(folder))
