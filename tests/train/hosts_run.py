"""Run by hosts_test, a process of a run in each: `hosts_run.py JSON`.

Trains and prints what it was fed, row by row of each step.
"""

import json
import os
import pathlib
import signal
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

# pylint: disable=wrong-import-position
import numpy as np
import orbax.checkpoint as ocp

from tests.data import fake
from tests.train import fakes, loop_test
from vision_banana.data import pipeline, stream
from vision_banana.errors import UserError
from vision_banana.train import config, hosts, launch, loop, partitioning, rendezvous

BATCH = 4


def main(workdir: str, source: str, steps: int, *, coordinator: str | None = None,
         count: int | None = None, this: int | None = None, timeout: float = 300,
         at: int = -1, happens: str = "", init: str = "", kind: str = "debug",
         export: float = 0) -> int:
  """Trains; at the data of step `at` something happens. Returns the last step.

  The export of step 2 takes `export` seconds. What happens at 0, 'flaky', is that
  storage fails this process for a moment when it restores.

  The debug model on `source`, or klein from `init` as configs/klein_`kind`.py has it,
  or where there is no source the tiny fake on fake rooms, which starts sooner.
  """
  rendezvous.join(coordinator, count, this)
  original = stream.Stream.__next__

  def recorded(self):
    before = self.get_state()["samples"]
    if before // BATCH + 1 == at:
      happen(happens)
    batch = original(self)
    if self._batch_size == BATCH:  # Not the held-out pictures.
      for row, values, tokens in zip(self._rows, batch["values"], batch["tokens"]):
        digest = zlib.crc32(values.tobytes() + tokens.tobytes())
        # In one piece: the watch's thread may write between two.
        print(f"ROW {before + row} {digest}\n", end="", flush=True)
    return batch
  stream.Stream.__next__ = recorded
  if at == 0:
    fail_once()
  try:
    if init:
      return launch.train(
          config.load(f"configs/klein_{kind}.py:init={init},source={source},"
                      f"steps={steps},size=16,batch_size={BATCH}", [
                          "--config.train.log_every=1", "--config.optim.warmup_steps=0",
                          "--config.data.num_threads=0",
                          "--config.data.aspects=(1.0,)"]),
          workdir, timeout).step
    if source:
      return launch.train(
          config.load(f"configs/debug.py:source={source},steps={steps}", [
              "--config.train.log_every=1", "--config.optim.schedule=constant"]),
          workdir, timeout).step
    with hosts.watch(timeout) as note:
      return loop.fit(
          loop_test.experiment(steps=steps, log_every=1, checkpoint_every=2), workdir,
          fakes.LinearGenerator(), rooms(), tasks=pipeline.tasks.TASKS,
          export=lambda ema, step: time.sleep(export * (step == 2)), note=note).step
  finally:
    stream.Stream.__next__ = original


def fail_once() -> None:
  restore = ocp.StandardCheckpointHandler.restore
  left = [OSError("the storage is away for a moment.")]

  def failing(*args, **keys):
    if left:
      raise left.pop()
    return restore(*args, **keys)
  ocp.StandardCheckpointHandler.restore = failing


def rooms() -> stream.Stream:
  """This process's rows of batches of fake rooms, as small as the fake generator."""
  def tokenize(prompts):
    ids = np.array([[zlib.crc32(p.encode()) % 1000] for p in prompts], np.int32)
    return ids, ids > 0
  data = pipeline.DataConfig({"text_to_image": 1, "normals": 2}, size=fakes.EDGE,
                             batch_size=BATCH)
  mesh = partitioning.make_mesh(partitioning.MeshConfig())
  return pipeline.train_iterator(
      data, tokenize, sources={"rooms": fake.Source(9, fakes.EDGE)},
      rows=partitioning.rows(mesh, BATCH))


def happen(what: str) -> None:
  if what == "hang":
    time.sleep(600)
  if what == "error":
    raise UserError("the disk of this host is gone.")
  os.kill(os.getpid(), {"kill": signal.SIGKILL, "sigterm": signal.SIGTERM}[what])


if __name__ == "__main__":
  print("STEP", main(**json.loads(sys.argv[1])))
