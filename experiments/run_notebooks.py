"""Runs every notebook from top to bottom; fails where a cell does.

    python experiments/run_notebooks.py [NOTEBOOK ...] [--out FOLDER]

With --out their figures are kept, FOLDER/NOTEBOOK-CELL.png, to be looked at.
"""

import argparse
import base64
import pathlib
import time

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).parent.parent


def main(argv: list[str] | None = None) -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("notebooks", nargs="*", type=pathlib.Path)
  parser.add_argument("--out", type=pathlib.Path, help="folder of their figures")
  args = parser.parse_args(argv)
  total = 0.0
  for path in args.notebooks or sorted((ROOT / "colabs").glob("*.ipynb")):
    began = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}}).execute()
    seconds = time.monotonic() - began
    total += seconds
    if args.out:
      keep_figures(notebook, args.out, path.stem)
    print(f"{path.name}: ran in {seconds:.0f} s", flush=True)
  print(f"all: {total:.0f} s")


def keep_figures(notebook: nbformat.NotebookNode, out: pathlib.Path, name: str) -> None:
  """Writes the PNG outputs of an executed notebook."""
  out.mkdir(parents=True, exist_ok=True)
  for number, cell in enumerate(notebook.cells):
    pictures = [o.data["image/png"] for o in cell.get("outputs", ())
                if "image/png" in o.get("data", {})]
    for i, picture in enumerate(pictures):
      more = f"-{i + 1}" if len(pictures) > 1 else ""
      (out / f"{name}-{number:02}{more}.png").write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
  main()
