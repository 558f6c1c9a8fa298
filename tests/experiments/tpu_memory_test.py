"""The memory table: which rows it has, and how it shows them."""

import json
import pathlib

import pytest

from experiments import tpu_memory

ROOT = pathlib.Path(__file__).parents[2]


def test_has_every_pod_size_and_method_once():
  rows = [(r.method, r.size, r.topology) for r in tpu_memory.TABLE_ROWS]
  assert len(set(rows)) == len(rows) == 17
  pods = ("v5e:4x4", "v5e:16x16", "v6e:4x4", "v5p:4x4x4")
  assert {(m, s, p) for m in ("full", "lora") for s in (512, 1024) for p in pods} | {
      ("lora", 1024, "v5e:2x4")} == set(rows)


def test_shows_what_was_compiled_and_what_was_not(tmp_path, monkeypatch):
  monkeypatch.setattr(tpu_memory, "ROWS", tmp_path)
  row = tpu_memory.Row("full", 512, "v5p:4x4x4")
  assert row.chips == 64
  missing = tpu_memory.line(row)
  assert missing.startswith("| full fine-tune | 512² | v5p:4x4x4 | fsdp=64 | 64 |  | "
                            "95.74 GiB | not compiled yet | 3.7")
  row.file.write_text(json.dumps({
      "mesh": {"data": 1, "fsdp": 32, "tensor": 2}, "step": {
          "verdict": "fits", "memory": {"peak": 3 * 2**30, "hbm": 95 * 2**30},
          "flops": {"model": 2.5e15, "executed": 4e15}}}))
  assert tpu_memory.line(row) == (
      "| full fine-tune | 512² | v5p:4x4x4 | fsdp=32 tensor=2 | 64 | 3.00 GiB | "
      "95.00 GiB | fits | 2.50 | 4.00 | 0.21 s |\n")


@pytest.mark.parametrize("row", [
    tpu_memory.Row("full", 512, "v5e:4x4"), tpu_memory.Row("lora", 1024, "v5e:2x4")])
def test_the_smallest_slices_that_are_promised_fit(row):
  kept = json.loads(row.file.read_text())
  assert kept["command"][2:] == row.arguments
  memory = kept["step"]["memory"]
  assert kept["step"]["verdict"] == "fits" and memory["peak"] < memory["hbm"]


@pytest.mark.parametrize("row", tpu_memory.TABLE_ROWS, ids=lambda r: r.file.stem)
def test_the_table_in_the_docs_is_that_of_the_kept_rows(row):
  assert tpu_memory.line(row) in (ROOT / "docs/tpu_memory.md").read_text()
