"""What fits on which pod: compiles klein's train step for each, and writes the table.

  python experiments/tpu_memory.py              # compiles what is missing, then writes
  python experiments/tpu_memory.py --rows v5e   # only rows whose name holds this
  python experiments/tpu_memory.py --table      # compiles nothing

It needs libtpu (`pip install 'vision-banana[tpu]'`), no TPU and no weights. Every row
is a JSON file in experiments/tpu_memory/, kept when it exists; delete one to compile
it again. A row takes 5 minutes and more of one core, and 4 GB of memory.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import time

from vision_banana.train import config, topology
from vision_banana.train import flops as flops_lib

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = ROOT / "experiments/tpu_memory"
TABLE = ROOT / "docs/tpu_memory.md"
GIB = 2**30
MFU = 0.4


@dataclasses.dataclass(frozen=True)
class Row:
  """One line of the table."""
  method: str
  size: int
  topology: str

  @property
  def chips(self) -> int:
    chips = 1
    for edge in self.topology.partition(":")[2].split("x"):
      chips *= int(edge)
    return chips

  @property
  def file(self) -> pathlib.Path:
    return ROWS / f"{self.method}_{self.size}_{self.topology.replace(':', '_')}.json"

  @property
  def config(self) -> str:
    name = {"full": "klein_tune", "lora": "klein_lora"}[self.method]
    return f"configs/{name}.py:size={self.size},batch_size={self.chips}"

  @property
  def arguments(self) -> list[str]:
    """Of `vision-banana compile`: a sample a chip, everything split over all chips."""
    return [
        "--config", self.config, "--topology", self.topology,
        "--mesh", f"data=1,fsdp={self.chips},tensor=1", "--mfu", str(MFU),
        "--what", "step"]


# The most asked for first.
PODS = ("v5e:4x4", "v6e:4x4", "v5p:4x4x4", "v5e:16x16")
TABLE_ROWS = [Row("full", 512, "v5e:4x4"), Row("lora", 1024, "v5e:2x4")]
TABLE_ROWS += [
    row for size in (512, 1024) for pod in PODS for method in ("full", "lora")
    if (row := Row(method, size, pod)) not in TABLE_ROWS]


def compile_row(row: Row) -> None:
  """Compiles a row in a process of its own and keeps the result."""
  ROWS.mkdir(parents=True, exist_ok=True)
  temporary = row.file.with_suffix(".tmp")
  start = time.monotonic()
  done = subprocess.run(
      [sys.executable, "-m", "vision_banana.main", "compile", *row.arguments,
       "--json", str(temporary)],
      cwd=ROOT, text=True, capture_output=True, check=False)
  if done.returncode:
    print(f"{row.file.stem}: failed\n{done.stderr[-3000:]}", flush=True)
    return
  result = {"command": ["vision-banana", "compile", *row.arguments]}
  result |= json.loads(temporary.read_text())
  temporary.write_text(json.dumps(result, indent=1) + "\n")
  temporary.replace(row.file)
  print(f"{row.file.stem}: {result['step']['verdict']} "
        f"({time.monotonic() - start:.0f} s)", flush=True)


_HEAD = """\
# What fits on which pod

Written by `experiments/tpu_memory.py` from ahead-of-time compiles of the real train
step (frozen Qwen3 and autoencoder inside, AdamW, averaged weights) by libtpu for each
pod; no TPU was used, and no time was measured. FLUX.2 [klein] base 4B, one reference
a sample, a sample a chip, blocks recomputed in the backward pass (`remat=full`).
Memory is what the compiler plans for one chip: arguments, temporaries and outputs that
take no argument's place, and code. Pictures are square, the shape with the most tokens
of those in the config. Operations are counted from the sizes, in PFLOP of a whole step:
"executed" adds what is computed again to the model's, which are what MFU counts. The
last column is no measurement: the time a step would take at 40 % MFU.

| method | picture | pod | mesh | batch | a chip needs | it has | | model PFLOP \
| executed | step at 40 % MFU |
|---|---|---|---|---|---|---|---|---|---|---|
"""
_TAIL = """
The whole of a row is in `experiments/tpu_memory/`, the command that gave it included:
bytes of arguments and temporaries, collectives, compile time. For another
configuration run `vision-banana compile` ({search} looks for the mesh and the remat
policy).
"""


def line(row: Row) -> str:
  """One line of the table."""
  names = {"full": "full fine-tune", "lora": "LoRA, rank 64"}
  begin = f"| {names[row.method]} | {row.size}² | {row.topology} |"
  if row.file.exists():
    result = json.loads(row.file.read_text())
    step, chips = result["step"], result["mesh"]
    memory, flops = step["memory"], step["flops"]
    found = [f"{memory['peak'] / GIB:.2f} GiB", f"{memory['hbm'] / GIB:.2f} GiB",
             step["verdict"]]
  else:
    # Operations need no compiler.
    tuned, chips = config.load(row.config), {"fsdp": row.chips}
    flops = flops_lib.step(tuned)
    found = ["", f"{topology.chip(row.topology).hbm / GIB:.2f} GiB", "not compiled yet"]
  mesh = " ".join(f"{k}={v}" for k, v in chips.items() if v > 1)
  seconds = flops["model"] / (
      row.chips * topology.chip(row.topology).bf16_flops * MFU)
  return " | ".join([
      begin + f" {mesh}", str(row.chips), *found, f"{flops['model'] / 1e15:.2f}",
      f"{flops['executed'] / 1e15:.2f}", f"{seconds:.2f} s |\n"])


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--rows", default="", help="only rows whose name holds this")
  parser.add_argument("--table", action="store_true", help="compile nothing")
  args = parser.parse_args()
  for row in TABLE_ROWS:
    if not args.table and args.rows in row.file.stem and not row.file.exists():
      compile_row(row)
  shown = sorted(TABLE_ROWS, key=lambda r: (
      r.size, r.method, ("v5e:2x4", *PODS).index(r.topology)))
  TABLE.parent.mkdir(exist_ok=True)
  TABLE.write_text(_HEAD + "".join(map(line, shown)) + _TAIL.format(
      search="`--search`"))
  print(f"{TABLE.relative_to(ROOT)}: {sum(r.file.exists() for r in shown)} of "
        f"{len(shown)} rows")


if __name__ == "__main__":
  main()
