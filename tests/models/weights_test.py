import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from tests.models import tiny
from vision_banana.errors import UserError
from vision_banana.models import weights
from vision_banana.models.weight_tables import weight_map

DTYPES = (np.float32, np.float16, ml_dtypes.bfloat16)


def _same(a, b):
  assert a.keys() == b.keys()
  for key in a:
    assert a[key].dtype == b[key].dtype, key
    assert np.asarray(a[key]).tobytes() == np.asarray(b[key]).tobytes(), key


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_round_trip_is_bit_equal(name, dtype):
  wanted = weight_map(tiny.CONFIGS[name])
  tensors = tiny.published(name, dtype)
  params = weights.to_ours(tensors, wanted)
  assert {k: v.shape for k, v in params.items()} == wanted.shapes
  back = weights.to_reference(params, wanted)
  _same(back, {k: v for k, v in tensors.items() if k not in wanted.ignored})


def test_where_tensors_go():
  t = tiny.published("transformer")
  params = weights.to_ours(t, weight_map(tiny.CONFIGS["transformer"]))
  qkv = [t[f"transformer_blocks.1.attn.add_{p}_proj.weight"].T for p in "qkv"]
  np.testing.assert_array_equal(
      params["double/text/qkv/kernel"][1], np.concatenate(qkv, 1))
  np.testing.assert_array_equal(
      params["single/norm/key/scale"][2],
      t["single_transformer_blocks.2.attn.norm_k.weight"])
  t = tiny.published("vae")
  params = weights.to_ours(t, weight_map(tiny.CONFIGS["vae"]))
  np.testing.assert_array_equal(
      params["decoder/up_blocks/1/resnets/0/conv2/kernel"],
      t["decoder.up_blocks.1.resnets.0.conv2.weight"].transpose(2, 3, 1, 0))
  np.testing.assert_array_equal(
      params["encoder/mid_block/attention/to_out/kernel"],
      t["encoder.mid_block.attentions.0.to_out.0.weight"].T)
  assert params["bn/num_batches_tracked"] == 7
  t = tiny.published("text_encoder")
  params = weights.to_ours(t, weight_map(tiny.CONFIGS["text_encoder"]))
  np.testing.assert_array_equal(
      params["embedding/embedding"], t["model.embed_tokens.weight"])
  parts = [t[f"model.layers.1.self_attn.{p}_proj.weight"].T for p in "qkv"]
  np.testing.assert_array_equal(
      params["blocks/qkv/kernel"][1], np.concatenate(parts, 1))


def test_the_original_names_mean_the_same():
  config = tiny.CONFIGS["transformer"]
  original = tiny.published("transformer", single_file=True)
  wanted = weight_map(config, single_file=True)
  params = weights.to_ours(original, wanted)
  _same(weights.to_reference(params, wanted), original)
  diffusers = weights.to_reference(params, weight_map(config))
  shift, scale = np.split(original["final_layer.adaLN_modulation.1.weight"], 2)
  np.testing.assert_array_equal(
      diffusers["norm_out.linear.weight"], np.concatenate([scale, shift]))
  np.testing.assert_array_equal(
      np.concatenate([
          diffusers[f"transformer_blocks.1.attn.to_{p}.weight"] for p in "qkv"]),
      original["double_blocks.1.img_attn.qkv.weight"])
  np.testing.assert_array_equal(
      diffusers["transformer_blocks.0.ff_context.linear_out.weight"],
      original["double_blocks.0.txt_mlp.2.weight"])


def test_dtype():
  wanted = weight_map(tiny.CONFIGS["vae"])
  stored = tiny.published("vae", ml_dtypes.bfloat16)
  params = weights.to_ours(stored, wanted, dtype=jnp.float32)
  assert params.pop("bn/num_batches_tracked").dtype == jnp.int32
  assert {v.dtype for v in params.values()} == {jnp.dtype("float32")}
  params["bn/num_batches_tracked"] = np.int32(7)
  _same(weights.to_reference(params, wanted, dtype=jnp.bfloat16), stored)


def test_only_the_rows_of_a_part_are_read():
  """Of whole rows, that is: a file holds the columns of a row side by side."""
  config = tiny.CONFIGS["text_encoder"]
  wanted, tensors = weight_map(config), tiny.published("text_encoder")
  whole = weights.to_ours(tensors, wanted)
  read = []

  class Recorded:

    def __init__(self, value):
      self.value, self.shape, self.dtype = value, value.shape, value.dtype

    def __getitem__(self, rows):
      read.append(self.value[rows].size)
      return self.value[rows]

  recorded = {k: Recorded(v) for k, v in tensors.items()}
  for path, shape in wanted.shapes.items():
    for axis, size in enumerate(shape):
      for part in (slice(0, size // 2), slice(size // 2, size)):
        index = [slice(None)] * len(shape)
        index[axis] = part
        read.clear()
        out = weights._assemble(
            recorded, wanted.by_path[path], shape, tuple(index), np.dtype("float32"))
        np.testing.assert_array_equal(out, whole[path][tuple(index)])
        columns = {"kernel": len(shape) - 2, "embedding": 1}.get(path.split("/")[-1])
        assert (sum(read) == out.size) == (axis != columns), (path, axis)


def test_blocks_of_rows(monkeypatch):
  wanted, tensors = weight_map(tiny.CONFIGS["vae"]), tiny.published("vae")
  whole = weights.to_ours(tensors, wanted)
  monkeypatch.setattr(weights, "_BLOCK_BYTES", 300)
  _same(weights.to_ours(tensors, wanted), whole)


def test_sharding():
  mesh = Mesh(np.array(jax.devices()[:1]), ("fsdp",))
  seen = {}

  def rule(path, shape):
    seen[path] = shape
    return NamedSharding(mesh, PartitionSpec(*[None] * (len(shape) - 1), "fsdp")
                         if shape else PartitionSpec())

  wanted = weight_map(tiny.CONFIGS["vae"])
  params = weights.to_ours(tiny.published("vae"), wanted, sharding=rule)
  assert seen == wanted.shapes
  assert params["quant_conv/kernel"].sharding == rule("", (1, 1, 8, 8))


def test_all_problems_in_one_error():
  tensors = tiny.published("transformer")
  del tensors["proj_out.weight"]
  tensors["lora.weight"] = np.zeros(3, np.float32)
  tensors["x_embedder.weight"] = np.zeros((3, 4), np.float32)
  tensors["norm_out.linear.weight"] = np.zeros((64, 32), np.int64)
  with pytest.raises(UserError) as e:
    weights.to_ours(tensors, weight_map(tiny.CONFIGS["transformer"]), where="here")
  assert str(e.value) == (
      "here: does not fit the network: lora.weight is not of this network; "
      "norm_out.linear.weight is int64, not floating; proj_out.weight is missing; "
      "x_embedder.weight is [3, 4], not [32, 12].")


def test_layers_that_are_not_read_may_be_absent_but_none_beyond_the_network():
  wanted = weight_map(tiny.CONFIGS["text_encoder"])
  tensors = tiny.published("text_encoder")
  params = weights.to_ours(
      {k: v for k, v in tensors.items() if k not in wanted.ignored}, wanted)
  _same(params, weights.to_ours(tensors, wanted))
  tensors[tiny.LATER.format(4)] = np.zeros(12, np.float32)
  with pytest.raises(UserError, match="layers.4.input_layernorm.weight is not of"):
    weights.to_ours(tensors, wanted)


def test_parameters_of_another_network():
  wanted = weight_map(tiny.CONFIGS["vae"])
  params = weights.to_ours(tiny.published("vae"), wanted)
  del params["quant_conv/bias"]
  params |= {"lora/a": np.zeros(2), "quant_conv/kernel": np.zeros((1, 1, 8, 4))}
  with pytest.raises(UserError) as e:
    weights.to_reference(params, wanted)
  assert str(e.value) == (
      "parameters: do not fit the network: lora/a is not of this network; "
      "quant_conv/bias is missing; quant_conv/kernel is [1, 1, 8, 4], not "
      "[1, 1, 8, 8].")
