"""From a config to a run, with the debug model and a dataset of twelve rooms."""

import pathlib

import jax
import ml_dtypes
import numpy as np
import pytest

import vision_banana
from tests.data import fake
from tests.data.own import fake as own
from vision_banana.codecs import depth
from vision_banana.data import pipeline, stream
from vision_banana.data.builders import rooms
from vision_banana.errors import UserError
from vision_banana.models import lora_file, saved, zoo
from vision_banana.train import config, launch, loop, metrics_writer


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
  """A folder with rooms of 16² pixels, splits train and test."""
  folder = tmp_path_factory.mktemp("rooms")
  for split, seeds in (("train", range(9)), ("test", range(9, 12))):
    examples = [(str(i), rooms.encode(fake.scene(i, 16))) for i in seeds]
    rooms.Rooms(size=16, split=split, examples=examples,
                data_dir=folder / split).download_and_prepare()
  return folder


def debug(shard, *overrides: str) -> config.Experiment:
  return config.load(f"configs/debug.py:source={shard},steps=4", [
      "--config.train.log_every=2", "--config.train.sample_every=2",
      "--config.optim.name=adamw", *overrides])


@pytest.fixture(scope="module")
def ran(shard, tmp_path_factory):
  workdir = tmp_path_factory.mktemp("run")
  return workdir, launch.train(debug(shard), workdir)


def test_one_compiled_step_serves_the_whole_mixture(ran):
  assert ran[1] == loop.Result(4, "done", 1)
  seen = {key for line in metrics_writer.read(ran[0] / "metrics.jsonl")
          for key in line if key.startswith("loss/")}
  assert seen == {"loss/text_to_image", "loss/depth", "loss/normals"}


def test_leaves_pictures_config_and_a_model_folder(ran):
  workdir, _ = ran
  assert len(list((workdir / "samples").glob("*.png"))) == 2
  assert (workdir / "config.json").is_file()
  assert "flux2/image_in/kernel" in (workdir / "parameters.txt").read_text()
  model = zoo.load_model(str(workdir / "model"))
  assert model.name == "debug" and model.notes["steps"] == 4
  assert model.notes["samples"] == 16


def test_init_from_gives_the_weights_and_the_tokenizer(shard, ran):
  model = ran[0] / "model"
  generator, params = launch.open_generator(debug(shard, f"--config.init_from={model}"))
  before = zoo.flatten(zoo.load_model(str(model)).params)
  after = zoo.flatten(params)
  assert before.keys() == after.keys()
  for path, value in before.items():
    np.testing.assert_array_equal(after[path], value, err_msg=path)
  assert generator.tokenizer.to_json() == zoo.load_model(
      str(model)).tokenizer.to_json()


def test_a_random_start_takes_the_tokenizer_alone(shard, ran, tmp_path):
  steps = ["--config.train.steps=1", "--config.train.sample_every=0",
           "--config.optim.lr=0.0"]
  first = launch.train(debug(shard, *steps), tmp_path / "fresh")
  launch.train(debug(shard, *steps, f"--config.init_from={ran[0] / 'model'}",
                     "--config.random_start=true"), tmp_path / "random")
  assert first.step == 1
  fresh, random, trained = (zoo.load_model(str(folder / "model")) for folder in (
      tmp_path / "fresh", tmp_path / "random", ran[0]))
  weights = lambda m: np.asarray(m.params["flux2"]["image_in"]["kernel"])
  np.testing.assert_array_equal(weights(random), weights(fresh))
  assert not np.array_equal(weights(random), weights(trained))
  assert random.notes["random_start"] and random.notes["init_from"]


def test_the_curve_and_the_auxiliary_loss_of_a_config_reach_the_run(shard, tmp_path):
  launch.train(debug(shard, "--config.flow.depth.lam=-1.0",
                     "--config.flow.depth.far=20.0", "--config.auxiliary.delta1=0.5",
                     "--config.data.colormap=cube"), tmp_path)
  model = vision_banana.load(tmp_path / "model")
  assert model.generator.flow.depth == depth.Curve(-1.0, 10 / 3, 20.0)
  painted = model.predict(fake.scene(0, 16)["image"], "depth")
  np.testing.assert_array_equal(
      painted.value, depth.decode(painted.rgb, -1.0, 10 / 3, "cube", 20.0))
  assert painted.value.max() <= 20.001
  lines = metrics_writer.read(tmp_path / "metrics.jsonl")
  assert all(0 < line["auxiliary"] <= 0.5 < line["loss"] * 100 for line in lines)


def test_the_workdir_goes_before_init_from_and_changes_are_told(shard, ran, capsys):
  result = launch.train(
      debug(shard, f"--config.init_from={ran[0] / 'model'}",
            "--config.train.sample_every=0"), ran[0])
  output = capsys.readouterr().out
  assert result.step == 4 and f"resuming from {ran[0]}/checkpoints/4" in output
  assert "changed since this run began: config.train.sample_every 2 -> 0" in output


def test_a_refused_run_leaves_the_config_of_the_one_that_is_there(
    shard, tmp_path, capsys):
  right = debug(shard, "--config.train.sample_every=0", "--config.train.steps=1")
  launch.train(right, tmp_path)
  before = (tmp_path / "config.json").read_text()
  with pytest.raises(UserError, match="is of another model or optimiser"):
    launch.train(debug(shard, "--config.model.overrides.flux2={'num_single': 2}"),
                 tmp_path)
  assert (tmp_path / "config.json").read_text() == before
  assert not list(tmp_path.glob("*.tmp"))
  launch.train(right, tmp_path)
  assert "changed since" not in capsys.readouterr().out


@pytest.mark.parametrize("overrides,message", [
    (["--config.data.size=32"], "data.size is 32 and the model's image_size 16"),
    (["--config.data.num_references=2"], "data.num_references is 2"),
    (["--config.init_from=/nowhere"], "/nowhere: not a model folder"),
    (["--config.model.tokenizer=/no.json"], "/no.json"),
    (["--config.model.name=nana"], "unknown model 'nana'"),
    (["--config.data.mixture.dept=1"], "dept"),
    (["--config.data.sources.rooms.path=/nowhere"], "/nowhere"),
    (["--config.data.sources.rooms.path=/data/kitti"], "is KITTI, which must not be"),
    (["--config.data.leak_lists=('/no.txt',)"], "/no.txt: cannot be read"),
    (["--config.train.sample_split=val"], "no split 'val'"),
])
def test_what_does_not_fit_is_one_line_and_leaves_nothing(
    shard, tmp_path, overrides, message):
  with pytest.raises(UserError, match=message) as error:
    launch.train(debug(shard, *overrides), tmp_path / "run")
  assert "\n" not in str(error.value)
  assert not (tmp_path / "run").exists()


def test_init_from_of_another_size_is_one_line(shard, ran, tmp_path):
  with pytest.raises(UserError, match="has other sizes than config.model"):
    launch.train(debug(
        shard, f"--config.init_from={ran[0] / 'model'}",
        "--config.model.overrides.flux2={'num_single': 2}"), tmp_path)


def test_init_from_takes_weights_of_other_pictures_and_prompts(shard, ran, tmp_path):
  launch.train(debug(
      shard, f"--config.init_from={ran[0] / 'model'}", "--config.data.size=8",
      "--config.train.sample_every=0", "--config.model.overrides.image_size=8",
      "--config.model.overrides.text={'max_length': 20}"), tmp_path)
  model = zoo.load_model(str(tmp_path / "model"))
  assert model.config.image_size == 8
  assert model.tokenizer(["a"])[0].shape == (1, 20)


KLEIN = pathlib.Path(__file__).parents[1] / "goldens" / "klein"


def test_adapters_alone_are_trained_and_load_into_what_they_were_trained_on(
    shard, ran, tmp_path):
  base = ran[0] / "model"
  result = launch.train(
      debug(shard, f"--config.init_from={base}", "--config.lora.rank=2",
            "--config.lora.alpha=4", "--config.optim.lr=0.01"), tmp_path)
  assert result == loop.Result(4, "done", 1)
  before = zoo.flatten(vision_banana.load(base).params)
  after = zoo.flatten(vision_banana.load(base, lora=tmp_path / "model").params)
  changed = {k for k in before if not np.array_equal(before[k], after[k])}
  blocks = {k for k in before if k.startswith(("flux2/double", "flux2/single"))
            and k.endswith("kernel")}
  assert changed and changed <= blocks
  # The state holds adapters, not what stays.
  config_ = zoo.model_config("debug").flux2
  adapter = lora_file.read(str(tmp_path / "model"), config_)
  assert {adapter.scale(m) for m in adapter.weights} == {2.0}
  overview = (tmp_path / "parameters.txt").read_text()
  assert "attn.to_q/a" in overview and "image_in" not in overview


def test_klein_is_tuned_and_its_encoders_stay(shard, tmp_path):
  experiment = config.load(
      f"configs/klein_tune.py:init={KLEIN},source={shard},size=16,batch_size=2,steps=2",
      ["--config.data.num_threads=0", "--config.optim.warmup_steps=0",
       "--config.data.aspects=(1.0,)"])
  assert launch.train(experiment, tmp_path).step == 2
  before, after = (zoo.flatten(saved.read(str(f)).params)
                   for f in (KLEIN, tmp_path / "model"))
  # What is not trained is held, and so kept, in the dtype of the run.
  as_held = lambda x: np.asarray(x).astype(ml_dtypes.bfloat16)
  changed = {k.split("/")[0] for k in before
             if not np.array_equal(as_held(before[k]), as_held(after[k]))}
  assert changed == {"flux2"}
  assert "| text/" not in (tmp_path / "parameters.txt").read_text()


@pytest.mark.parametrize("kind, path, held", [
    ("lora", "text/embedding/embedding", 1),
    ("tune", "flux2/text_in/kernel", 4),  # Parameters, average and two moments.
])
def test_weights_of_klein_are_held_no_longer_than_needed(
    shard, tmp_path, monkeypatch, kind, path, held):
  shape = zoo.flatten(saved.read(str(KLEIN)).params)[path].shape
  count = lambda: sum(x.shape == shape for x in jax.live_arrays())
  before, original, seen = count(), stream.Stream.__next__, []
  monkeypatch.setattr(stream.Stream, "__next__", lambda self: (
      seen.append(count() - before) or original(self)))
  launch.train(config.load(
      f"configs/klein_{kind}.py:init={KLEIN},source={shard},size=16,batch_size=2,steps=2",
      ["--config.data.num_threads=0", "--config.data.aspects=(1.0,)"]), tmp_path)
  assert seen == [held, held]


def test_weights_go_through_the_memory_of_the_host(shard, monkeypatch):
  experiment = config.load(f"configs/klein_lora.py:init={KLEIN},source={shard},size=16")
  local = jax.local_devices

  def without_cpu(backend=None):
    if backend == "cpu":
      raise RuntimeError("Unknown backend cpu")
    return local()
  monkeypatch.setattr(jax, "local_devices", without_cpu)
  with pytest.raises(UserError, match="leaves out the memory of the host.*,cpu") as e:
    launch.open_generator(experiment)
  assert "\n" not in str(e.value)


def test_dropped_prompts_of_klein_are_the_negative_of_its_guidance(shard):
  experiment = config.load(
      f"configs/klein_lora.py:init={KLEIN},source={shard},size=16,batch_size=40", [
          "--config.data.num_threads=0", "--config.data.aspects=(1.0,)"])
  generator, _ = launch.open_generator(experiment)
  batch = next(pipeline.train_iterator(experiment.data, generator.tokenize))
  dropped = batch["prompt"] == ""
  assert 0 < dropped.sum() < 15
  for tokens, mask in zip(batch["tokens"][dropped], batch["text_mask"][dropped]):
    empty, empty_mask = generator.tokenize([""])
    np.testing.assert_array_equal(tokens, empty[0])
    np.testing.assert_array_equal(mask, empty_mask[0])


def test_the_step_is_compiled_once_for_each_shape(tmp_path):
  """Own pictures of two shapes, from folder to model."""
  own.write(tmp_path / "data", {
      **{f"{i}.png": own.png(own.picture(i, (30, 60) if i % 2 else (40, 40)))
         for i in range(4)},
      **{f"{i}.txt": f"picture {i}" for i in range(4)}})
  experiment = config.load(f"configs/debug.py:steps=8,source={tmp_path / 'data'}", [
      "--config.data.mixture.depth=0", "--config.data.mixture.normals=0",
      "--config.train.sample_every=0",
      "--config.data.aspects=(1.0, 2.0, 0.5)", "--config.data.size=32",
      "--config.model.overrides.image_size=32", "--config.optim.name=adamw"])
  assert launch.train(experiment, tmp_path / "run") == loop.Result(8, "done", 2)
