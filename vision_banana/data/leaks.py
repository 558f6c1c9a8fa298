"""The leak guard: nothing is trained on that a benchmark is made of.

A number on a benchmark is zero-shot only if no split of its data was in the
mixture (paper, section on the instruction-tuning data). The guard reads what a
source says of its origin, its names, and, with lists of hashes, its pictures.
"""

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vision_banana.data import fingerprints, source_hashes
from vision_banana.errors import UserError

# Beside a dataset: {"origin": "hypersim", "checked_against": ["reasonseg"]}. TFDS
# directories have it; a user's folder may.
STATEMENT = "metadata.json"
_TFDS_INFO = "dataset_info.json"
_MAX_DEPTH = 3  # As in `sources`: a parent of parts, each data_dir/name/version.


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """A benchmark whose data must not be trained on.

  Attributes:
    name: for people.
    ids: ways to write it and what shares its pictures, lower case, no punctuation.
    reason: why.
  """
  name: str
  ids: tuple[str, ...]
  reason: str


BENCHMARKS = (
    Benchmark("Cityscapes", ("cityscapes", "leftimg8bit", "gtfine", "mseg"),
              "semantic segmentation is evaluated on it"),
    Benchmark("RefCOCOg", ("refcocog", "refcoco", "grefcoco", "refcocoplus"),
              "referring segmentation is evaluated on it"),
    Benchmark("COCO", ("coco", "mscoco", "coco2014", "coco2017", "cocostuff", "lvis",
                       "train2014", "train2017", "val2014", "val2017", "paco",
                       "visualgenome", "phrasecut", "gqa", "openpsg"),
              "RefCOCOg's pictures are COCO's"),
    Benchmark("ReasonSeg", ("reasonseg",),
              "reasoning segmentation is evaluated on it"),
    Benchmark("SA-Co", ("saco", "sacogold", "sacosilver", "sa1b", "segmentanything"),
              "instance segmentation is evaluated on SA-Co/Gold, which draws on SA-1B"),
    Benchmark("NYUv2", ("nyuv2", "nyudv2", "nyu2", "nyudepth", "nyudepthv2", "sunrgbd"),
              "depth and normals are evaluated on it"),
    Benchmark("iBims-1", ("ibims", "ibims1"), "depth is evaluated on it"),
    Benchmark("ETH3D", ("eth3d",), "depth is evaluated on it"),
    Benchmark("DIODE", ("diode",), "depth and normals are evaluated on it"),
    Benchmark("Virtual KITTI", ("vkitti", "vkitti2", "virtualkitti", "virtualkitti2"),
              "normals are evaluated on Virtual KITTI 2"),
    Benchmark("KITTI", ("kitti", "kittiraw", "kittidepth"), "depth is evaluated on it"),
    Benchmark("nuScenes", ("nuscenes",), "depth is evaluated on it"),
    Benchmark("ScanNet", ("scannet", "scannetv2", "scannet200", "framenet",
                          "scanrefer"), "normals are evaluated on it"),
    Benchmark("GenAI-Bench", ("genaibench",), "generation is evaluated on it"),
    Benchmark("ImgEdit", ("imgedit", "imgeditbench"), "editing is evaluated on it"),
)
# Sets that are fine but for the pictures a benchmark took from them: origin →
# benchmark whose list of hashes must be given. LISA (Lai et al., 2024, section 3.2)
# drew ReasonSeg from Open Images and ScanNet.
_NEEDS_LIST = {"openimages": "reasonseg", "openimagesv7": "reasonseg",
               "oidv7": "reasonseg"}


def check_names(paths: Mapping[str, str], leak_lists: Sequence[str] = ()) -> None:
  """Refuses sources that are, or say that they are from, a benchmark's data.

  What a source states as its origin decides, with the name of its builder; when it
  states nothing, its name in the config and those on its path are read.

  Args:
    paths: the sources of a mixture: name → file or folder, '' for none.
    leak_lists: files of `vision-banana hashes`.

  Raises:
    UserError: with the source, the benchmark and the reason.
  """
  listed = {_plain(fingerprints.load(path).benchmark) for path in leak_lists}
  for name, path in paths.items():
    statements = _statements(path)
    stated = [origin for s in statements for origin in _texts(s.get("origin"))]
    kinds = [s["name"] for s in statements if "name" in s]
    checked = listed | {_plain(b) for s in statements
                        for b in _texts(s.get("checked_against"))}
    names = [name, path, os.path.realpath(path)] if path else [name]
    for text in [*stated, *kinds] or names:
      benchmark = named(text)
      if benchmark:
        fix = "" if stated or kinds else (
            ", or, if it only sounds so, say where it is from in "
            f'{STATEMENT} beside it: {{"origin": "…"}}')
        raise UserError(f"source '{name}' ('{text}') is {benchmark.name}, which must "
                        f"not be trained on: {benchmark.reason}; take it out of the "
                        f"mixture{fix}.")
      for origin, needed in _NEEDS_LIST.items():
        if _mentions(text, (origin,)) and needed not in checked:
          raise UserError(
              f"source '{name}' ('{text}'): {needed} took its pictures from this set; "
              f"make their list by 'vision-banana hashes DIR --benchmark {needed} "
              "--out FILE' and name it in config.data.leak_lists.")


def check_pictures(name: str, source: Sequence[Mapping[str, Any]], path: str,
                   settings: str, leak_lists: Sequence[str]) -> None:
  """Refuses a source with a picture that is in one of the lists.

  Edited pictures count as the photograph does. The hashes of a source are computed
  once and kept, see `source_hashes`.

  Args:
    name: of the source in the config.
    source: its scenes.
    path: where it is; '' for a source in memory.
    settings: all that decides how the files become scenes.
    leak_lists: files of `vision-banana hashes`.

  Raises:
    UserError: with the source, the record, the benchmark and its picture.
  """
  if not leak_lists:
    return
  lists = [fingerprints.load(file) for file in leak_lists]
  hashes, records = source_hashes.of(name, source, path, settings)
  found = fingerprints.matches(hashes, lists)
  if found:
    first = min(found, key=lambda m: m.bits)
    count = len({records[m.index] for m in found})
    raise UserError(
        f"source '{name}': a picture of record {records[first.index]} is "
        f"'{first.name}' of {first.benchmark} ({first.bits} of 64 bits differ); "
        f"{count} such records in all; take the source out, or build it again with "
        "--leak-lists, which leaves them out.")


def named(text: str) -> Benchmark | None:
  """The benchmark that a name or path contains, in any spelling, or None."""
  return next((b for b in BENCHMARKS if _mentions(text, b.ids)), None)


def _mentions(text: str, ids: Sequence[str]) -> bool:
  """Whether some words in a row are one of `ids`, which have no punctuation."""
  words = re.findall(r"[a-z0-9]+", text.lower().replace("+", "plus"))
  return any("".join(words[i:j]) in ids for i in range(len(words))
             for j in range(i + 1, min(i + 4, len(words)) + 1))


def _plain(text: str) -> str:
  return "".join(re.findall(r"[a-z0-9]+", text.lower()))


def _texts(value: Any) -> list[str]:
  """What a statement says in words; files of other programs hold anything."""
  values = [value] if isinstance(value, str) else value
  return ([text for text in values if isinstance(text, str) and text.strip()]
          if isinstance(values, list) else [])


def _statements(path: str) -> list[dict[str, Any]]:
  """What a source says of itself: `STATEMENT` and the TFDS name of each part."""
  if not path:
    return []
  top = pathlib.Path(path).expanduser()
  folders = [top.parent] if top.is_file() else _folders(top)
  found = []
  for folder in folders:
    statement = _json(folder / STATEMENT)
    # Only the name of a dataset; its description may mention any other.
    info = {k: v for k, v in _json(folder / _TFDS_INFO).items() if k == "name"}
    if statement or info:
      found.append({**info, **{k: v for k, v in statement.items() if k != "name"}})
  return found


def _folders(top: pathlib.Path, depth: int = 0) -> list[pathlib.Path]:
  """A folder and those below it, down to the TFDS directories."""
  here = [top] if top.is_dir() else []
  if depth == _MAX_DEPTH or not here or (top / _TFDS_INFO).is_file():
    return here
  with os.scandir(top) as entries:
    below = sorted(entry.path for entry in entries if entry.is_dir())
  return here + [f for path in below for f in _folders(pathlib.Path(path), depth + 1)]


def _json(path: pathlib.Path) -> dict[str, Any]:
  if not path.is_file():
    return {}
  try:
    value = json.loads(path.read_text())
  except (OSError, ValueError) as e:
    raise UserError(f"{path}: cannot be read ({e}); write JSON, for example "
                    '{"origin": "my photos"}.') from e
  return value if isinstance(value, dict) else {}
