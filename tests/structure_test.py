"""The house: everything imports, imports go down only, BUILD lists every file."""

import ast
import graphlib
import importlib
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "vision_banana"
# A module imports from its own layer and from earlier ones.
LAYERS = (
    "errors", "settings", "folders", "codecs", "tasks", "data", "models", "generators",
    "train", "eval", "painter", "api", "commands", "main")
# Generators know nothing of scenes or tasks, and what is below them neither.
FORBIDDEN = {"models": ("tasks", "data"), "generators": ("tasks", "data"),
             "data": ("models",), "tasks": ("models",), "codecs": LAYERS[4:]}


def _modules():
  for path in sorted(PACKAGE.rglob("*.py")):
    parts = path.relative_to(ROOT).with_suffix("").parts
    yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: pathlib.Path):
  """Names of our modules that a file imports, anywhere in it."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (a.name for a in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
      assert not node.level, f"{path}: relative import"
      yield from (f"{node.module}.{a.name}" for a in node.names)


def _layer(module: str) -> str | None:
  parts = module.split(".")
  if parts[0] != "vision_banana" or len(parts) < 2 or parts[1] not in LAYERS:
    return None
  return parts[1]


@pytest.mark.parametrize("module", [m for _, m in _modules()])
def test_module_imports(module):
  importlib.import_module(module)


def test_imports_go_down_the_house():
  problems = []
  for path, module in _modules():
    layer = _layer(module)
    for name in _imports(path):
      other = _layer(name)
      if layer is None or other is None:
        continue
      up = LAYERS.index(other) > LAYERS.index(layer)
      if up or other in FORBIDDEN.get(layer, ()):
        problems.append(f"{module} imports {name}")
  assert not problems, problems


def test_every_package_has_a_layer():
  for path in PACKAGE.iterdir():
    if path.name in ("__init__.py", "__pycache__", "embedded"):
      continue
    assert path.stem in LAYERS, f"{path.name} is not a layer of the house"


def test_importing_everything_needs_no_other_framework():
  code = "import sys\n" + "\n".join(
      f"import {m}" for _, m in _modules()) + (
          "\nbad = {'torch', 'tensorflow', 'diffusers', 'transformers', 'mitsuba'}"
          "\nsys.exit(' '.join(bad & set(sys.modules)) or 0)")
  result = subprocess.run(
      [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
  assert result.returncode == 0, result.stderr


def _listed() -> set[str]:
  text = (ROOT / "BUILD").read_text()
  return set(re.findall(r'"([\w/.\-]+\.(?:py|ipynb))"', text))


def _tracked() -> set[str]:
  folders = ("vision_banana", "configs", "experiments", "colabs", "tests")
  return {
      str(p.relative_to(ROOT)) for f in folders for p in (ROOT / f).rglob("*")
      if p.suffix in (".py", ".ipynb") and ".ipynb_checkpoints" not in p.parts}


def test_build_lists_every_file():
  assert _tracked() - _listed() == set(), "add these to BUILD"
  assert _listed() - _tracked() - {"setup.py"} == set(), "remove these from BUILD"


def test_every_test_is_a_build_target():
  text = (ROOT / "BUILD").read_text()
  targets = set(re.findall(r'py_test\(\s*name = "([\w/]+)"', text))
  tests = {
      str(p.relative_to(ROOT).with_suffix("")) for p in (ROOT / "tests").rglob("*_test.py")}
  assert targets == tests


def test_build_targets_do_not_need_each_other_in_a_circle():
  rules = re.findall(r'py_library\(\s*name = "([\w/]+)",(.*?)\n\)',
                     (ROOT / "BUILD").read_text(), re.DOTALL)
  needs = {name: set(re.findall(r'":([\w/]+)"', body)) for name, body in rules}
  graphlib.TopologicalSorter(needs).prepare()  # Raises CycleError with the circle.


def test_every_module_has_a_docstring():
  for path, module in _modules():
    assert ast.get_docstring(ast.parse(path.read_text())), module


def test_files_fit_in_the_head():
  for path, _ in _modules():
    assert len(path.read_text().splitlines()) <= 450, path


def test_repository_stays_small():
  listed = subprocess.run(
      ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
  if listed.returncode:
    pytest.fail("not a git checkout")
  sizes = {
      f: (ROOT / f).stat().st_size for f in listed.stdout.split("\0")
      if f and (ROOT / f).exists()}
  assert max(sizes.values()) < 25e6
  assert sum(sizes.values()) < 80e6
