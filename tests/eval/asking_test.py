"""What an outside model is asked, all at once, and what its answers lead to."""

import numpy as np
import pytest

from tests.eval.datasets import fake_painter
from vision_banana.errors import UserError
from vision_banana.eval import (
    asking, benchmarks, decoding, evaluator, images, tables)
from vision_banana.eval.asking import Outside
from vision_banana.tasks import tasks


def _evaluate(layouts, out, name="saco", painter=None, lines=None, **kwargs):
  return evaluator.evaluate(
      [painter or fake_painter.Nonsense()], benchmarks.get(name), out, data=layouts,
      log=(lambda line: None) if lines is None else lines.append, **kwargs)


def test_an_outside_model_says_what_is_there(layouts, tmp_path):
  asked = []

  def presence(pairs):
    asked.append([phrase for _, phrase in pairs])
    assert all(picture.dtype == np.uint8 for picture, _ in pairs)
    return [UserError("the endpoint is down") if phrase == "box" else
            phrase == "red box" for _, phrase in pairs]

  lines = []
  results = _evaluate(layouts, tmp_path, outside=Outside("fake", presence),
                      lines=lines).results
  assert [len(phrases) for phrases in asked] == [21]  # All at once, not one by one.
  assert set(asked[0]) == {"red box", "box", "sofa"}
  task = results["tasks"][0]
  assert task["left_out"]["nonsense"]["count"] == 7 and task["n"] == 14
  assert any("the endpoint is down" in line for line in lines)
  path = next(tmp_path.rglob("metaclip-2.npz"))
  with np.load(path) as arrays:
    assert not arrays["value"].any() and arrays["scores"].shape == (0,)
  assert not images.read(path.with_suffix(".png")).any()
  # The endpoint is back: only what is left is asked.
  asked.clear()
  back = lambda pairs: asked.extend(t for _, t in pairs) or [
      text != "sofa" for _, text in pairs]
  results = _evaluate(layouts, tmp_path, outside=Outside("fake", back)).results
  assert results["tasks"][0]["n"] == 21 and "box" in asked and len(asked) < 21


def test_what_was_painted_before_the_next_questions_stays(
    layouts, tmp_path, monkeypatch):
  monkeypatch.setattr(asking, "AT_ONCE", 8)
  calls = []

  def presence(pairs):
    calls.append(len(pairs))
    if len(calls) == 2:
      raise KeyboardInterrupt
    return [True] * len(pairs)

  with pytest.raises(KeyboardInterrupt):
    _evaluate(layouts, tmp_path, outside=Outside("fake", presence))
  assert calls == [8, 8] and len(list(tmp_path.rglob("*.npz"))) == 8
  painter = fake_painter.Nonsense()
  _evaluate(layouts, tmp_path, painter=painter, outside=Outside("fake", presence))
  assert calls[2:] == [8, 5] and painter.calls == 7  # 11 batches, 4 were there


def test_an_outside_model_rewrites_queries(layouts, tmp_path):
  seen = []

  class Watched(fake_painter.Nonsense):
    def predict_batch(self, requests, pictures, **kwargs):
      seen.extend(r.prompt for r in requests)
      return super().predict_batch(requests, pictures, **kwargs)

  chair = Outside("fake", rewrite=lambda pairs: ["the chair" for _ in pairs])
  results = _evaluate(layouts, tmp_path, "reasonseg", Watched(), outside=chair).results
  assert set(seen) == {tasks.request("referring", phrase="the chair").prompt}
  assert "1 step, asks fake" in tables.text(results)
  about = next(tmp_path.rglob("0.json")).read_text()
  assert "what can one sit on" in about and "the chair" in about
  # RefCOCOg's sentences say what they mean: the paper asks nobody about them.
  seen.clear()
  results = _evaluate(layouts, tmp_path, "refcocog", Watched(), outside=chair).results
  assert seen and not any("the chair" in prompt for prompt in seen)
  assert "asks" not in tables.text(results)


def test_without_an_outside_model_an_empty_mask_says_no(layouts, tmp_path):
  class Empty(fake_painter.Nonsense):
    def predict_batch(self, requests, pictures, **kwargs):
      return [decoding.decode(r, np.zeros((*p.shape[:2], 3), np.float32))
              for r, p in zip(requests, pictures, strict=True)]

  results = _evaluate(layouts, tmp_path, painter=Empty()).results
  task = results["tasks"][0]
  assert task["n"] == 21 and not task["left_out"]
  assert results["columns"][0]["outside"] == "none"
  # Nothing is said to be there, right or wrong: no better than chance, nothing found.
  values = {row["metric"]: row["values"]["nonsense"] for row in task["rows"]}
  assert values["IL_MCC"] == 0 and values["cgF1"] == 0
  folder = next(tmp_path.glob("predictions/saco/instance/*"))
  for path in folder.glob("*.npz"):
    with np.load(path) as arrays:
      assert not arrays["value"].any()
