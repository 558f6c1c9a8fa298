"""RefCOCOg, UMD split, val: 2,573 referred objects, one question a sentence."""

import pathlib
from typing import Any

from vision_banana.errors import UserError
from vision_banana.eval import images, protocols, records
from vision_banana.eval.datasets import layout, plain_pickle
from vision_banana.eval.metrics import rle
from vision_banana.tasks import tasks


def _load(image: pathlib.Path, size: tuple[int, int], annotation: dict[str, Any]):
  picture = images.read(image)
  if picture.shape[:2] != size:
    raise UserError(f"{image}: is {picture.shape[0]}x{picture.shape[1]}, instances."
                    f"json says {size[0]}x{size[1]} (height x width); restore the "
                    "picture.")
  mask, = rle.parse([annotation["segmentation"]], [picture.shape[:2]])
  return picture, mask.mask()


def _read(data: pathlib.Path) -> records.Split:
  root = layout.root(data, "refcocog", "refs(umd).p")
  path = root / "refs(umd).p"
  instances = layout.parsed(root / "instances.json")
  folder = layout.first(
      [parent / inner for parent in (root, root.parent, root.parent.parent)
       for inner in ("train2014", "images/train2014", "coco/train2014",
                     "images/mscoco/images/train2014")], "COCO's train2014 images")
  questions, refs = [], []
  try:
    files = {i["id"]: (i["file_name"], (i["height"], i["width"]))
             for i in instances["images"]}
    annotations = {a["id"]: a for a in instances["annotations"]}
    for ref in plain_pickle.read(path):
      if ref["split"] != "val":
        continue
      annotation = annotations[ref["ann_id"]]
      refs.append(str(ref["ref_id"]))
      for sentence in ref["sentences"]:
        phrase = sentence["sent"].strip().lower()
        questions.append(layout.question(
            f"{ref['ref_id']}-{sentence['sent_id']}",
            tasks.request("referring", phrase=phrase), _load,
            folder / files[ref["image_id"]][0], files[ref["image_id"]][1], annotation))
  except (KeyError, TypeError) as e:
    raise UserError(f"{path}: does not fit {root / 'instances.json'} (no {e}); "
                    "restore both files.") from e
  return layout.split_of(questions, refs)


REFCOCOG = records.Benchmark(
    name="refcocog",
    about="RefCOCOg (UMD split) val, masks of referred objects.",
    read=_read, split="val (UMD)", sha256="", seed=0, crop="none",
    units="sentences", size=4896,
    protocols=(protocols.masks(
        "ciou", "Canonical prompt, white on black, one question a sentence, lower "
        "case. cIoU = ΣI/ΣU at the size of the picture; the hash is of the 2,573 "
        "referred objects."),),
    folder="refcocog")
