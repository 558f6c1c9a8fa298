"""Runs every notebook from top to bottom; fails where a cell does.

    python experiments/run_notebooks.py [NOTEBOOK ...]
"""

import pathlib
import sys
import time

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).parent.parent


def main(paths: list[str]) -> None:
  notebooks = [pathlib.Path(p) for p in paths] or sorted(
      (ROOT / "colabs").glob("*.ipynb"))
  for path in notebooks:
    began = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    print(f"{path.name}: ran in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
  main(sys.argv[1:])
