"""The demo from start to report, on a tiny model and made-up rooms."""

import dataclasses
import json
import shutil

import pytest

from experiments import demo
from tests.eval import fake
from vision_banana import api
from vision_banana.data import sources
from vision_banana.eval import benchmarks
from vision_banana.train import launch, loop


@pytest.fixture
def small(tmp_path, monkeypatch):
  folder = fake.save_model(tmp_path / "nano")
  base = api.load(folder)
  base.name = "nano_base"
  load = api.load
  monkeypatch.setattr(api, "load", lambda name, like=None: (
      base if name == "nano_base" else load(
          folder if name == "nano" else name, like=base)))
  # A fresh network takes long to compile; any other weights do.
  monkeypatch.setattr(api.Model, "random_start",
                      lambda m: m.with_params(m.params, "random start"))
  monkeypatch.setattr(sources, "open_source", lambda name, split: fake.scenes(3, 50))
  record = fake.benchmark(2)
  monkeypatch.setattr(benchmarks, "ROOMS", dataclasses.replace(
      record, protocols=record.protocols[:3]))
  monkeypatch.setattr(benchmarks, "MOTORCYCLE", dataclasses.replace(
      record, name="photo", protocols=record.protocols[:1]))

  def train(config, workdir):
    assert config.init_from == "nano" and config.train.minutes == 0.1
    shutil.copytree(folder, workdir / "model")
    (workdir / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": s, "loss": 1 / s}) + "\n" for s in (10, 20)))
    return loop.Result(20, "minutes", 1)

  monkeypatch.setattr(launch, "train", train)


def test_the_demo_reports_before_and_after(small, tmp_path, capsys):
  out = tmp_path / "demo"
  argv = ["--out", str(out), "--config", "configs/nano_demo.py:minutes=0.1"]
  demo.main(argv)
  rooms, photo = json.loads((out / "results.json").read_text())
  names = ["nano + 20 steps", "nano", "nano_base", "random start", "constant picture"]
  assert [c["name"] for c in rooms["columns"]] == names
  assert [t["task"] for t in rooms["tasks"]] == ["depth", "normals", "semantic"]
  assert photo["benchmark"] == "photo"
  page = (out / "report.html").read_text()
  assert all(name in page for name in names)
  assert "Training curve of this run" in page
  assert "alt='b'" in page and "alt='b_semantic'" in page
  assert str(out / "report.html") in capsys.readouterr().out
  demo.main(argv)  # A second demo tunes from nano again.
