"""The log of a run survives kills, resumes without duplicates."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto import event_pb2

from vision_banana.errors import UserError
from vision_banana.train.metrics_writer import MetricsWriter, read


def test_lines_are_on_disk_before_close(tmp_path):
  writer = MetricsWriter(tmp_path, 0)
  writer.scalars(5, {"loss": 0.5})
  assert read(tmp_path / "metrics.jsonl") == [{"step": 5, "loss": 0.5}]
  writer.close()


def test_resuming_cuts_later_lines_and_a_torn_one(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 5, "loss": 1}\n{"step": 10, "loss": 2}\n'
                  '{"step": 15, "loss": 3}\n{"step": 20, "lo')
  writer = MetricsWriter(tmp_path, 10)
  writer.scalars(15, {"loss": 4})
  writer.close()
  assert [(x["step"], x["loss"]) for x in read(path)] == [(5, 1), (10, 2), (15, 4)]
  assert path.read_text().endswith("}\n")


def test_no_log_reads_as_empty(tmp_path):
  assert read(tmp_path / "metrics.jsonl") == []


def test_pictures_and_tensorboard_events(tmp_path):
  grid = np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype(np.uint8)
  writer = MetricsWriter(tmp_path, 0)
  writer.scalars(5, {"loss": 0.5})
  writer.image(5, "samples", grid)
  writer.close()
  np.testing.assert_array_equal(
      np.asarray(Image.open(tmp_path / "samples/0000005.png")), grid)
  (events,) = (tmp_path / "tensorboard").glob("events*")
  tags = [(v.tag, event.step) for event in _events(events)
          for v in event.summary.value]
  assert tags == [("loss", 5), ("samples", 5)]


def _events(path: pathlib.Path):
  """TFRecords: length, checksum, record, checksum."""
  content = path.read_bytes()
  while content:
    length = int.from_bytes(content[:8], "little")
    yield event_pb2.Event.FromString(content[12:12 + length])
    content = content[16 + length:]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="cannot be written") as error:
    MetricsWriter(tmp_path / "file", 0)
  assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line_and_does_not_hang(tmp_path):
  code = (
      "import resource, sys\n"
      "from vision_banana.errors import UserError\n"
      "from vision_banana.train.metrics_writer import MetricsWriter\n"
      "writer = MetricsWriter(sys.argv[1], 0)\n"
      "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
      "try:\n"
      "  for step in range(1000):\n"
      "    writer.scalars(step, {'loss': 1.0})\n"
      "except UserError as e:\n"
      "  print('ERROR', e)\n")
  done = subprocess.run(
      [sys.executable, "-c", code, str(tmp_path)], text=True, capture_output=True,
      cwd=pathlib.Path(__file__).parents[2], check=False, timeout=60)
  assert "cannot be written (File too large)" in done.stdout, done.stderr
