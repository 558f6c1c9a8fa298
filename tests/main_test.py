"""The command line: what it writes, and one line for everything that is wrong."""

import functools
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from tests.data.builders import layouts
from tests.eval import fake
from vision_banana import api, main
from vision_banana.commands import asking, evaluation
from vision_banana.codecs import depth
from vision_banana.data import sources
from vision_banana.errors import UserError
from vision_banana.train import launch, loop

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
  return fake.save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(autouse=True)
def load_once(tiny, monkeypatch):
  """The tiny model is compiled once for all tests; others load as always."""
  monkeypatch.setattr(
      api, "load", lambda m, like=None: (
          _load_tiny(tiny) if str(m) == str(tiny) else _LOAD(m, _load_tiny(tiny))))


_LOAD = api.load
_load_tiny = functools.cache(_LOAD)


@pytest.fixture
def photo(tmp_path):
  path = tmp_path / "photo.png"
  rng = np.random.default_rng(0)
  Image.fromarray(rng.integers(0, 256, (30, 44, 3), dtype=np.uint8)).save(path)
  return path


def _run(*argv):
  return main.main([str(a) for a in argv])


def _fails(capsys, *argv):
  """The one line that a wrong command prints."""
  assert _run(*argv) == 2
  printed = capsys.readouterr()
  lines = printed.err.splitlines()
  assert len(lines) == 1 and lines[0].startswith("vision-banana: error: "), printed.err
  return lines[0]


def test_help_is_quick_to_import_and_names_all_commands():
  code = ("import sys\nfrom vision_banana import main\n"
          "try:\n  main.main(['--help'])\nexcept SystemExit: pass\n"
          "assert not {'jax', 'numpy', 'PIL'} & set(sys.modules)")
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True,
                        text=True)
  assert done.returncode == 0, done.stderr
  for command in ("train", "eval", "compare", "predict", "generate", "render"):
    assert command in done.stdout


def test_runs_as_a_module():
  done = subprocess.run([sys.executable, "-m", "vision_banana.main", "predikt"],
                        cwd=ROOT, capture_output=True, text=True)
  assert done.returncode == 2 and "Traceback" not in done.stderr
  assert done.stderr.startswith("vision-banana: error: ") and "predict" in done.stderr


def test_predict_writes_picture_array_and_panel(tiny, photo, tmp_path):
  out = tmp_path / "out"
  assert _run("predict", "--model", tiny, "--task", "depth", photo, "--out", out) == 0
  names = ["photo_depth.json", "photo_depth.npy", "photo_depth.png",
           "photo_depth_picture.png"]
  assert sorted(p.name for p in out.iterdir()) == names
  painted = np.asarray(Image.open(out / "photo_depth.png"))
  assert painted.shape == (30, 44, 3)
  metres = np.load(out / "photo_depth.npy")
  np.testing.assert_array_equal(
      metres, np.asarray(depth.decode(painted.astype(np.float32) / 255)))
  panel = Image.open(out / "photo_depth_picture.png")
  assert panel.width > 3 * 300 and panel.height > 200
  about = json.loads((out / "photo_depth.json").read_text())
  assert about["steps"] == 2 and about["prompt"].startswith("Generate a metric depth")


def test_predict_takes_arguments_of_the_task(tiny, photo, tmp_path):
  assert _run("predict", "--model", tiny, "--task", "semantic", photo, "--out",
              tmp_path, "--classes", "floor=red,wall=(0, 0, 255)", "--background",
              "white") == 0
  about = json.loads((tmp_path / "photo_semantic.json").read_text())
  assert about["names"] == ["background", "floor", "wall"]
  assert '"wall": "(0, 0, 255)"' in about["prompt"] and "white" in about["prompt"]
  assert np.load(tmp_path / "photo_semantic.npy").max() <= 2
  assert _run("predict", "--model", tiny, "--task", "referring", photo, "--out",
              tmp_path, "--phrase", "the red mug") == 0


@pytest.mark.parametrize("text,expected", [
    ("floor,wall", {"floor": None, "wall": None}),
    ("floor=red, my wall=#80C000", {"floor": "red", "my wall": "#80C000"}),
    ("a=(1, 2, 3),b=<4,5,6>,c=RGB(7, 8, 9)",
     {"a": "(1, 2, 3)", "b": "<4,5,6>", "c": "RGB(7, 8, 9)"}),
    ('{"a, b": "red"}', {"a, b": "red"})])
def test_classes(text, expected):
  assert asking.parse_classes(text) == expected


@pytest.mark.parametrize("text", ["a=", "=red", "a,,b", "a=red,a=blue", '{"a": '])
def test_classes_that_make_no_sense(text):
  with pytest.raises(UserError, match="classes"):
    asking.parse_classes(text)


def test_generate_and_edit(tiny, photo, tmp_path):
  out = tmp_path / "new" / "room.png"
  assert _run("generate", "a red room", "--model", tiny, "--out", out) == 0
  assert Image.open(out).size == (16, 16)
  edited = tmp_path / "edited.png"
  assert _run("generate", "bluer", "--model", tiny, "--reference", photo, "--out",
              edited, "--seed", 3) == 0
  assert Image.open(edited).size == (44, 30)
  sized = tmp_path / "sized.png"
  assert _run("generate", "bluer", "--model", tiny, "--size", "16x16", "--out",
              sized) == 0
  assert Image.open(sized).size == (16, 16)


def test_eval_writes_table_json_and_report(tiny, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(evaluation, "_training_scenes", lambda: fake.scenes(3))
  assert _run("eval", "--model", tiny, "--benchmark", "motorcycle", "--compare",
              "--out", tmp_path / "out", "--json", tmp_path / "r.json", "--report",
              tmp_path / "r.html") == 0
  results = json.loads((tmp_path / "r.json").read_text())
  assert [c["name"] for c in results["columns"]] == ["tiny", "constant picture"]
  value = results["tasks"][0]["rows"][0]["values"]["constant picture"]
  assert f"{value:.3f}" in capsys.readouterr().out
  assert f"{value:.3f}" in (tmp_path / "r.html").read_text()


def test_eval_compares_with_the_parent_unless_told(tiny, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(evaluation, "_training_scenes", lambda: fake.scenes(3))
  eval_ = ("eval", "--benchmark", "motorcycle", "--out", tmp_path / "out", "--json",
           tmp_path / "r.json")
  columns = lambda: [c["name"] for c in json.loads(
      (tmp_path / "r.json").read_text())["columns"]]
  assert _run(*eval_, "--model", tiny) == 0  # tuned from "dust", which is nowhere
  assert "not compared" in capsys.readouterr().out
  assert columns() == ["tiny", "constant picture"]
  child = fake.save_model(tmp_path / "child", tuned_from=str(tiny))
  assert _run(*eval_, "--model", child) == 0
  assert columns() == ["child", "tiny", "constant picture"]
  assert _run(*eval_, "--model", child, "--compare") == 0
  assert columns() == ["child", "constant picture"]


def test_what_training_wrote_is_named_after_its_run(tmp_path, monkeypatch):
  monkeypatch.setattr(evaluation, "_training_scenes", lambda: fake.scenes(3))
  base, tuned, other = (tmp_path / n / "model" for n in ("base", "nano", "x/nano"))
  fake.save_model(base)
  fake.save_model(tuned, tuned_from=str(base))
  fake.save_model(other)
  eval_ = ("eval", "--benchmark", "motorcycle", "--limit", 1, "--out", tmp_path / "out",
           "--json", tmp_path / "r.json", "--model", tuned)
  columns = lambda: [c["name"] for c in json.loads(
      (tmp_path / "r.json").read_text())["columns"][:-1]]
  assert _run(*eval_) == 0
  assert columns() == ["nano", "base"]
  assert _run(*eval_, "--compare", other, "nano", base) == 0
  assert columns() == [f"{tmp_path.name}/nano", "x/nano", "nano", "base"]


def test_a_reader_that_has_enough_is_no_error(tmp_path):
  code = ("import sys\nfrom vision_banana import main\n"
          "from vision_banana.commands import asking\n"
          "def predict(args):\n  while True: print('line')\n"
          "asking.predict = predict\n"
          "sys.exit(main.main(['predict', 'a.png', '--task', 'depth']))")
  with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_train_passes_config_overrides_and_folder(tmp_path, monkeypatch):
  (tmp_path / "c.py").write_text(
      "import ml_collections\n"
      "def get_config(arg):\n"
      "  return ml_collections.ConfigDict(dict(\n"
      "      train=dict(steps=int(arg)), data=dict(mixture=dict(depth=1.0))))\n")
  seen = []
  monkeypatch.setattr(launch, "train", lambda config, workdir, timeout: seen.append(
      (config, workdir)) or loop.Result(7, "done", 1))
  assert _run("train", "--config", f"{tmp_path / 'c.py'}:7", "--workdir", "w",
              "--config.train.ema_decay=0.5") == 0
  config, workdir = seen[0]
  assert config.train.steps == 7 and config.train.ema_decay == 0.5 and workdir == "w"


def test_render_passes_its_arguments(monkeypatch):
  from vision_banana.data.rooms import generate  # pylint: disable=g-import-not-at-top
  seen = []
  monkeypatch.setattr(generate, "render_dataset",
                      lambda *a, **k: seen.append((a, k)))
  assert _run("render", "--num", 3, "--size", 32, "--out", "d", "--workers", 2,
              "--seed", 5, "--split", "test", "--edits", 1) == 0
  assert seen == [((3, 32, "d", 2, 5), {"split": "test", "num_edits": 1})]


def test_assets_are_fetched_alone_or_before_rendering(monkeypatch):
  from vision_banana.data.rooms import assets, generate  # pylint: disable=g-import-not-at-top
  done = []
  monkeypatch.setattr(assets, "fetch", lambda: done.append("fetch"))
  monkeypatch.setattr(generate, "render_dataset", lambda *a, **k: done.append("render"))
  assert _run("render", "--fetch-assets") == 0
  assert done == ["fetch"]
  assert _run("render", "--fetch-assets", "--num", 1, "--out", "d") == 0
  assert done == ["fetch", "fetch", "render"]


@pytest.mark.parametrize("argv,missing", [
    ((), "--num and --out:"), (("--num", 3), "--out:"),
    (("--fetch-assets", "--num", 3), "--out:"), (("--fetch-assets", "--out", "d"), "--num:")])
def test_rendering_wants_a_number_and_a_folder(capsys, monkeypatch, argv, missing):
  from vision_banana.data.rooms import assets  # pylint: disable=g-import-not-at-top
  monkeypatch.setattr(assets, "fetch", lambda: pytest.fail("fetched before it was refused"))
  assert missing in _fails(capsys, "render", *argv)


@pytest.mark.parametrize("argv,expected", [
    ([], "COMMAND"), (["predikt"], "invalid choice"), (["predict"], "--task"),
    (["eval", "--limit", "many"], "invalid int"),
    (["eval", "--mdoel", "nano"], "--mdoel"),
    (["predict", "a.png", "--task", "depth", "--config.x=1"], "--config.x=1"),
    (["train", "--config", "nowhere.py", "--workdir", "w"], "nowhere.py"),
    (["eval", "--benchmark", "nyu"], "unknown benchmark 'nyu'"),
    (["generate", "x", "--out", "a.png", "--size", "big"], "--size big"),
    (["generate", "x", "--out", "a.jpg", "--model", "no"], "a.jpg: name a .png"),
    (["generate", "x", "--out", "a.png", "--reference", "no.png"], "no.png"),
    (["predict", "a/x.png", "b/x.png", "--task", "depth"], "named 'x'"),
    (["predict", "no.png", "--task", "depth"], "no.png: no such file")])
def test_mistakes_are_one_line(argv, expected, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert expected in _fails(capsys, *argv)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments,expected", [
    (["--task", "dpeth"], "unknown task 'dpeth'; did you mean 'depth'?"),
    (["--task", "semantic", "--classes", "floor=rde"], "rde"),
    (["--task", "semantic"], "needs 'classes'"),
    (["--task", "depth", "--phrase", "x"], "phrase"),
    (["--task", "depth", "--colormap", "jet"], "jet"),
    (["--task", "depth", "--steps", "0"], "steps 0")])
def test_wrong_questions_leave_nothing(tiny, photo, tmp_path, capsys, arguments,
                                       expected):
  out = tmp_path / "out"
  assert expected in _fails(capsys, "predict", "--model", tiny, photo, "--out", out,
                            *arguments)
  assert not out.exists()


@pytest.mark.parametrize("damage,expected", [
    (lambda d: (d / "model.json").unlink(), "model.json"),
    (lambda d: (d / "model.json").write_text("{"), "corrupt"),
    (lambda d: (d / "tokenizer.json").write_text("{"), "tokenizer.json"),
    (lambda d: (d / "params.safetensors").write_bytes(
        (d / "params.safetensors").read_bytes()[:5000]), "params.safetensors")])
def test_damaged_models_are_named(tiny, photo, tmp_path, capsys, damage, expected):
  broken = tmp_path / "broken"
  broken.mkdir()
  for path in tiny.iterdir():
    (broken / path.name).write_bytes(path.read_bytes())
  damage(broken)
  line = _fails(capsys, "predict", "--model", broken, photo, "--task", "depth",
                "--out", tmp_path / "out")
  assert expected in line and not (tmp_path / "out").exists()


def test_a_model_of_other_sizes_is_refused(tiny, photo, tmp_path, capsys):
  odd = tmp_path / "odd"
  odd.mkdir()
  for path in tiny.iterdir():
    (odd / path.name).write_bytes(path.read_bytes())
  about = json.loads((odd / "model.json").read_text())
  about["config"]["flux2"]["num_single"] = 2
  (odd / "model.json").write_text(json.dumps(about))
  line = _fails(capsys, "predict", "--model", odd, photo, "--task", "depth", "--out",
                tmp_path / "out")
  assert "odd" in line


def test_a_place_that_cannot_be_written_is_named(tiny, photo, tmp_path, capsys):
  (tmp_path / "file").write_text("")
  assert "file" in _fails(capsys, "predict", "--model", tiny, photo, "--task", "depth",
                          "--out", tmp_path / "file" / "out")


KLEIN = pathlib.Path(__file__).parent / "goldens" / "klein"


def test_convert_there_and_back(tmp_path, capsys):
  orbax, back = tmp_path / "orbax", tmp_path / "back"
  assert _run("convert", KLEIN, orbax, "--to", "orbax") == 0
  assert _run("convert", orbax, back, "--to", "diffusers") == 0
  for path in KLEIN.rglob("*.safetensors"):
    ours, theirs = (safetensors.numpy.load_file(root / path.relative_to(KLEIN))
                    for root in (back, KLEIN))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
      np.testing.assert_array_equal(ours[key], value)
  assert capsys.readouterr().out.split() == [str(orbax), str(back)]


def test_an_adapter_is_merged_into_what_is_converted(tmp_path):
  out = tmp_path / "merged"
  assert _run("convert", KLEIN, out, "--to", "diffusers", "--lora",
              KLEIN.parent / "klein_lora_file.safetensors") == 0
  name = "transformer/diffusion_pytorch_model.safetensors"
  ours, theirs = (safetensors.numpy.load_file(f / name) for f in (out, KLEIN))
  changed = {k for k in theirs if not np.array_equal(ours[k], theirs[k])}
  assert "transformer_blocks.0.attn.to_q.weight" in changed
  assert "transformer_blocks.0.attn.to_k.weight" not in changed


def test_klein_from_the_shell(tmp_path):
  picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
  Image.fromarray(picture).save(tmp_path / "photo.png")
  assert _run("predict", tmp_path / "photo.png", "--model", KLEIN, "--task", "depth",
              "--steps", 1, "--guidance", 1, "--out", tmp_path) == 0
  assert np.load(tmp_path / "photo_depth.npy").shape == (50, 70)
  assert _run("generate", "a room", "--model", KLEIN, "--steps", 1, "--guidance", 1,
              "--size", "64x70", "--out", tmp_path / "room.png") == 0
  assert Image.open(tmp_path / "room.png").size == (70, 64)


@pytest.mark.parametrize("arguments, message", [
    (("none", "out", "--to", "orbax"), "no such model"),
    ((KLEIN / "transformer" / "diffusion_pytorch_model.safetensors", "out", "--to",
      "orbax"), "name the folder with the other parts"),
    ((KLEIN, KLEIN, "--to", "orbax"), "exists; remove it"),
    (("TINY", "out", "--to", "diffusers"), "is not a klein"),
])
def test_bad_conversions(tiny, tmp_path, monkeypatch, capsys, arguments, message):
  monkeypatch.chdir(tmp_path)
  assert _run("convert", *(tiny if a == "TINY" else a for a in arguments)) == 2
  error = capsys.readouterr().err
  assert message in error and error.count("\n") == 1
  assert not (tmp_path / "out").exists()


def test_build_and_hashes_from_the_shell(tmp_path, capsys):
  layouts.tartanair(tmp_path / "tartan")
  bench, known, out = tmp_path / "bench", tmp_path / "bench.txt", tmp_path / "out"
  bench.mkdir()
  shutil.copy(sorted((tmp_path / "tartan").rglob("*_left.png"))[0], bench / "q.png")
  assert _run("hashes", bench, "--out", known) == 0
  assert capsys.readouterr().out == f"{known}: 1 pictures of bench\n"
  assert _run("build", "tartanair", "--data", tmp_path / "tartan", "--out", out,
              "--size", 16, "--leak-lists", known) == 0
  printed = capsys.readouterr().out
  assert "3 scenes written, 0 could not be read, 1 are a benchmark's" in printed
  assert printed.splitlines()[-1] == str(out)
  assert len(sources.open_source(str(out), "train")) == 3
  assert "exists; remove it" in _fails(
      capsys, "build", "tartanair", "--data", tmp_path / "tartan", "--out", out)
  assert "no builder for 'coco'" in _fails(
      capsys, "build", "coco", "--data", tmp_path, "--out", tmp_path / "other")
