"""The page holds every number of the JSON and every picture, and nothing from afar."""

import base64
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.eval import fake
from vision_banana.eval import baselines, benchmarks, charts, evaluator, figures
from vision_banana.eval import panels, questions, report, tables

SCENES = fake.scenes(3)
TASKS = [p.task for p in benchmarks.ROOMS.protocols]
LOG = [{"step": s, "loss": 1 / s, "loss/depth": 2 / s, "grad_norm": 1.0}
       for s in range(10, 60, 10)]


class _Page(html.parser.HTMLParser):
  """Collects table rows (text of each cell), images with captions, and tags."""

  def __init__(self, text):
    super().__init__()
    self.rows, self.images, self.tags, self._cell = [], [], [], None
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag == "tr":
      self.rows.append([])
    if tag in ("td", "th"):
      self.rows[-1].append("")
      self._cell = True
    if tag == "img":
      self.images.append((dict(attrs)["alt"], dict(attrs)["src"]))

  def handle_endtag(self, tag):
    if tag in ("td", "th"):
      self._cell = None

  def handle_data(self, data):
    if self._cell:
      self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  evaluation = evaluator.evaluate(
      [fake.Oracle(SCENES)], fake.benchmark(3), tmp_path_factory.mktemp("out"),
      constant=baselines.fit(fake.scenes(4, 100), TASKS), num_examples=2,
      log=lambda line: None)
  page = report.render([evaluation], "A <title>", "An & intro.", {"Curve": LOG})
  return evaluation, page


def test_every_number_of_the_json_is_in_the_table(made):
  evaluation, page = made
  rows = iter(r for r in _Page(page).rows if len(r) == 3 and r[0])
  for task in evaluation.results["tasks"]:
    for row in task["rows"]:
      label, *cells = next(rows)
      assert label == f"{row['label']} {tables.arrow(row)}"
      assert cells == [tables.cell(row["values"][c["name"]], row["unit"])
                       for c in evaluation.results["columns"]]
  assert next(rows, None) is None


def test_plots_are_in_the_page(tmp_path):
  path = tmp_path / "plot.png"
  path.write_bytes(b"a picture")
  page = report.render([], "t", plots={"A <heading>": ("Some & words.", [path])})
  assert "<h2>A &lt;heading&gt;</h2><p>Some &amp; words.</p>" in page
  (alt, src), = _Page(page).images
  assert alt == "plot" and base64.b64decode(src.partition(",")[2]) == b"a picture"


def test_every_example_shows_all_its_pictures(made):
  evaluation, page = made
  shown = iter(_Page(page).images)
  for examples in evaluation.examples.values():
    for example in examples:
      expected = {"truth": figures.painted_truth(
          example.item.request, example.item.truth),
                  "painted: oracle": example.answers["oracle"].rgb}
      captions = ["truth", "painted: oracle"]
      if example.item.picture is not None:
        expected["input"], captions = example.item.picture, ["input", *captions]
      if example.item.request.codec != "image":
        captions += ["decoded: truth", "decoded: oracle"]
      for caption in captions:
        alt, src = next(shown)
        assert alt == caption
        data = base64.b64decode(src.removeprefix("data:image/png;base64,"))
        picture = np.array(Image.open(io.BytesIO(data)))
        assert picture.shape == (32, 32, 3)
        if caption in expected:
          np.testing.assert_array_equal(picture, expected[caption])
  assert next(shown, None) is None


def test_the_page_needs_no_network_and_escapes_text(made):
  page = made[1]
  assert "A &lt;title&gt;" in page and "An &amp; intro." in page
  assert not re.search(r"(src|href)=['\"](?!data:)|url\(|@import|<script", page)
  assert made[0].results["split_hash"] in page and "1 step" in page


def test_words_say_how_far_from_the_constant_picture(made):
  assert re.search(r"beats the best constant picture by 0\.\d{3}", made[1])
  worse = evaluator.Evaluation({**made[0].results, "tasks": [
      {**t, "rows": [{**r, "values": {n: v if n != "oracle" else -1.0
                                      for n, v in r["values"].items()}}
                     for r in t["rows"]]}
      for t in made[0].results["tasks"] if t["task"] == "semantic"]}, {})
  assert "behind the best constant picture by" in report.render([worse], "t")


def test_the_curve_draws_losses_only(made):
  page = made[1]
  assert page.count("<svg") == 1 and "loss/depth" in page and "grad_norm" not in page
  assert "<svg" not in report.render([made[0]], "t")
  long = [{"step": s, "loss": 1.0 + s % 2} for s in range(5000)]
  assert len(report.render([], "t", logs={"Long": long})) < 20_000
  assert charts.curve({"a": [(1, float("nan")), (2, 0.0), (3, 1.0)]}, "x", "y") == ""
  points = charts.curve({"a": [(0, 1), (10, 100), (20, 10)]}, "x", "y")
  path = re.findall(r'd="M([\d.L ]+)" fill="none"', points)[0]
  xs, ys = np.array([p.split() for p in path.split("L")], float).T
  assert np.diff(xs) == pytest.approx([xs[1] - xs[0]] * 2)
  assert ">1</text>" in points and ">100</text>" in points
  assert (ys[2] - ys[1]) == pytest.approx((ys[0] - ys[1]) / 2)  # logarithmic


def test_decoded_pictures_mean_what_they_say():
  scene = SCENES[0]
  picture = scene["image"]
  depth = np.array([[1.0, 3.0, np.nan]])
  shown = figures.depth(depth, (1.0, 3.0))
  np.testing.assert_array_equal(shown.rgb[0, 2], [0, 0, 0])
  np.testing.assert_allclose(shown.rgb[0, :2], [[68, 1, 84], [253, 231, 37]], atol=2)
  item = questions.ask("semantic", [scene], 0)[0]
  labels = figures.decoded(item.request, item.truth, picture)
  assert [t.split()[0] for _, t in labels.swatches] == list(questions.CLASSES)
  item = questions.ask("instance", [scene], 0)[0]
  assert figures.decoded(item.request, item.truth, picture).note == "2 instances"
  item = questions.ask("referring", [scene], 0)[1]
  assert figures.decoded(item.request, item.truth, picture).note == "nothing found"
  up_left = figures.normals(np.array([[[-.6, .6, .53], [.6, -.6, -.53]]]))
  assert up_left.rgb[0, 0, 0] > 240 and up_left.rgb[0, 1, 0] < 50


@pytest.mark.parametrize("size", [(32, 32), (20, 600), (700, 300)])
def test_panels_of_any_size(size):
  picture = np.full((*size, 3), 200, np.uint8)
  panel = panels.panel([("input", picture), ("painted", picture)],
                       figures.depth(np.ones(size)), "A long prompt. " * 12)
  assert panel.ndim == 3 and panel.dtype == np.uint8 and max(panel.shape) < 1200
