"""Stage one: shards, kills, samples; stage two never paints."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.eval.datasets import fake_painter
from vision_banana.errors import UserError
from vision_banana.eval import benchmarks, evaluator, images, tables

ROOT = pathlib.Path(__file__).parent.parent.parent


def _evaluate(layouts, out, name="saco", painter=None, lines=None, **kwargs):
  return evaluator.evaluate(
      [painter or fake_painter.Nonsense()], benchmarks.get(name), out, data=layouts,
      log=(lambda line: None) if lines is None else lines.append, **kwargs)


def _table(evaluation):
  """What is printed, without the time it took."""
  return tables.text(evaluation.results)


def test_hosts_share_the_questions_and_the_last_one_scores(layouts, tmp_path):
  whole = _evaluate(layouts, tmp_path / "whole")
  painters, lines = [fake_painter.Nonsense() for _ in range(3)], []
  results = [_evaluate(layouts, tmp_path / "shared", painter=p, shard=(i, 3),
                       lines=lines) for i, p in enumerate(painters)]
  assert results[0] is None and results[1] is None
  assert _table(results[2]) == _table(whole)
  assert [p.calls for p in painters] == [4, 4, 3]  # 21 questions, two at a time
  assert any("of other hosts" in line for line in lines)
  files = lambda out: {p.name: p.read_bytes() for p in out.rglob("*.png")}
  assert files(tmp_path / "shared") == files(tmp_path / "whole")


def test_scoring_again_never_paints_and_gives_the_same_table(layouts, tmp_path):
  first = _evaluate(layouts, tmp_path)
  again, = evaluator.rescore(tmp_path, log=lambda line: None)
  assert _table(again) == _table(first)
  painter = fake_painter.Nonsense()
  assert _table(_evaluate(layouts, tmp_path, painter=painter)) == _table(first)
  assert painter.calls == 0


def test_rescoring_by_another_protocol(layouts, tmp_path):
  _evaluate(layouts, tmp_path, "ibims")
  zoe, = evaluator.rescore(tmp_path, protocol="zoe", log=lambda line: None)
  assert zoe.results["tasks"][0]["protocol"] == "zoe"
  with pytest.raises(UserError, match="no protocol 'x'; known: unidepth, zoe, moge"):
    evaluator.rescore(tmp_path, protocol="x")


def test_hosts_score_when_one_could_not_ask(layouts, tmp_path):
  short = lambda: fake_painter.Nonsense(500)  # one prompt of three is longer
  first = _evaluate(layouts, tmp_path, "genai_bench", short(), shard=(1, 2))
  last = _evaluate(layouts, tmp_path, "genai_bench", short(), shard=(0, 2))
  assert first is None and last.results["tasks"][0]["n"] == 2
  assert "too long a prompt" in _table(last)


KILLED = """
import sys, time
from tests.eval.datasets import fake_painter
from vision_banana.eval import benchmarks, evaluator
class Slow(fake_painter.Nonsense):
  def predict_batch(self, *args, **kwargs):
    if self.calls == 3:
      print("painted", flush=True)
      time.sleep(60)
    return super().predict_batch(*args, **kwargs)
evaluator.evaluate([Slow()], benchmarks.get("saco"), sys.argv[2], data=sys.argv[1])
"""


def test_after_kill_9_only_the_rest_is_painted_and_the_table_is_the_same(
    layouts, tmp_path):
  process = subprocess.Popen(
      [sys.executable, "-c", textwrap.dedent(KILLED), str(layouts),
       str(tmp_path / "killed")], cwd=ROOT, stdout=subprocess.PIPE, text=True,
      env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"})
  assert process.stdout.readline() == "painted\n"
  process.send_signal(signal.SIGKILL)
  process.wait()
  process.stdout.close()
  done = len(list((tmp_path / "killed").rglob("*.npz")))
  assert done == 6
  painter = fake_painter.Nonsense()
  resumed = _evaluate(layouts, tmp_path / "killed", painter=painter)
  assert painter.calls == 8  # 11 batches, 3 were there
  assert _table(resumed) == _table(_evaluate(layouts, tmp_path / "whole"))


def test_progress_says_how_long_it_takes(layouts, tmp_path):
  lines = []
  _evaluate(layouts, tmp_path, lines=lines)
  assert any("21/21 questions" in line and "ETA 0h00m00s" in line for line in lines)


@pytest.mark.parametrize("name", ["cityscapes", "ibims", "nyu_normals", "saco",
                                  "imgedit"])
def test_several_samples_are_voted_on_and_disagree(name, layouts, tmp_path):
  painter = fake_painter.Nonsense()
  results = _evaluate(layouts, tmp_path, name, painter, samples=3).results
  folder = next(tmp_path.glob(f"predictions/{name}/*/*"))
  stored = next(iter(sorted(folder.glob("*.npz"))))
  with np.load(stored) as arrays:
    assert arrays["disagreement"].shape == arrays["value"].shape[:2]
    assert arrays["disagreement"].min() >= 0
    assert np.isfinite(arrays["disagreement"]).all()
  pictures = [images.read(p) for p in sorted(folder.glob(f"{stored.stem}*.png"))]
  assert len(pictures) == 3 and (pictures[0] != pictures[1]).any()
  assert "3 samples voted" in tables.text(results)
  batches = -(-results["tasks"][0]["asked"] // 2)
  assert painter.calls == 3 * batches
  # One sample is another job.
  _evaluate(layouts, tmp_path, name)
  assert len(list(tmp_path.glob(f"predictions/{name}/*/*"))) == 2


def test_the_first_of_several_samples_is_the_only_one_of_one(layouts, tmp_path):
  _evaluate(layouts, tmp_path / "1", "ibims")
  _evaluate(layouts, tmp_path / "3", "ibims", samples=3)
  one, three = (next((tmp_path / n).rglob("corridor_01.png")).read_bytes()
                for n in "13")
  assert one == three


def test_a_short_text_encoder_gets_the_legend_in_parts(layouts, tmp_path):
  painter = fake_painter.Nonsense(230)
  results = _evaluate(layouts, tmp_path, "cityscapes", painter).results
  assert results["tasks"][0]["n"] == 2
  names = sorted(p.name for p in tmp_path.rglob("frankfurt*.png"))
  assert len(names) > 2 and names[1].endswith("_p1.png")


def test_places_of_unread_questions_keep_the_noise_of_the_others(layouts, tmp_path):
  class Placed(fake_painter.Nonsense):
    """Paints a picture that depends on the place in the batch."""
    def predict_batch(self, requests, pictures, *, steps, guidance, seed):
      return [super(Placed, self).predict_batch(
          [r], [p], steps=steps, guidance=guidance, seed=seed + i)[0]
          for i, (r, p) in enumerate(zip(requests, pictures, strict=True))]

  import shutil  # pylint: disable=g-import-not-at-top
  shutil.copytree(layouts / "ibims1", tmp_path / "data/ibims1")
  broken = tmp_path / "data/ibims1/rgb/corridor_01.png"
  whole = broken.read_bytes()
  broken.write_bytes(whole[:30])
  _evaluate(tmp_path / "data", tmp_path / "out", "ibims", Placed())
  broken.write_bytes(whole)
  _evaluate(tmp_path / "data", tmp_path / "fresh", "ibims", Placed())
  first, second = (next((tmp_path / n).rglob("kitchen_02.png")).read_bytes()
                   for n in ("out", "fresh"))
  assert first == second
