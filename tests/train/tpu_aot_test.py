"""Programs compiled for TPU pods by libtpu: `make aot`. No TPU is needed.

The whole of klein takes minutes; its test has a marker of its own.
"""

import collections
import dataclasses
import json
import math
import re

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import topologies

from vision_banana import main
from vision_banana.models import attention
from vision_banana.train import aot, config, optim, partitioning, topology

pytestmark = pytest.mark.tpu_aot

# klein in small: every part is there, wide enough to be split over eight chips.
_SMALL = {
    "flux2": {"in_channels": 64, "text_dim": 512, "num_double": 1, "num_single": 2,
              "num_heads": 4},
    "text": {"vocab_size": 300, "width": 256, "mlp_width": 512, "num_layers": 4,
             "num_heads": 4, "num_kv_heads": 2, "taps": (1, 2)},
    "autoencoder": {"stage_channels": (64, 128), "layers_per_stage": 1,
                    "latent_channels": 16},
    "image_size": 64, "num_references": 1,
}


@pytest.fixture(autouse=True, scope="module")
def optimised():
  """As a user's program is compiled; other tests are compiled in a hurry."""
  before = {name: jax.config.values[name] for name in (
      "jax_disable_most_optimizations", "jax_enable_compilation_cache")}
  jax.config.update("jax_disable_most_optimizations", False)
  jax.config.update("jax_enable_compilation_cache", False)
  yield
  for name, value in before.items():
    jax.config.update(name, value)


def small(kind: str) -> config.Experiment:
  tuned = config.load(f"configs/klein_{kind}.py:size=64,batch_size=8")
  model = dataclasses.replace(tuned.model, overrides=_SMALL)
  return dataclasses.replace(
      tuned, model=model,
      mesh=partitioning.MeshConfig(data=1, fsdp=4, tensor=2),
      flow=dataclasses.replace(tuned.flow, steps=2))


def test_each_of_two_slices_holds_whole_replicas():
  topology.devices("v5e:4x4")  # Tells libtpu that it is not on a TPU.
  chips = topologies.get_topology_desc(
      "v5e:4x4", platform="tpu", num_slices=2).devices
  for data, fsdp, tensor in ((2, -1, 1), (2, -1, 2), (4, -1, 1)):
    grid = partitioning.make_mesh(
        partitioning.MeshConfig(data, fsdp, tensor), chips).devices
    assert grid.shape == (data, 32 // data // tensor, tensor)
    assert all(len({chip.slice_index for chip in replica.flat}) == 1
               for replica in grid)


def compiled(lower, experiment):
  mesh = partitioning.make_mesh(experiment.mesh, topology.devices("v5e:2x4"))
  with jax.set_mesh(mesh):
    return lower(experiment, mesh).compile()


@pytest.mark.parametrize("kind", ["tune", "lora"])
def test_a_small_klein_trains_on_a_pod(kind):
  experiment = small(kind)
  step = compiled(aot.lower_step, experiment)
  text = step.as_text()
  # Attention is the kernel, forward and backward, in loops over the blocks.
  assert {"splash_mha_fwd", "splash_mha_dkv", "splash_mha_dq"} <= set(
      re.findall(r"splash_mha_[a-z]+", text))
  # The state takes the place of the one before.
  memory = step.memory_analysis()
  assert memory.alias_size_in_bytes > 0.99 * memory.output_size_in_bytes
  # Arguments are split: an eighth of the state and of the fixed weights, about. Of
  # adapters the smallest are whole on every chip, and a rank of 64 fills half of the
  # 128 lanes that a chip stores.
  (state, _, fixed), _ = step.args_info
  size = lambda tree: sum(
      x.dtype.itemsize * math.prod(x.shape) for x in jax.tree.leaves(tree))
  share = {"tune": 0.2, "lora": 0.3}[kind]
  assert memory.argument_size_in_bytes < share * (size(state) + size(fixed))


# Results of collectives that sum, and arrays in them.
_SUMS = re.compile(r" = (.+?) (?:all-reduce|reduce-scatter)(?:-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+\d+)\[([\d,]*)\]")


@pytest.mark.parametrize("axis", ["data", "fsdp"])
@pytest.mark.parametrize("dtype, short", [("float32", "f32"), ("bfloat16", "bf16")])
def test_gradients_are_summed_over_chips_in_the_dtype_asked_for(
    monkeypatch, axis, dtype, short):
  monkeypatch.setattr(partitioning, "SMALL", 256)  # Split these small arrays too.
  experiment = config.load("configs/debug.py", [
      "--config.optim.name=adamw", "--config.train.dtype=bfloat16",
      f"--config.train.grad_dtype={dtype}"])
  mesh = partitioning.make_mesh(
      partitioning.MeshConfig(**{"data": 1, "fsdp": 1, axis: 4}),
      topology.devices("v5e:2x2"))
  with jax.set_mesh(mesh):
    text = aot.lower_step(experiment, mesh).compile().as_text()
  summed = collections.Counter()
  for kind, dims in _ARRAY.findall(" ".join(_SUMS.findall(text))):
    size = math.prod(map(int, filter(None, dims.split(","))))
    if size >= partitioning.SMALL:  # Not the loss, norms' scales and such.
      summed[kind] += size
  _, part = aot._model(experiment)
  matrices = sum(
      x.size for path, x in jax.tree_util.tree_leaves_with_path(
          jax.eval_shape(part.init, jax.random.key(0)))
      if optim.is_matrix(optim.path_of(path), x.ndim))
  assert summed.keys() == {short}
  if axis == "data":  # Every gradient once, whole.
    assert summed[short] == matrices
  else:  # Some arrive by other collectives, those of split rows.
    assert summed[short] > matrices / 2


def test_a_small_klein_samples_on_a_pod():
  memory = compiled(aot.lower_sampler, small("tune")).memory_analysis()
  assert 0 < memory.argument_size_in_bytes < 2**24
  assert memory.output_size_in_bytes >= 64 * 64 * 3 * 4  # a picture a share


@pytest.mark.parametrize("shape,masked", [
    ((4, 700, 2, 128), False), ((4, 192, 3, 64), True), ((2, 64, 4, 48), True)])
def test_attention_of_any_length_lowers(shape, masked):
  mesh = partitioning.make_mesh(
      partitioning.MeshConfig(1, 2, 2), topology.devices("v5e:2x2"))
  q = jax.ShapeDtypeStruct(shape, jnp.bfloat16)
  mask = jax.ShapeDtypeStruct(shape[:2], jnp.bool) if masked else None

  def gradients(q, k, v, mask):
    total = lambda *qkv: attention.attend(*qkv, mask).astype(jnp.float32).sum()
    return jax.grad(total, (0, 1, 2))(q, k, v)
  with jax.set_mesh(mesh):
    out = jax.jit(gradients, out_shardings=partitioning.replicated(mesh)).lower(
        q, q, q, mask).compile()
  assert "splash_mha_dq" in out.as_text()


def test_too_large_is_a_verdict():
  mesh = partitioning.make_mesh(
      partitioning.MeshConfig(1, 4, 1), topology.devices("v5e:2x2"))

  def lower(experiment, mesh):
    del experiment
    x = jax.ShapeDtypeStruct((2**32, 1), jnp.float32,
                             sharding=partitioning.replicated(mesh))
    return jax.jit(lambda x: x + 1).lower(x)
  result = aot.measure(lower, small("tune"), mesh, topology.CHIPS["v5e"])
  assert result["verdict"].startswith("does not fit, by ")
  assert result["memory"]["peak"] >= 2**34 and not result["fits"]


def test_the_table_of_chips_is_what_the_compiler_says():
  for name, shape in (("v5e", "2x2"), ("v5p", "2x2x1"), ("v6e", "2x2")):
    mesh = partitioning.make_mesh(
        partitioning.MeshConfig(), topology.devices(f"{name}:{shape}"))
    x = jax.ShapeDtypeStruct((2**37, 1), jnp.float32,
                             sharding=partitioning.replicated(mesh))
    with pytest.raises(jax.errors.JaxRuntimeError) as e:
      jax.jit(lambda x: x + 1).lower(x).compile()
    has = float(re.search(r"available HBM \(([\d.]+)G\)", str(e.value))[1])
    assert topology.CHIPS[name].hbm == int(has * topology.GIB)


def test_the_command_prints_json(capsys):
  assert main.main([
      "compile", "--config", "configs/debug.py", "--topology", "v5e:2x2",
      "--mesh", "data=1,fsdp=4,tensor=1", "--config.optim.name=adamw"]) == 0
  found = json.loads(capsys.readouterr().out)
  assert found["chips"] == 4 and found["mesh"] == {"data": 1, "fsdp": 4, "tensor": 1}
  for program in ("step", "sampler"):
    assert found[program]["verdict"] == "fits"
    assert found[program]["flops"]["model"] > 0
    assert found[program]["seconds_at_mfu"] > 0
  assert found["step"]["collectives"]["all-reduce"]["count"] > 0


def test_pods_that_do_not_exist_are_one_line(capsys):
  assert main.main(["compile", "--config", "configs/debug.py", "--topology",
                    "v5e:3x5"]) == 2
  error = capsys.readouterr().err
  assert "libtpu knows no such pod" in error and len(error.splitlines()) == 1


@pytest.mark.tpu_aot_full
def test_klein_at_512_trains_on_sixteen_v5e():
  tuned = config.load("configs/klein_tune.py:size=512,batch_size=16")
  result = aot.report(tuned, "v5e:4x4", what="step")
  print(json.dumps(result))  # For the log.
  assert result["step"]["fits"], result["step"]["verdict"]
