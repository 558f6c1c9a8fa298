"""Every notebook is clean, has its badge, and names only what the package has."""

import ast
import importlib
import json
import pathlib
import re

import pytest

from vision_banana.train import config

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "colabs").glob("*.ipynb"))
COLAB = "https://colab.research.google.com/github/vision-banana/vision_banana/blob/main/"

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def _cells(path, kind):
  return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
          if cell["cell_type"] == kind]


def _python(path):
  """The code of a notebook, in one tree; commands of the shell and of IPython out."""
  sources = [re.sub(r"^%%writefile .*\n", "", cell) for cell in _cells(path, "code")]
  return ast.parse("\n".join(
      re.sub(r"^( *)[!%].*$", r"\1pass", cell, flags=re.M) for cell in sources))


def test_there_are_five():
  assert {p.stem for p in NOTEBOOKS} == {
      "quickstart", "data_mixture", "depth_codec", "own_data", "klein"}


@every
def test_outputs_are_stripped(path):
  notebook = json.loads(path.read_text())
  assert notebook["nbformat"] == 4 and notebook["nbformat_minor"] == 5
  assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
  assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
  for cell in notebook["cells"]:
    assert not cell["metadata"]
    if cell["cell_type"] == "code":
      assert cell["outputs"] == [] and cell["execution_count"] is None


@every
def test_it_opens_with_a_title_and_its_own_badge(path):
  title, badge = _cells(path, "markdown")[0].split("\n\n")[:2]
  assert title.startswith("# ") and "\n" not in title
  assert badge.startswith("[![Open in Colab](")
  assert badge.endswith(f"]({COLAB}colabs/{path.name})")


@every
def test_the_first_code_is_the_switch_and_then_the_installation(path):
  first = _cells(path, "code")[0]
  assert re.match(r'MODEL = "(nano|tiny-klein)"  # ', first)
  clone = re.search(r"git clone .* https://github.com/vision-banana/vision_banana (\w+)",
                    first)
  assert f"%cd -q {clone[1]}\n" in first and "%pip install -q -e .{extra}" in first


@every
def test_links_lead_to_files(path):
  for text in _cells(path, "markdown"):
    for target in re.findall(r"\]\(([^)]+)\)", text):
      assert target.startswith("https://") or (path.parent / target).exists(), target


@every
def test_what_it_imports_is_in_the_package(path):
  imported = [node for node in ast.walk(_python(path))
              if isinstance(node, ast.ImportFrom)]
  for node in imported:
    assert not node.module.startswith(("tests", "experiments"))
    if node.module.startswith("vision_banana"):
      module = importlib.import_module(node.module)
      for name in node.names:
        if not hasattr(module, name.name):
          importlib.import_module(f"{node.module}.{name.name}")


@every
def test_the_configs_it_names_exist_and_take_its_arguments(path):
  named = re.findall(r'"(configs/\w+\.py)(?::([\w=]*))?', "\n".join(_cells(path, "code")))
  for file, argument in named:
    # What comes from variables, such as `init={MODEL}`, is not written there yet.
    complete = argument if argument and not argument.endswith("=") else None
    config.load(f"{ROOT / file}:{complete}" if complete else str(ROOT / file))
