"""The tables against every key and shape of the published files."""

import json
import math
import pathlib
import re

import pytest

from vision_banana.models import weight_tables
from vision_banana.models.autoencoder import AutoencoderConfig
from vision_banana.models.flux2 import Flux2Config
from vision_banana.models.qwen3 import Qwen3Config
from vision_banana.models.weight_files import KLEIN

GOLDEN = pathlib.Path(__file__).parent.parent / "goldens" / "klein_4b_keys.json"
CONFIGS = {"transformer": Flux2Config(), "vae": AutoencoderConfig(),
           "text_encoder": Qwen3Config()}
COUNTS = {"transformer": 169, "vae": 251, "text_encoder": 398}


def _published(name, layers=lambda pattern, count: count):
  """{key: shape}; the file has [layers, shape], '*' stands for the layer."""
  patterns = json.loads(GOLDEN.read_text())[name]
  return {
      pattern.replace("*", str(i)): tuple(shape)
      for pattern, (count, shape) in patterns.items()
      for i in range(max(layers(pattern, count), 1))}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_published_tensor_has_its_place(name):
  published = _published(name)
  assert len(published) == COUNTS[name]
  wanted = weight_tables.weight_map(CONFIGS[name])
  ignored = published.keys() & wanted.ignored
  assert wanted.stored_shapes == {
      k: s for k, s in published.items() if k not in ignored}
  assert len(ignored) == (9 * 11 + 1 if name == "text_encoder" else 0)


def test_the_text_encoder_ignores_what_comes_after_the_last_state_read():
  ignored = weight_tables.weight_map(CONFIGS["text_encoder"]).ignored
  layers = {int(m[1]) for k in ignored if (m := re.match(r"model\.layers\.(\d+)", k))}
  assert layers == set(range(27, 36))
  assert {k for k in ignored if "layers" not in k} == {
      "model.norm.weight", "lm_head.weight"}


def test_klein_9b():
  wider = {3072: 4096, 6144: 8192, 7680: 12288, 9216: 12288, 12288: 16384,
           18432: 24576, 27648: 36864}
  deeper = {0: 0, 5: 8, 20: 24}
  published = {
      key: tuple(wider.get(n, n) for n in shape)
      for key, shape in _published("transformer", lambda _, n: deeper[n]).items()}
  assert sum(math.prod(s) for s in published.values()) == 9_078_581_248
  assert weight_tables.weight_map(KLEIN[1]).stored_shapes == published


@pytest.mark.parametrize("config", [*CONFIGS.values(), KLEIN[1]])
@pytest.mark.parametrize("single_file", [False, True])
def test_pieces_cover_every_parameter_once(config, single_file):
  wanted = weight_tables.weight_map(config, single_file=single_file)
  for path, pieces in wanted.by_path.items():
    shape = wanted.shapes[path]
    covered = {}
    for p in pieces:
      inner = shape if p.layer is None else shape[1:]
      whole = inner[p.axis] if inner else 1
      covered.setdefault(p.layer, []).extend(range(p.start, p.start + p.size))
      assert sorted(covered[p.layer])[-1] < whole
    layers = {None} if None in covered else set(range(shape[0]))
    assert covered.keys() == layers, path
    for rows in covered.values():
      assert sorted(rows) == list(range(whole)), path


def test_the_original_transformer_has_one_name_less_a_fused_matrix():
  wanted = weight_tables.weight_map(Flux2Config(), single_file=True)
  shapes = wanted.stored_shapes
  assert len(shapes) == 169 - 5 * 4
  assert shapes["double_blocks.4.txt_attn.qkv.weight"] == (9216, 3072)
  assert shapes["single_blocks.19.norm.key_norm.scale"] == (128,)


def test_a_parameter_without_a_row_is_a_bug():
  with pytest.raises(ValueError, match="0 rows of the table fit 'new/kernel'"):
    weight_tables._build({"new/kernel": (2, 3)}, weight_tables.FLUX2)
