"""GenAI-Bench: 1,600 prompts to paint."""

import pathlib

from vision_banana.eval import protocols, records
from vision_banana.eval.datasets import layout
from vision_banana.tasks import tasks


def _read(data: pathlib.Path) -> records.Split:
  path = layout.root(data, "genai_bench", "genai_image.json") / "genai_image.json"
  with layout.entries_of(path):
    questions = [
        layout.question(
            name, tasks.request("text_to_image", prompt=row["prompt"]),
            lambda: (None, None))
        for name, row in sorted(layout.rows(path, "{:05d}").items())]
  return layout.split_of(questions, [f"{q.name} {q.request.prompt}" for q in questions])


GENAI_BENCH = records.Benchmark(
    name="genai_bench",
    about="GenAI-Bench prompts, text to image; compared with another model's pictures.",
    read=_read, split="all", sha256="", seed=0, crop="none", units="prompts", size=1600,
    protocols=(protocols.votes("text_to_image"),), folder="genai_bench")
