"""From a config to a run: opens the generator, the data and the folder."""

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from jax.sharding import Sharding, SingleDeviceSharding

from vision_banana import folders
from vision_banana.data import pipeline
from vision_banana.errors import UserError
from vision_banana.generators import flow
from vision_banana.models import lora, lora_file, saved, text, zoo
from vision_banana.tasks.tasks import TASKS
from vision_banana.train import hosts, loop, partitioning, samples, trained
from vision_banana.train.config import Experiment
from vision_banana.train.progress import say


def train(config: Experiment, workdir: pathlib.Path | str,
          host_timeout: float = 300) -> loop.Result:
  """Runs an experiment in a folder; the same call goes on where a run stopped.

  With several processes (`rendezvous.join`) each makes its rows of every batch, all
  write the checkpoints, and process 0 writes the rest. It goes on exactly with
  another number of them.

  The folder gets `config.json`, `parameters.txt`, `metrics.jsonl`, `tensorboard/`,
  `checkpoints/`, `samples/` and `model/`, the averaged weights as a model folder, or
  as an adapter's when adapters are trained.

  Args:
    config: from `train.config.load`.
    workdir: folder of the run; made if need be. Of several processes all see it.
    host_timeout: seconds without progress after which a run of several processes
      ends, with the name of the one that holds it up. Start, compilation and saving
      may take four times as long.

  Raises:
    UserError: see `loop.fit`; also when model, data and `init_from` do not fit.
      With several processes they all end instead, exit status 2.
  """
  with hosts.watch(host_timeout) as note:
    return _train(config, pathlib.Path(workdir), note)


def _train(config: Experiment, workdir: pathlib.Path,
           note: Callable[..., None]) -> loop.Result:
  generator, params = open_generator(config)
  part, params = trained.choose(
      generator, params, config.lora, jax.random.key(config.seed))
  if config.random_start:
    params = None
  # What stays and is written with the model; an adapter is written alone.
  kept = {} if config.lora.rank or jax.process_index() else dict(part.fixed)
  rows = partitioning.rows(
      partitioning.make_mesh(config.mesh), config.data.batch_size)
  data = pipeline.train_iterator(config.data, generator.tokenize, rows=rows)
  draw = None
  if config.train.sample_every:
    draw = samples.held_out(config, generator)
  shapes = jax.eval_shape(part.init, jax.random.key(0))
  keep_config = _agree(config, shapes, workdir)

  def export(ema: Any, step: int) -> None:
    if config.lora.rank:
      with folders.whole(str(workdir / "model"), replace=True) as made:
        lora_file.write(os.path.join(made, lora_file.FILE), lora.Adapter(
            jax.tree.map(np.asarray, ema), dict.fromkeys(ema, config.lora.alpha)))
      return
    notes = {"steps": step, "samples": data.get_state()["samples"],
             "mixture": dict(config.data.mixture), "seed": config.seed,
             "init_from": config.init_from, "random_start": config.random_start,
             "notes": config.notes}
    zoo.save_model(str(workdir / "model"), zoo.SavedModel(
        generator.name, generator.config, dataclasses.asdict(generator.flow),
        part.combine(ema, kept), generator.tokenizer, notes))

  try:
    return loop.fit(config, workdir, generator, data, tasks=TASKS, params=params,
                    part=part, draw=draw, export=export, note=note, started=keep_config)
  finally:
    if jax.process_index() == 0:  # There still where the run was refused.
      _draft(workdir).unlink(missing_ok=True)


def open_generator(config: Experiment) -> tuple[flow.Flow, Any]:
  """The generator of a config, and the weights of `init_from` or None.

  The weights lie in this host's memory, from where each chip gets its part.

  Raises:
    UserError: a file cannot be read, sizes in the config contradict each other, or
      JAX_PLATFORMS leaves out the cpu.
  """
  sizes = model_sizes(config)
  params, tokenizer = None, None
  if config.init_from:
    found = saved.read(find(config.init_from), sharding=_on_the_host)
    if found.name == config.model.name == "klein":
      # Its folder says what it is; the config, what it is trained on.
      sizes = dataclasses.replace(
          found.config, image_size=config.data.size,
          num_references=config.data.num_references)
    elif _of_the_weights(found.config) != _of_the_weights(sizes):
      raise UserError(f"config.init_from={config.init_from} has other sizes than "
                      "config.model; give the same name and overrides.")
    params, tokenizer = found.params, found.tokenizer
    if isinstance(tokenizer, text.Tokenizer):
      tokenizer = text.Tokenizer(tokenizer.core, sizes.text.max_length)
  if config.model.tokenizer:
    tokenizer = text.Tokenizer.from_file(
        find(config.model.tokenizer), sizes.text.max_length)
  generator = flow.Flow(
      config.model.name, sizes, config.flow,
      tokenizer or text.Tokenizer.bytes_only(sizes.text.max_length),
      dtype=config.train.dtype, remat=config.train.remat)
  return generator, params


def _on_the_host(path: str, shape: tuple[int, ...]) -> Sharding:
  del path, shape
  try:
    return SingleDeviceSharding(jax.local_devices(backend="cpu")[0])
  except RuntimeError as e:
    known = jax.config.jax_platforms
    raise UserError(f"JAX_PLATFORMS={known} leaves out the memory of the host, through "
                    f"which weights are read; set JAX_PLATFORMS={known},cpu.") from e


def _of_the_weights(sizes: zoo.ModelConfig) -> zoo.ModelConfig:
  """Sizes without those that weights do not depend on, so that a phase of training
  may see smaller pictures, fewer references or shorter prompts than the next."""
  fixed = dict(image_size=0, num_references=0,
               flux2=dataclasses.replace(sizes.flux2, unroll=1))
  if isinstance(sizes.text, text.TextConfig):
    fixed["text"] = dataclasses.replace(sizes.text, max_length=0)
  return dataclasses.replace(sizes, **fixed)


def model_sizes(config: Experiment) -> zoo.ModelConfig:
  """Sizes of the model that a config names.

  Raises:
    UserError: the model is unknown, or sizes in the config contradict each other.
  """
  sizes = zoo.model_config(config.model.name, config.model.overrides)
  for key in ("size", "num_references"):
    field = "image_size" if key == "size" else key
    if getattr(config.data, key) != getattr(sizes, field):
      raise UserError(
          f"config.data.{key} is {getattr(config.data, key)} and the model's {field} "
          f"{getattr(sizes, field)}; set config.model.overrides.{field} or the data's.")
  return sizes


def find(name: str) -> str:
  """`name` as a path, or inside the package's `embedded` when there is none."""
  embedded = pathlib.Path(__file__).parents[1] / "embedded" / name
  if not os.path.exists(name) and embedded.exists():
    return str(embedded)
  return name


def _agree(config: Experiment, shapes: Any, workdir: pathlib.Path
           ) -> Callable[[], None]:
  """Sees that all processes train the same into the same folder.

  Returns:
    What writes it down, once the checkpoints there fit it, and says what has changed
    since the run began.
  """
  path, temporary = workdir / "config.json", _draft(workdir)
  now = json.dumps(dataclasses.asdict(config), indent=1, default=dict) + "\n"
  if jax.process_index() == 0:
    with _writing(workdir):
      workdir.mkdir(parents=True, exist_ok=True)
      temporary.write_text(now)
  hosts.together(True)  # It is written.
  seen = temporary.exists() and temporary.read_text()
  if seen != now:
    raise UserError(
        f"process {jax.process_index()} finds {'another' if seen else 'no'} config in "
        f"{temporary} than process 0 wrote; give all the same config and a --workdir "
        "that all hosts share.")

  def keep() -> None:
    if jax.process_index():
      return
    with _writing(workdir):
      if path.exists():
        before, after = (_flat(json.loads(x)) for x in (path.read_text(), now))
        for key in sorted(before.keys() | after.keys()):
          if before.get(key) != after.get(key):
            say(f"changed since this run began: config.{key} "
                f"{before.get(key)} -> {after.get(key)}")
      temporary.replace(path)
      overview = parameter_overview.get_parameter_overview(shapes, include_stats=False)
      (workdir / "parameters.txt").write_text(overview + "\n")
  return keep


def _draft(workdir: pathlib.Path) -> pathlib.Path:
  return workdir / "config.tmp"


@contextlib.contextmanager
def _writing(workdir: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except OSError as e:
    raise UserError(f"{workdir}: cannot be written ({e.strerror}); choose another "
                    "--workdir.") from e


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
  if not isinstance(tree, dict):
    return {prefix: tree}
  return {k: v for key, x in tree.items()
          for k, v in _flat(x, f"{prefix}.{key}" if prefix else key).items()}
